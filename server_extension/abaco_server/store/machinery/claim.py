"""One service works on a database at a time: a second would take over what the first runs.

SQLite needs no claim: its file lies beside the lock that says which server hosts the service.
On PostgreSQL a session-level advisory lock says it, on a connection of its own; the database
takes it back when that connection ends, however it ends.
"""

from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import OperationalError

from abaco_jupyter.wire.errors import NotReady

PATIENCE_SECONDS = 5
_KEY = 0x_AB_AC_0


def claim(engine: Engine) -> Connection | None:
    """The connection that holds the claim, to be closed at the end. Raises NotReady.

    Waits a little: the database notices the end of a killed service a moment later than we do.
    """
    if engine.dialect.name == "sqlite":
        return None
    connection = engine.connect().execution_options(isolation_level="AUTOCOMMIT")
    try:
        connection.execute(text(f"SET lock_timeout = '{PATIENCE_SECONDS}s'"))
        connection.execute(text("SELECT pg_advisory_lock(:key)"), {"key": _KEY})
    except OperationalError as error:
        connection.close()
        shown = engine.url.render_as_string(hide_password=True)
        raise NotReady(
            f"Another Abaco service uses the database {shown}: a database serves one. "
            "Stop the other, or give this one a database of its own (AbacoApp.store_url)."
        ) from error
    return connection
