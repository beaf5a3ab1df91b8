"""The knobs: which faults and delays the emulator shows."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from typing import TypedDict, TypeVar, cast

from testbed.emulator.endpoints import SCOPES, Endpoint, Scope, plane_of
from testbed.emulator.errors import SCRIPTED, ErrorName

T = TypeVar("T")


class KnobError(ValueError):
    """A knob that doesn't exist or has a wrong value; the text is one line for the user."""


class KnobSettings(TypedDict, total=False):
    """The knobs as they travel: what `Knobs` has, each of them optional."""

    requests_per_minute: Mapping[Scope, int]
    errors: Mapping[Scope, ErrorName]
    delay_before: Mapping[Scope, float]
    delay_after: Mapping[Scope, float]
    lost_answers: Mapping[Scope, int]
    activation_delay: float
    revocation_lag: float
    key_lifetime: float | None


@dataclass(frozen=True, slots=True)
class Knobs:
    """One setting of all knobs; the default is an API without faults. Times are in seconds.

    The mappings go by endpoint, or by plane for each of its endpoints; the endpoint's own wins.
    """

    requests_per_minute: Mapping[Scope, int] = field(default_factory=dict)
    """Each endpoint's budget, refilled evenly within 60 s; more are answered 429."""

    errors: Mapping[Scope, ErrorName] = field(default_factory=dict)
    """Answers this instead of working."""

    delay_before: Mapping[Scope, float] = field(default_factory=dict)
    """Waits before the work: a slow mint has no account yet."""

    delay_after: Mapping[Scope, float] = field(default_factory=dict)
    """Waits between work and answer: the account is there already."""

    lost_answers: Mapping[Scope, int] = field(default_factory=dict)
    """For so many requests the work is done and the connection closed without an answer."""

    activation_delay: float = 0
    """A new key is refused (401) for so long."""

    revocation_lag: float = 0
    """A deleted key still works for so long."""

    key_lifetime: float | None = None
    """The organization ends every new key after so long; None: only when the caller asks."""

    def settings(self) -> KnobSettings:
        """Return all knobs, ready for JSON."""
        return cast("KnobSettings", {knob.name: getattr(self, knob.name) for knob in fields(self)})


def lookup(knob: Mapping[Scope, T], endpoint: Endpoint, default: T) -> T:
    """Return what a mapping says of an endpoint: its own value, else its plane's, else default."""
    return knob.get(endpoint, knob.get(plane_of(endpoint), default))


def parse(body: object) -> Knobs:
    """Read knobs from decoded JSON; those not named are at their default.

    Raises KnobError for the first unknown name or wrong value.
    """
    if not isinstance(body, dict):
        raise KnobError("knobs: expected a JSON object of knob names and values")
    for name in body:
        if name not in _PARSERS:
            raise KnobError(f"{name}: unknown knob; there are {', '.join(_PARSERS)}")
    settings = {name: _PARSERS[name](name, value) for name, value in body.items()}
    return Knobs(**cast("KnobSettings", settings))


def _count(where: str, value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise KnobError(f"{where}: expected a whole number of 0 or more, got {value!r}")
    return value


def _seconds(where: str, value: object) -> float:
    # The negation also refuses NaN, which json.loads accepts.
    if isinstance(value, bool) or not isinstance(value, int | float) or not value >= 0:
        raise KnobError(f"{where}: expected seconds, a number of 0 or more, got {value!r}")
    return value


def _seconds_or_none(where: str, value: object) -> float | None:
    return None if value is None else _seconds(where, value)


def _error_name(where: str, value: object) -> str:
    if not isinstance(value, str) or value not in SCRIPTED:
        raise KnobError(f"{where}: unknown error {value!r}; there are {', '.join(SCRIPTED)}")
    return value


def _by_scope(parser: Callable[[str, object], T]) -> Callable[[str, object], dict[str, T]]:
    def parse_mapping(where: str, value: object) -> dict[str, T]:
        if not isinstance(value, dict):
            raise KnobError(f"{where}: expected an object from endpoint to value, got {value!r}")
        for scope in value:
            if scope not in SCOPES:
                raise KnobError(
                    f"{where}.{scope}: unknown endpoint; there are {', '.join(sorted(SCOPES))}"
                )
        return {scope: parser(f"{where}.{scope}", item) for scope, item in value.items()}

    return parse_mapping


_PARSERS: Mapping[str, Callable[[str, object], object]] = {
    "requests_per_minute": _by_scope(_count),
    "errors": _by_scope(_error_name),
    "delay_before": _by_scope(_seconds),
    "delay_after": _by_scope(_seconds),
    "lost_answers": _by_scope(_count),
    "activation_delay": _seconds,
    "revocation_lag": _seconds,
    "key_lifetime": _seconds_or_none,
}
