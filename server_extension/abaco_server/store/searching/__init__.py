"""Search over actors, executions, workers and logs.

rooms.py         what can be searched: tables, fields, texts, and who may see which rows
clauses.py       a condition as SQL, where SQLite and PostgreSQL would say the same of it
sifting.py       what is left, asked of the rows that SQL let through, one by one
expressions.py   regular expressions, in a process of their own
find.py          one search from the query to the page of records
"""

from abaco_server.store.searching.find import find

__all__ = ["find"]
