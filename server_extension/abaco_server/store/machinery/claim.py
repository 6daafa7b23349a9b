"""One service works on a database at a time: a second would take over what the first runs.

SQLite needs no claim: its file lies beside the lock that says which server hosts the service.
On PostgreSQL a session-level advisory lock says it, on a connection of its own; the database
takes it back when that connection ends, however it ends.
"""

from sqlalchemy import Connection, Engine, text

from abaco_jupyter.wire.errors import NotReady

_KEY = 0x_AB_AC_0


def claim(engine: Engine) -> Connection | None:
    """The connection that holds the claim, to be closed at the end. Raises NotReady."""
    if engine.dialect.name == "sqlite":
        return None
    connection = engine.connect().execution_options(isolation_level="AUTOCOMMIT")
    if connection.execute(text("SELECT pg_try_advisory_lock(:key)"), {"key": _KEY}).scalar():
        return connection
    connection.close()
    shown = engine.url.render_as_string(hide_password=True)
    raise NotReady(
        f"Another Abaco service uses the database {shown}: a database serves one. "
        "Stop the other, or give this one a database of its own (AbacoApp.store_url)."
    )
