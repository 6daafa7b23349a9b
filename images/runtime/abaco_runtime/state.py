"""The state that a stateful actor keeps from one execution to the next."""

from __future__ import annotations

import os

from abaco_runtime import spool
from abaco_runtime.message import parse

_UNSET = object()
_updated: object = _UNSET


def get_state() -> object:
    """The actor's state when this execution began, or what this process has set since."""
    if _updated is not _UNSET:
        return _updated
    text = os.environ.get("_abaco_actor_state", "")
    try:
        return parse(text)
    except ValueError:
        return text


def forget() -> None:
    """Another execution begins in this process: what it is told counts."""
    global _updated
    _updated = _UNSET


def update_state(value: object) -> None:
    """Replace the actor's state by any JSON value that is not empty, false or null.

    A server that names a file in `_abaco_state_file` takes it from there; any other Abaco gets an
    HTTP request, which needs the access token of an actor made with `"token": true`.
    """
    global _updated
    import json

    if not value:
        raise ValueError(f"Abaco keeps no empty or false state: {value!r}")
    body = json.dumps(value).encode()
    path = os.environ.get("_abaco_state_file")
    if path:
        if not spool.taken(spool.STATE, body):
            spool.place(path, body)
    else:
        _post(body)
    _updated = json.loads(body)


def _post(body: bytes) -> None:
    import urllib.error
    import urllib.request

    server = os.environ.get("_abaco_api_server")
    token = os.environ.get("_abaco_access_token")
    actor = os.environ.get("_abaco_actor_id")
    if not (server and token and actor):
        raise RuntimeError(
            "the state cannot be updated from here: this execution has no access token "
            "(_abaco_access_token). A stateful actor (stateless: false, or %%abaco_actor "
            '--stateful) needs none here; elsewhere make the actor with "token": true'
        )
    request = urllib.request.Request(
        f"{server.rstrip('/')}/actors/v2/{actor}/state",
        data=body,
        headers={"Authorization": f"Bearer {token}", "Content-Type": "application/json"},
    )
    try:
        with urllib.request.urlopen(request):
            pass
    except urllib.error.HTTPError as error:
        answer = error.read().decode("utf-8", "replace").strip()
        if "actor is stateless" in answer:
            raise RuntimeError(
                "the state was not updated: this actor keeps none. Make it with stateless: false, "
                "or with %%abaco_actor --stateful"
            ) from None
        raise RuntimeError(f"the state was not updated: {error.code} {answer}") from None
