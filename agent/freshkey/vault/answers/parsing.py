"""Vault's answers, read strictly into the core's terms. Pure."""

from __future__ import annotations

from math import inf
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from freshkey.core.model.faults import Fault, FaultError, FaultKind
from freshkey.core.model.grants import Grant, Login, Renewal, TokenKind
from freshkey.core.model.secret import Secret
from freshkey.core.model.struct import Struct
from freshkey.core.model.text import Cleaned, cleaned
from freshkey.vault.answers import kv
from freshkey.vault.answers.faults import not_vault
from freshkey.vault.answers.quoting import quote

if TYPE_CHECKING:
    from collections.abc import Mapping

Json: TypeAlias = dict[str, Any]

_LONGEST: Final = 1e9  # seconds, about 30 years: beyond it a number is no duration


class Answer(Struct, frozen=True):
    """The JSON of an answer, and the instant on the lease clock before its request left."""

    body: Json
    asked_at: float

    def __repr__(self) -> str:
        return f"Answer({self.asked_at})"  # its body may hold a token or a key

    @property
    def request_id(self) -> str | None:
        """The id under which Vault's audit log has the request."""
        return _text(self.body, "request_id") or None


def grant(answer: Answer, path: str, field: str) -> Grant:
    """Read a secret; raises FaultError, with the lease as `orphan` when it was minted for nothing.

    One without a lease is KV's, of either version, and has no end: `lease_duration` is a hint.
    White space around the secret is taken off; `text_of` gives it as Vault has it.
    """
    body = answer.body
    lease_id, duration = body.get("lease_id"), _seconds(body, "lease_duration")
    if not isinstance(lease_id, str) or duration is None:
        raise _unexpected(f"a read of {path}")
    if not lease_id:
        duration = inf
    fields = _fields(body)
    value = cleaned(text_of(answer, field))
    if problem := _problem(fields, field, value):
        orphan = (lease_id, duration) if lease_id else None
        raise FaultError(Fault(FaultKind.MALFORMED, f"{path}: {problem}", orphan=orphan))
    return Grant(
        lease_id=lease_id,
        duration=duration,
        renewable=body.get("renewable") is True,
        secret=Secret(value.value),
        asked_at=answer.asked_at,
        api_key_id=_text(fields, "api_key_id") or None,
        service_account=_text(fields, "service_account") or None,
        request_id=answer.request_id,
    )


def text_of(answer: Answer, field: str) -> str:
    """Return the secret as Vault has it, with what is around it; empty when it is no text."""
    return _text(_fields(answer.body), field)


def _fields(body: Json) -> Mapping[str, Any]:
    data = _table(body, "data")
    return data if body.get("lease_id") else kv.fields(data)


def _problem(fields: Mapping[str, Any], field: str, found: Cleaned) -> str:
    """Say what keeps a field from being a key, without any of what it holds; empty for nothing."""
    if field not in fields:
        if kv.is_metadata(fields):
            return "this is the metadata of a secret: write data/ in the place of metadata/"
        return f"the field {field} is missing; there are {quote(sorted(fields)) or 'none'}"
    value = fields[field]
    if not isinstance(value, str):
        return f"the field {field} is {_kind_of(value)}, and has to be text"
    if not value:
        return f"the field {field} is empty"
    if not found.value:
        return f"the field {field} holds white space alone"
    if found.misfit:
        return f"the field {field} has {found.misfit}, and a key is one word of ASCII"
    return ""


def _kind_of(value: object) -> str:
    match value:
        case None:
            return "null"
        case bool():
            return "a boolean"
        case int() | float():
            return "a number"
        case dict():
            return "a map"
        case _:
            return "a list"


def lease_renewal(answer: Answer) -> Renewal:
    """Read the answer to a lease's renewal; raises FaultError."""
    return _renewal(answer, answer.body, "lease_duration")


def lease_lookup(answer: Answer) -> Renewal:
    """Read the answer to a lease's lookup; raises FaultError."""
    return _renewal(answer, _table(answer.body, "data"), "ttl")


def token_renewal(answer: Answer) -> Renewal:
    """Read the answer to a token's renewal; raises FaultError."""
    return _renewal(answer, _table(answer.body, "auth"), "lease_duration")


def _renewal(answer: Answer, terms: Mapping[str, Any], duration: str) -> Renewal:
    seconds = _seconds(terms, duration)
    if seconds is None:
        raise _unexpected("a renewal or lookup")
    renewable = terms.get("renewable") is True
    return Renewal(seconds, renewable, answer.asked_at, answer.request_id)


def new_token(answer: Answer) -> Login:
    """Read the answer to a login; raises FaultError. White space around the token is taken off."""
    auth = _table(answer.body, "auth")
    found, duration = cleaned(token_text(answer)), _seconds(auth, "lease_duration")
    token = found.value
    if not token and _table(auth, "mfa_requirement"):
        message = (
            "Vault wants a second factor for this login: exclude this user from login MFA, which "
            "nobody is there to answer"
        )
        raise FaultError(Fault(FaultKind.BAD_REQUEST, message))
    if not token or duration is None:
        raise _unexpected("a login")
    if found.misfit:
        message = f"the token of this login has {found.misfit}, which no header can carry"
        raise FaultError(Fault(FaultKind.MALFORMED, message))
    return Login(
        token=Secret(token),
        accessor=_text(auth, "accessor"),
        kind=_kind(auth, "token_type"),
        duration=duration or None,
        renewable=auth.get("renewable") is True,
        owned=True,
        asked_at=answer.asked_at,
        request_id=answer.request_id,
    )


def token_text(answer: Answer) -> str:
    """Return the token of a login as Vault has it, with what is around it; empty for none."""
    return _text(_table(answer.body, "auth"), "client_token")


def known_token(answer: Answer, token: Secret, *, owned: bool) -> Login:
    """Read the answer to a token's lookup; raises FaultError."""
    data = _table(answer.body, "data")
    ttl = _seconds(data, "ttl")
    if ttl is None:
        raise _unexpected("a token's lookup")
    terms = (ttl, _seconds(data, "creation_ttl"), _seconds(data, "period"))
    ends = data.get("expire_time") is not None
    return Login(
        token=token,
        accessor=_text(data, "accessor"),
        kind=_kind(data, "type"),
        duration=ttl if ends else None,
        renewable=data.get("renewable") is True,
        owned=owned,
        asked_at=answer.asked_at,
        request_id=answer.request_id,
        term=max(seconds or 0.0 for seconds in terms) if ends else None,
    )


def token_term(answer: Answer) -> float | None:
    """Read what a token's lookup says of its renewals: seconds, None for one without an end."""
    data = _table(answer.body, "data")
    if data.get("expire_time") is None:
        return None
    terms = (_seconds(data, name) for name in ("period", "creation_ttl", "ttl"))
    return next((seconds for seconds in terms if seconds), None)


def refuse_use_limit(answer: Answer, table: str) -> None:
    """Raise FaultError for a token that Vault ends after some uses: it ends under its leases.

    No limit is 0; during the last use Vault says -1.
    """
    uses = _table(answer.body, table).get("num_uses")
    if isinstance(uses, int) and uses != 0:
        message = (
            f"the token has a use limit ({max(uses, 0)} left) and would end with its keys: "
            "set token_num_uses to 0 on its role, or make it without -use-limit"
        )
        raise FaultError(Fault(FaultKind.BAD_REQUEST, message))


def _kind(terms: Mapping[str, Any], name: str) -> TokenKind:
    return TokenKind.BATCH if terms.get(name) == "batch" else TokenKind.SERVICE


def _table(body: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    table = body.get(name)
    return table if isinstance(table, dict) else {}


def _text(terms: Mapping[str, Any], name: str) -> str:
    value = terms.get(name)
    return value if isinstance(value, str) else ""


def _seconds(terms: Mapping[str, Any], name: str) -> float | None:
    value = terms.get(name)
    return float(value) if type(value) is int and 0 <= value < _LONGEST else None


def _unexpected(what: str) -> FaultError:
    return FaultError(not_vault(f"JSON without what {what} gives"))
