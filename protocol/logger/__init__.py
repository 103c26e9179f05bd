"""Temperature logs: from the raw bytes of a logger's export and a declared format to figures. Pure, and never a guess.

`declaration` says how a file is written, `table` finds its rows, `read` makes them readings in UTC and degrees Celsius,
`figures` computes what the study asks, `deciding` says what follows. `detect` proposes a declaration to a person.
"""
