"""The validation report: each requirement, the stories that show it, and what came of them. `make validation` writes it."""
