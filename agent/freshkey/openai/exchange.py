"""The exchange of an identity token for an access token of OpenAI's.

Source: https://developers.openai.com/api/reference/workload-identity-federation, RFC 8693 (with
JSON in place of a form), and RFC 6749, section 5.2, for errors.
"""

from __future__ import annotations

import re
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final

from freshkey.core.model.faults import Fault, FaultError, FaultKind
from freshkey.core.model.grants import Grant
from freshkey.core.model.secret import MASK, Secret
from freshkey.core.model.struct import Struct
from freshkey.core.model.text import cleaned, one_line
from freshkey.host.proxies import ProxyError
from freshkey.logs.redact import redact_text
from freshkey.openai.http import KeptClient, decoded, is_cleartext, reason, send

if TYPE_CHECKING:
    from collections.abc import Callable


TIMEOUT: Final = 10.0
GRANT_TYPE: Final = "urn:ietf:params:oauth:grant-type:token-exchange"
TOKEN_TYPE: Final = "urn:ietf:params:oauth:token-type:"  # noqa: S105 - what names of types begin with
_LONGEST: Final = 1e9  # seconds, about 30 years: beyond it a number is no duration
_LONGEST_TEXT: Final = 300
_JWT: Final = r"\beyJ[\w-]+\.[\w-]+\.[\w-]*"
_FORBIDDEN: Final = frozenset(
    {HTTPStatus.BAD_REQUEST, HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}
)


class Account(Struct, frozen=True):
    """As whom the workload wants to act, by OpenAI's ids; `token_type` is `jwt` or `id_token`."""

    identity_provider_id: str
    service_account_id: str
    token_type: str


class TokenExchange:
    """Exchanges tokens at one URL; to be closed with `aclose`. `now` reads the lease clock."""

    def __init__(self, url: str, now: Callable[[], float]) -> None:
        self._url = url
        self._now = now
        self._client = KeptClient(self._url)

    async def exchange(self, identity: Secret, account: Account) -> Grant:
        """Return the access token for an identity token, within 10 s.

        Raises FaultError: `forbidden` with OpenAI's words for a refusal, `upstream` for a limit, a
        failure, and no answer, `malformed` for an answer that is none of OpenAI's.
        """
        if is_cleartext(self._url):
            raise _fault(FaultKind.BAD_REQUEST, "would be sent a token over plain http")
        try:
            client = await self._client.get()
        except ProxyError as error:
            raise _fault(FaultKind.UPSTREAM, f"can't be reached: {error}") from None
        import httpx  # noqa: PLC0415 - keys of the journal are served before

        body = {
            "grant_type": GRANT_TYPE,
            "subject_token": identity.reveal(),
            "subject_token_type": f"{TOKEN_TYPE}{account.token_type}",
            "identity_provider_id": account.identity_provider_id,
            "service_account_id": account.service_account_id,
        }
        asked_at = self._now()
        try:
            answered = await send(
                client, client.build_request("POST", self._url, json=body), TIMEOUT
            )
        except (httpx.HTTPError, httpx.InvalidURL, OSError) as error:
            raise _fault(FaultKind.UPSTREAM, f"does not answer: {reason(error)}") from None
        if answered is None:
            raise _fault(FaultKind.UPSTREAM, f"does not answer within {TIMEOUT:g} s")
        return grant(*answered, asked_at, account.service_account_id)

    async def aclose(self) -> None:
        """Close the connection that is kept between exchanges."""
        await self._client.aclose()


def grant(status: int, content: bytes, asked_at: float, service_account: str) -> Grant:
    """Read an answer; raises FaultError as `exchange` does. Pure."""
    body = decoded(content)
    if status != HTTPStatus.OK:
        raise _refusal(status, body)
    found, duration = body.get("access_token"), _seconds(body.get("expires_in"))
    if not isinstance(found, str) or duration is None:
        missing = "a token" if not isinstance(found, str) else "the time that its token lives"
        raise _fault(FaultKind.MALFORMED, f"answers 200 without {missing}: is this OpenAI?")
    token = cleaned(found)
    if not token.value or token.misfit:
        problem = token.misfit or "nothing but white space"
        raise _fault(FaultKind.MALFORMED, f"gives a token with {problem}: no header can carry it")
    return Grant(
        lease_id="",
        duration=duration,
        renewable=False,
        secret=Secret(token.value),
        asked_at=asked_at,
        service_account=service_account,
    )


def _refusal(status: int, body: dict[str, Any]) -> FaultError:
    said = _words(body)
    if status in _FORBIDDEN:
        return _fault(FaultKind.FORBIDDEN, f"refuses it ({status}): {said or 'no reason given'}")
    answers = f"answers {status}{f': {said}' if said else ''}"
    passing = status == HTTPStatus.TOO_MANY_REQUESTS or status >= HTTPStatus(500)
    if passing:
        fault = Fault(FaultKind.UPSTREAM, f"OpenAI's exchange {answers}", upstream_status=status)
        return FaultError(fault)
    if HTTPStatus.MULTIPLE_CHOICES <= status < HTTPStatus.BAD_REQUEST:
        answers += ", a redirect, which is not followed"
    return _fault(FaultKind.MALFORMED, f"{answers}: is exchange_url right?")


def _words(body: dict[str, Any]) -> str:
    """Return what an error says, of OAuth's or of the API's, on one line and without secrets."""
    error = body.get("error")
    inner = error.get("message") if isinstance(error, dict) else error
    said = [text for text in (inner, body.get("error_description")) if isinstance(text, str)]
    line = one_line(" ".join(redact_text(": ".join(said)).split()))
    line = re.sub(_JWT, MASK, line)
    return line if len(line) <= _LONGEST_TEXT else line[: _LONGEST_TEXT - 1] + "…"


def _seconds(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if 0 < value < _LONGEST else None  # NaN is in no interval


def _fault(kind: FaultKind, problem: str) -> FaultError:
    return FaultError(Fault(kind, f"OpenAI's exchange {problem}"))
