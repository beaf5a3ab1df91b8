"""hvac's endpoints over a connection of our own. Imported in the threads that speak to Vault.

An adapter is hvac's way to replace its transport, see
https://python-hvac.org/en/stable/advanced_usage.html
"""

from __future__ import annotations

import json as jsonlib
from functools import cached_property
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final, NoReturn, TypeAlias
from urllib.parse import urlencode, urlsplit

import hvac.adapters
import hvac.api

from freshkey import __version__
from freshkey.core.model.faults import Fault, FaultError, FaultKind
from freshkey.vault.answers import kv
from freshkey.vault.answers.faults import (
    Refusal,
    RefusedError,
    Request,
    fault_of,
    health_fault,
    leader_fault,
    not_vault,
)
from freshkey.vault.transport.redirects import MovedError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from freshkey.core.model.secret import Secret
    from freshkey.vault.transport.connection import Answered, Connection

Json: TypeAlias = dict[str, Any]

_STANDBY: Final = 429  # of sys/health; elsewhere it means too many requests
_REDIRECTS: Final = frozenset({301, 302, 303, 307, 308})
_TAKEN_OVER: Final = frozenset({HTTPStatus.ACCEPTED, HTTPStatus.NO_CONTENT})
_WANTS_TLS: Final = b"Client sent an HTTP request to an HTTPS server"  # Go's net/http


class Vault(hvac.adapters.Adapter):  # type: ignore[misc]  # hvac has no types
    """Performs one request; the endpoints return the JSON of Vault's answer, or `{}` for none."""

    def __init__(
        self, request: Request, connection: Connection, token: Secret | None, namespace: str | None
    ) -> None:
        # hvac's own constructor would make a session of requests.
        self._request = request
        self._connection = connection
        self._token = token
        self._namespace = namespace

    @cached_property
    def auth(self) -> hvac.api.AuthMethods:
        """Login methods and token calls, by hvac."""
        return hvac.api.AuthMethods(self)

    @cached_property
    def sys(self) -> hvac.api.SystemBackend:
        """Calls under `sys/`, by hvac."""
        return hvac.api.SystemBackend(self)

    def health(self) -> Json:
        """Return `{}` when the node serves requests, or knows who does; raises FaultError."""
        answered = self._send("GET", "/v1/sys/health")
        fault = health_fault(answered.status, _decode(answered))
        if fault is None and answered.status == _STANDBY:
            fault = leader_fault(_decode(self._send("GET", "/v1/sys/leader")))
        if fault is not None:
            raise FaultError(fault)
        return {}

    def get_login_token(self, response: Json) -> NoReturn:
        """Refuse to keep a token, as hvac would."""
        raise NotImplementedError

    def request(
        self,
        method: str,
        url: str,
        *,
        params: Mapping[str, str] | None = None,
        json: Mapping[str, object] | None = None,
        wrap_ttl: None = None,  # noqa: ARG002 - some of hvac's calls name it
    ) -> Json:
        """Perform the request; raises FaultError: RefusedError for Vault's, MovedError for 3xx."""
        answered = self._send(method.upper(), url, params, json)
        status = answered.status
        if status in _REDIRECTS:
            raise MovedError(self._connection.address, status, answered.location)
        if status in _TAKEN_OVER and not answered.content:
            return {}
        body = _decode(answered)
        if status in {HTTPStatus.OK, HTTPStatus.ACCEPTED} and body is not None:
            return body
        if answered.content.startswith(_WANTS_TLS):
            raise FaultError(not_vault("it speaks https only", unanswered=False))
        errors = _errors(body)
        refusal = Refusal(status, errors, answered.content_type, answered.retry_after)
        fault = fault_of(self._request, refusal)
        raise FaultError(fault) if errors is None else RefusedError(fault, refusal)

    def _send(
        self,
        method: str,
        url: str,
        params: Mapping[str, str] | None = None,
        json: Mapping[str, object] | None = None,
    ) -> Answered:
        target = urlsplit(self._connection.address).path + url
        if params:
            target = f"{target}?{urlencode(params)}"
        headers = {"User-Agent": f"freshkey/{__version__}", "X-Vault-Request": "true"}
        if self._token is not None:
            headers["X-Vault-Token"] = _for_header(self._token)
        if self._namespace is not None:
            headers["X-Vault-Namespace"] = self._namespace
        if self._request.correlation_id is not None:
            headers["X-Correlation-Id"] = self._request.correlation_id
        body = None
        if json is not None:
            body = jsonlib.dumps(json).encode()
            headers["Content-Type"] = "application/json"
        return self._connection.request(method, target, body, headers)


def _for_header(token: Secret) -> str:
    value = token.reveal()
    if not value.isascii() or not value.isprintable():
        message = "the token holds characters that no header can carry"
        raise FaultError(Fault(FaultKind.BAD_REQUEST, message))
    return value


def _decode(answered: Answered) -> Json | None:
    """Return the JSON object of an answer, None when it is none."""
    if answered.content_type.partition(";")[0].strip().lower() != "application/json":
        return None
    try:
        body = jsonlib.loads(answered.content)
    except (ValueError, RecursionError):
        return None
    return body if isinstance(body, dict) else None


def _errors(body: Json | None) -> tuple[str, ...] | None:
    """Return Vault's own words: none when it has none to say, None when Vault did not answer."""
    if body is None:
        return None
    # A 404 may be a whole answer, with warnings.
    messages = body.get("errors", body.get("warnings") if "request_id" in body else None)
    if ended := kv.ended_version(body):
        messages = [ended]
    if not isinstance(messages, list):
        return () if "request_id" in body else None
    return tuple(word for word in messages if isinstance(word, str))
