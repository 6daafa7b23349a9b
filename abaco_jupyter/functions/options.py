"""What one may say of an actor: the same words for `%%abaco_actor` and `@actor`."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

from abaco_jupyter.build import environment
from abaco_jupyter.build.environment import Environment
from abaco_jupyter.client.registration import Settings
from abaco_jupyter.functions import checks
from abaco_jupyter.functions.checks import InvalidOption, similar
from abaco_jupyter.functions.retrying import with_retries
from abaco_jupyter.wire.spec import BuildSpec

DEFAULT_ISOLATION = "process"
_ISOLATION, _TIMEOUT = "isolation:", "timeout:"

Words = str | Iterable[str]
Pairs = Mapping[str, str] | Words


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """All that was said of one actor, checked."""

    name: str
    environment: Environment
    description: str | None = None
    stateful: bool = False
    hints: tuple[str, ...] = ()
    isolation: str | None = None
    max_workers: int | None = None
    cpus: float | None = None
    memory: str | None = None
    timeout: timedelta | None = None
    retries: int = 0
    cron: tuple[str, ...] = ()
    link: str | None = None
    webhook: str | None = None
    shares: tuple[tuple[str, str], ...] = ()
    secrets: tuple[str, ...] = ()
    force: bool = False

    def finished(self, spec: BuildSpec) -> BuildSpec:
        """`spec`, with what `retries` adds to its source."""
        return with_retries(spec, self.retries)

    def settings(self, description: str, link_id: str | None = None) -> Settings:
        """Abaco's fields. What is not said of link and webhook stays as it is."""
        own_clock = next((each for each in self.cron if checks.is_own_clock(each)), None)
        return Settings(
            description=description if self.description is None else self.description,
            stateless=not self.stateful,
            max_workers=None if self.stateful else self.max_workers,
            mem_limit=self.memory,
            max_cpus=None if self.cpus is None else round(self.cpus * 10**9),
            hints=self._own_hints(),
            says_hints=bool(self.hints),
            owned_hints=(_ISOLATION, _TIMEOUT),
            link=link_id,
            webhook=self.webhook,
            cron=own_clock,
        )

    @property
    def five_field_schedules(self) -> tuple[tuple[str, str], ...]:
        """Fields and time zone of each."""
        return tuple(
            checks.five_fields(each) for each in self.cron if not checks.is_own_clock(each)
        )

    def _own_hints(self) -> tuple[str, ...]:
        said = {hint for hint in self.hints if hint == "reuse" or hint.startswith(_ISOLATION)}
        kind = self.isolation or (None if said else DEFAULT_ISOLATION)
        timeout = self.timeout
        return (
            *self.hints,
            *([f"{_ISOLATION}{kind}"] if kind else []),
            *([f"{_TIMEOUT}{timeout.total_seconds():g}"] if timeout else []),
        )


def options(
    name: str,
    *,
    folder: Path,
    base: str | None = None,
    python: str | None = None,
    pip: Words = (),
    apt: Words = (),
    file: Words = (),
    env: Pairs = (),
    secret: Words = (),
    stateful: bool = False,
    hint: Words = (),
    isolation: str | None = None,
    max_workers: int | None = None,
    cpus: float | None = None,
    memory: str | None = None,
    timeout: float | str | timedelta | None = None,
    retries: int = 0,
    cron: Words = (),
    link: str | None = None,
    webhook: str | None = None,
    public: bool = False,
    share: Pairs = (),
    description: str | None = None,
    force: bool = False,
) -> Options:
    """Check what was said of the actor `name`; nothing is asked of the server.

    Parameters
    ----------
    folder : Path
        What relative paths of `file` are relative to.

    Raises
    ------
    InvalidOption
        Names the option, its value and what it may be.
    InvalidSpec
        Of `env` and `file`.
    """
    own_clocks = [each for each in _words(cron) if checks.is_own_clock(each)]
    if len(own_clocks) > 1:
        raise InvalidOption("cron", f"has Abaco's own clock twice: {', '.join(own_clocks)}.")
    shares = [checks.share(each) for each in _pairs(share, ":")]
    return Options(
        name=name,
        environment=Environment(
            base=base,
            python=python,
            apt=_words(apt),
            pip=_words(pip),
            env=environment.variables(_pairs(env, "=")),
            files=environment.files(_words(file), folder),
        ),
        description=description,
        stateful=stateful,
        hints=tuple(map(checks.hint, _words(hint))),
        isolation=_given(checks.isolation, isolation),
        max_workers=None
        if max_workers is None
        else checks.max_workers(max_workers, stateful=stateful),
        cpus=_given(checks.cpus, cpus),
        memory=_given(checks.memory, memory),
        timeout=_given(checks.duration, timeout),
        retries=checks.retries(retries),
        cron=tuple(map(checks.cron, _words(cron))),
        link=link,
        webhook=_given(checks.webhook, webhook),
        shares=tuple(dict([*shares, *([(checks.WORLD, "EXECUTE")] if public else [])]).items()),
        secrets=tuple(map(checks.secret, _words(secret))),
        force=force,
    )


KEYWORDS = tuple(name for name in options.__kwdefaults__ or {} if name not in ("folder", "name"))
"""What `@actor` takes beside a name."""


def check_keywords(given: Iterable[str]) -> None:
    """Raises TypeError for a keyword that does not exist, naming the one that may be meant."""
    for keyword in given:
        if keyword not in KEYWORDS:
            raise TypeError(
                f"@actor has no keyword {keyword!r}.{similar(keyword, KEYWORDS)} It has: "
                f"{', '.join(KEYWORDS)}."
            )


def _given(check: Callable[[Any], Any], value: Any) -> Any:
    return None if value is None else check(value)


def _words(value: Words) -> tuple[str, ...]:
    """One word may stand for itself."""
    return (value,) if isinstance(value, str) else tuple(value)


def _pairs(value: Pairs, between: str) -> tuple[str, ...]:
    if isinstance(value, Mapping):
        return tuple(f"{name}{between}{each}" for name, each in value.items())
    return _words(value)
