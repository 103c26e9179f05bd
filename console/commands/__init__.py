"""The commands, one file a theme; `console.catalogue` names them all."""
