"""Alembic's environment. A change of `tables.py` gets a new file in `versions/` here, and
`machinery/schema.py` gets its revision as HEAD."""
