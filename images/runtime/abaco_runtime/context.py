"""What an actor knows about the execution it is in, in the words of the Abaco guide."""

from __future__ import annotations

import os

from abaco_runtime import message


class Context(dict):
    """A dict whose keys can be read as attributes too."""

    def __getattr__(self, name: str) -> object:
        try:
            return self[name]
        except KeyError:
            raise AttributeError(name) from None


def get_context() -> Context:
    """The message and the facts around it, then every environment variable.

    As agavepy's function of the same name, so `state` is text (`get_state` gives the value) and
    `message_dict` is empty unless the message is an object.
    """
    text = message.raw_text()
    context = Context(
        raw_message=text,
        content_type=message.content_type(),
        message_dict=Context((text and message.parse_object(text)) or {}),
        execution_id=os.environ.get("_abaco_execution_id"),
        username=os.environ.get("_abaco_username"),
        state=os.environ.get("_abaco_actor_state"),
        actor_id=os.environ.get("_abaco_actor_id"),
        actor_dbid=os.environ.get("_abaco_actor_dbid"),
        actor_name=os.environ.get("_abaco_actor_name"),
        actor_repo=os.environ.get("_abaco_container_repo"),
        worker_id=os.environ.get("_abaco_worker_id"),
    )
    context.update(os.environ)
    return context


def get_binary_message() -> bytes:
    """The bytes of a binary message; empty when the message is not binary."""
    return message.raw_bytes() or b""
