"""GROUND: facts, identifiers, signed bytes, authority, and the log they stand in. Knows no medicine and no clock."""
