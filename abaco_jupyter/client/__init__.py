"""A server's actors, executions and builds as Python objects. Blocking; safe in threads."""
