"""`.dockerignore`: what of a directory is no part of its image."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

_ALWAYS = (".git", "abaco.toml", "secrets.json", "Dockerfile", ".dockerignore")
"""What a build on the server has no use for, or must not have."""


@dataclass(frozen=True, slots=True)
class _Rule:
    pattern: re.Pattern[str]
    keeps: bool


class Ignored:
    """The rules of one `.dockerignore`; the last that fits decides, as in Docker."""

    def __init__(self, lines: list[str]) -> None:
        self._rules = [_rule(line) for line in map(str.strip, lines) if line and line[0] != "#"]
        self._rules += [_rule(name) for name in _ALWAYS]

    @classmethod
    def of(cls, folder: Path) -> "Ignored":
        file = folder / ".dockerignore"
        return cls(file.read_text().splitlines() if file.is_file() else [])

    def left(self, folder: Path) -> Iterator[Path]:
        """The files that are part of the image, in the order of their names."""
        kept_deep = any(rule.keeps for rule in self._rules)
        for path in sorted(folder.iterdir()):
            yield from self._below(path, folder, kept_deep)

    def leaves_out(self, name: str) -> bool:
        """`name` is relative to the directory. What lies below an ignored directory is out too."""
        parts = name.split("/")
        upwards = ["/".join(parts[: n + 1]) for n in range(len(parts))]
        out = False
        for rule in self._rules:
            if any(rule.pattern.fullmatch(each) for each in upwards):
                out = not rule.keeps
        return out

    def _below(self, path: Path, folder: Path, kept_deep: bool) -> Iterator[Path]:
        out = self.leaves_out(path.relative_to(folder).as_posix())
        if path.is_dir() and not path.is_symlink():
            if not out or kept_deep:
                for inner in sorted(path.iterdir()):
                    yield from self._below(inner, folder, kept_deep)
        elif not out and path.is_file():
            yield path


def _rule(line: str) -> _Rule:
    keeps = line.startswith("!")
    text = line.removeprefix("!").strip().strip("/")
    return _Rule(re.compile(_expression(text)), keeps)


def _expression(pattern: str) -> str:
    """Go's filepath.Match, and `**` for any number of directories."""
    return "".join(_PART[found.lastgroup or ""](found[0]) for found in _PARTS.finditer(pattern))


_PARTS = re.compile(
    r"(?P<deep>\*\*/)|(?P<all>\*\*)|(?P<some>\*)|(?P<one>\?)|(?P<set>\[\^?[^\]]+\])"
    r"|(?P<escaped>\\.)|(?P<plain>.)",
    re.DOTALL,
)
_PART: dict[str, Callable[[str], str]] = {
    "deep": lambda _: "(?:.*/)?",
    "all": lambda _: ".*",
    "some": lambda _: "[^/]*",
    "one": lambda _: "[^/]",
    "set": lambda text: text.replace("\\", "\\\\"),
    "escaped": lambda text: re.escape(text[1]),
    "plain": re.escape,
}
