"""WALLS: disposable SQL views of the log. They can be thrown away and rebuilt at any time; nothing is read from them to decide."""
