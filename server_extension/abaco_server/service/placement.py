"""Where and as whom an actor's containers run: the installation decides (abaco-api.md, section 10).

Users cannot ask for mounts, nor for a user: both follow from who makes or updates the actor.
"""

import pwd
import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from abaco_jupyter.wire.errors import InvalidRequest
from abaco_server.model.actor import Mount
from abaco_server.model.principal import Principal
from abaco_server.store import Store

OF_ACCOUNT = ("{home}", "{tasdir}")
"""Both are the home directory of the user's account; the second is TACC's word for it."""
PLACEHOLDERS = ("{username}", "{tenant_id}", *OF_ACCOUNT)
_PLACEHOLDER = re.compile(r"{\w*}")
MODES = ("ro", "rw")


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """A user's account on this machine."""

    uid: int
    gid: int
    home: str


FindAccount = Callable[[str], Account | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Placement:
    """The installation's settings. Mounts still have their placeholders."""

    mounts: tuple[Mount, ...] = ()
    privileged_mounts: tuple[Mount, ...] = ()
    run_as_owner: bool = False
    uid: int | None = None
    """For owners without an account, or for all."""
    gid: int | None = None

    @property
    def needs_account(self) -> bool:
        paths = [
            path
            for mount in (*self.mounts, *self.privileged_mounts)
            for path in (mount.host_path, mount.container_path)
        ]
        return self.run_as_owner or any(word in path for word in OF_ACCOUNT for path in paths)


def account(username: str) -> Account | None:
    """What this machine knows of a user. It may ask the network (NSS)."""
    try:
        found = pwd.getpwnam(username)
    except (KeyError, ValueError):
        return None
    return Account(uid=found.pw_uid, gid=found.pw_gid, home=found.pw_dir)


def no_account(username: str) -> Account | None:
    return None


async def look_up(
    placement: Placement, find: FindAccount, store: Store, username: str
) -> Account | None:
    """The user's account, if anything depends on it."""
    return await store.aside(partial(find, username)) if placement.needs_account else None


def parse(text: str) -> Mount:
    """`host:container:mode` as a mount. Raises ValueError."""
    host, _, rest = text.partition(":")
    container, _, mode = rest.partition(":")
    wrong = ""
    if not host.startswith(("/", *OF_ACCOUNT)) or not container.startswith(("/", *OF_ACCOUNT)):
        wrong = "both paths must begin with `/` or `{home}`"
    elif (mode or "ro") not in MODES:
        wrong = "the mode must be `ro` (the default) or `rw`"
    elif set("{}") & set(_filled(host + container, dict.fromkeys(PLACEHOLDERS, ""))):
        wrong = f"the placeholders are {', '.join(PLACEHOLDERS)}"
    if wrong:
        raise ValueError(f"{text!r} is no mount of the form host:container:mode: {wrong}")
    return Mount(host_path=host, container_path=container, mode=mode or "ro")


def place(
    placement: Placement, principal: Principal, account: Account | None, values: dict[str, Any]
) -> dict[str, Any]:
    """`mounts`, `uid`, `gid` and `tasdir` of an actor with these fields. Raises InvalidRequest."""
    asked = placement.mounts + (placement.privileged_mounts if values["privileged"] else ())
    user = (None, None) if values["use_container_uid"] else _user(placement, principal, account)
    return {
        "mounts": _mounts(asked, principal, account),
        "uid": user[0],
        "gid": user[1],
        "tasdir": None if account is None else account.home,
    }


def _user(
    placement: Placement, principal: Principal, account: Account | None
) -> tuple[int | None, int | None]:
    if placement.run_as_owner and account is not None:
        return account.uid, account.gid
    if placement.run_as_owner and placement.uid is None:
        # As the image's own user it could be root, in the middle of other people's files.
        raise InvalidRequest(
            "Actors of this server run as their owner's account on its machine, where "
            f"{principal.username} has none. An administrator can make one, or set "
            "AbacoApp.actor_uid."
        )
    return placement.uid, placement.gid


def _mounts(
    asked: tuple[Mount, ...], principal: Principal, account: Account | None
) -> tuple[Mount, ...]:
    """Without those that this user cannot fill: a name with a slash is no directory's."""
    words = {"{username}": principal.username, "{tenant_id}": principal.tenant}
    words = {word: name for word, name in words.items() if _is_directory(name)}
    if account is not None and account.home.startswith("/"):
        words |= dict.fromkeys(OF_ACCOUNT, account.home)
    filled = (
        replace(
            mount,
            host_path=_filled(mount.host_path, words),
            container_path=_filled(mount.container_path, words),
        )
        for mount in asked
    )
    return tuple(
        mount
        for mount in filled
        if not any(word in mount.host_path + mount.container_path for word in PLACEHOLDERS)
    )


def _filled(path: str, words: dict[str, str]) -> str:
    """In one pass: a user may well be called `{home}`."""
    return _PLACEHOLDER.sub(lambda found: words.get(found[0], found[0]), path)


def _is_directory(name: str) -> bool:
    return name not in ("", ".", "..") and "/" not in name and name.isprintable()
