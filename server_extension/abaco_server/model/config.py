"""A config: a value that several actors are given (abaco-api.md, section 9)."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    tenant: str
    name: str
    value: str
    """Sealed when it is secret: nothing but `service.configs.injected` sees it in clear."""
    is_secret: bool
    actors: str
    """As given: ids and aliases with commas in between."""
    owner: str
    roles: tuple[str, ...] = ()
    """Those that the owner had when making it, as far as whoever changed it last had them too."""

    @property
    def identifiers(self) -> tuple[str, ...]:
        """The ids and aliases that `actors` names, each once. Blanks mean nothing."""
        return tuple(dict.fromkeys(self.actors.replace(" ", "").split(",")))
