"""Servers that were logged in to: a file with a URL and a token for each.

`~/.config/abaco/profiles.toml`, or below `XDG_CONFIG_HOME`; nobody else may read it. The file
that the Agave CLI and abaco-cli keep, `~/.agave/current`, is the profile `agave`.
"""

import json
import os
import re
import tempfile
import tomllib
from dataclasses import dataclass, field
from pathlib import Path

from abaco_jupyter.cli.values import Misuse
from abaco_jupyter.wire.errors import NotFound

AGAVE = "agave"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.@-]*")


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    url: str
    token: str = ""


@dataclass(slots=True, kw_only=True)
class Profiles:
    """`current` is the one that is used when none is named."""

    current: str | None = None
    by_name: dict[str, Profile] = field(default_factory=dict)

    def get(self, name: str) -> Profile:
        found = self.by_name.get(name) or (agave() if name == AGAVE else None)
        if found is None:
            known = ", ".join(self.by_name) or "there are none yet"
            raise NotFound(
                f"There is no profile {name!r} in {path()}. Profiles: {known}. "
                f"Make one with `abaco login {name} --url URL`."
            )
        return found


def path() -> Path:
    home = os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config"
    return Path(home) / "abaco" / "profiles.toml"


def read() -> Profiles:
    """What the file says; nothing when there is none."""
    try:
        said = tomllib.loads(path().read_text())
    except FileNotFoundError:
        return Profiles()
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise Misuse(f"{path()} cannot be read: {error}. Put it right, or remove it.") from None
    profiles = said.get("profiles", {})
    try:
        by_name = {
            name: Profile(url=str(each["url"]), token=str(each.get("token", "")))
            for name, each in profiles.items()
        }
    except (KeyError, TypeError, AttributeError):
        raise Misuse(f"{path()}: each profile has a url and a token. Put it right.") from None
    return Profiles(current=said.get("current"), by_name=by_name)


def write(profiles: Profiles) -> None:
    """Replace the file at once, readable to its owner only."""
    lines = [] if profiles.current is None else [f"current = {_text(profiles.current)}", ""]
    for name, each in profiles.by_name.items():
        lines += [f"[profiles.{_text(name)}]", f"url = {_text(each.url)}"]
        lines += [f"token = {_text(each.token)}", ""]
    target = path()
    target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    handle, made = tempfile.mkstemp(dir=target.parent, prefix=".profiles-")  # mode 0600
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.write("\n".join(lines))
    Path(made).replace(target)


def check_name(name: str) -> str:
    if not _NAME.fullmatch(name):
        raise Misuse(f"{name!r} cannot be the name of a profile: use letters, digits, - _ . and @.")
    return name


def agave() -> Profile | None:
    """What the Agave CLI was last logged in to."""
    try:
        said = json.loads((Path.home() / ".agave" / "current").read_text())
        return Profile(url=str(said["baseurl"]), token=str(said["access_token"]))
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _text(value: str) -> str:
    """A basic string of TOML is a JSON string, but for DEL."""
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
