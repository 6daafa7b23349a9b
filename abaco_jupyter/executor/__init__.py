"""`AbacoExecutor`: `concurrent.futures` whose calls run in containers."""
