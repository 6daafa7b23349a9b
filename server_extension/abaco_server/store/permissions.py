"""Who may do what with an actor: one level per user and actor."""

from sqlalchemy import Connection

from abaco_jupyter.wire.codes import Level


def get(conn: Connection, actor_id: str, username: str) -> Level | None:
    """This user's own entry; the entry of ABACO_WORLD is another user's."""
    raise NotImplementedError


def set(conn: Connection, actor_id: str, username: str, level: Level) -> None:
    raise NotImplementedError


def all(conn: Connection, actor_id: str) -> dict[str, Level]:
    """In the order in which the users were first named."""
    raise NotImplementedError


def delete_all(conn: Connection, actor_id: str) -> None:
    raise NotImplementedError
