"""The settings: which faults and delays the emulator shows."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from math import isfinite
from typing import TypedDict, TypeVar, cast

from testbed.emulator.endpoints import SCOPES, Endpoint, Scope, plane_of
from testbed.emulator.errors import ERROR_STATUSES, ErrorName

T = TypeVar("T")


class SettingsError(ValueError):
    """A setting that doesn't exist or has a wrong value; the text is one line for the user."""


class SettingsFields(TypedDict, total=False):
    """The settings as they travel: what `EmulatorSettings` has, each of them optional."""

    requests_per_minute: Mapping[Scope, int]
    errors: Mapping[Scope, ErrorName]
    delay_before: Mapping[Scope, float]
    delay_after: Mapping[Scope, float]
    lost_answers: Mapping[Scope, int]
    activation_delay: float
    revocation_lag: float
    key_lifetime: float | None
    errors_left: Mapping[Scope, int]
    retry_after: float
    stream_events: Mapping[Scope, int]
    stream_interval: Mapping[Scope, float]
    stream_pause: Mapping[Scope, float]
    stream_hold: Mapping[Scope, int]
    stream_break: Mapping[Scope, int]
    image_bytes: int
    realtime_refuses_late: bool
    realtime_ends_with_key: bool
    access_token_lifetime: float
    clock_skew: float
    issuer_ca_file: str | None


@dataclass(frozen=True, slots=True)
class EmulatorSettings:
    """All settings; the default is an API without faults. Times are in seconds.

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

    errors_left: Mapping[Scope, int] = field(default_factory=dict)
    """The error of `errors` comes for so many requests only."""

    retry_after: float = 1
    """What the error `rate_limited` says of the wait."""

    stream_events: Mapping[Scope, int] = field(default_factory=dict)
    """A stream has so many pieces of text or speech, not three; the text counts them: `0 1 2 …`."""

    stream_interval: Mapping[Scope, float] = field(default_factory=dict)
    """Waits between every two events of a stream."""

    stream_pause: Mapping[Scope, float] = field(default_factory=dict)
    """Waits once, after the first event of a stream: nothing is sent for so long."""

    stream_hold: Mapping[Scope, int] = field(default_factory=dict)
    """A stream stops after so many events until this setting lets more through."""

    stream_break: Mapping[Scope, int] = field(default_factory=dict)
    """The connection is closed after so many events, in the middle of the answer."""

    image_bytes: int = 256
    """The size of every image, before base64."""

    realtime_refuses_late: bool = False
    """Realtime refuses a key after its 101, with an error event and the close code 3000."""

    realtime_ends_with_key: bool = False
    """A session ends when its key is found deleted, at the next event of the client."""

    access_token_lifetime: float = 3600
    """How long an access token lives, if the identity token that it was given for does."""

    clock_skew: float = 0
    """How far the clock is ahead by which identity tokens are judged; may be negative."""

    issuer_ca_file: str | None = None
    """Certificates, in PEM, of whom to trust for an issuer's own; None: the system's."""

    def to_json(self) -> SettingsFields:
        """Return all settings, ready for JSON."""
        return cast(
            "SettingsFields",
            {setting.name: getattr(self, setting.name) for setting in fields(self)},
        )


def lookup(setting: Mapping[Scope, T], endpoint: Endpoint, default: T) -> T:
    """Return what a mapping says of an endpoint: its own value, else its plane's, else default."""
    return setting.get(endpoint, setting.get(plane_of(endpoint), default))


def parse(body: object) -> EmulatorSettings:
    """Read settings from decoded JSON; those not named are at their default.

    Raises SettingsError for the first unknown name or wrong value.
    """
    if not isinstance(body, dict):
        raise SettingsError("settings: expected a JSON object of setting names and values")
    for name in body:
        if name not in _PARSERS:
            raise SettingsError(f"{name}: unknown setting; there are {', '.join(_PARSERS)}")
    settings = {name: _PARSERS[name](name, value) for name, value in body.items()}
    return EmulatorSettings(**cast("SettingsFields", settings))


def _count(where: str, value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise SettingsError(f"{where}: expected a whole number of 0 or more, got {value!r}")
    return value


def _seconds(where: str, value: object) -> float:
    # The negation also refuses NaN, which json.loads accepts.
    if isinstance(value, bool) or not isinstance(value, int | float) or not value >= 0:
        raise SettingsError(f"{where}: expected seconds, a number of 0 or more, got {value!r}")
    return value


def _flag(where: str, value: object) -> bool:
    if not isinstance(value, bool):
        raise SettingsError(f"{where}: expected true or false, got {value!r}")
    return value


def _seconds_or_none(where: str, value: object) -> float | None:
    return None if value is None else _seconds(where, value)


def _number(where: str, value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not isfinite(value):
        raise SettingsError(f"{where}: expected a number of seconds, got {value!r}")
    return value


def _path_or_none(where: str, value: object) -> str | None:
    if value is None or isinstance(value, str):
        return value
    raise SettingsError(f"{where}: expected a path, got {value!r}")


def _error_name(where: str, value: object) -> str:
    if not isinstance(value, str) or value not in ERROR_STATUSES:
        raise SettingsError(
            f"{where}: unknown error {value!r}; there are {', '.join(ERROR_STATUSES)}"
        )
    return value


def _by_scope(parser: Callable[[str, object], T]) -> Callable[[str, object], dict[str, T]]:
    def parse_mapping(where: str, value: object) -> dict[str, T]:
        if not isinstance(value, dict):
            raise SettingsError(
                f"{where}: expected an object from endpoint to value, got {value!r}"
            )
        for scope in value:
            if scope not in SCOPES:
                raise SettingsError(
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
    "errors_left": _by_scope(_count),
    "retry_after": _seconds,
    "stream_events": _by_scope(_count),
    "stream_interval": _by_scope(_seconds),
    "stream_pause": _by_scope(_seconds),
    "stream_hold": _by_scope(_count),
    "stream_break": _by_scope(_count),
    "image_bytes": _count,
    "realtime_refuses_late": _flag,
    "realtime_ends_with_key": _flag,
    "access_token_lifetime": _seconds,
    "clock_skew": _number,
    "issuer_ca_file": _path_or_none,
}
