"""Error answers of the OpenAI API, body by body.

Source: https://platform.openai.com/docs/guides/error-codes and the error classes of openai-python.
"""

from collections.abc import Mapping
from typing import Literal

from testbed.emulator.endpoints import Plane

ErrorName = Literal[
    "invalid_api_key",
    "missing_scopes",
    "forbidden",
    "bare_string",
    "rate_limited",
    "server_error",
    "unavailable",
]
KEYS_PAGE = "https://platform.openai.com/account/api-keys"
LONGEST_UNMASKED = 12
"""A key no longer than this is masked nowhere in the 401."""


class APIError(Exception):
    """An answer other than 200, raised by a handler and sent by the middleware."""

    def __init__(
        self, status: int, body: Mapping[str, object], headers: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(status, body)
        self.status = status
        self.body = body
        self.headers = headers or {}


def api_error(
    status: int,
    message: str,
    *,
    kind: str = "invalid_request_error",
    param: str | None = None,
    code: str | None = None,
) -> APIError:
    """Make an error with the usual body, `{"error": {message, type, param, code}}`."""
    error = {"message": message, "type": kind, "param": param, "code": code}
    return APIError(status, {"error": error})


def mask(key: str) -> str:
    """Show a key as the 401 does: its first eight and last four characters."""
    if len(key) <= LONGEST_UNMASKED:
        return key
    return key[:8] + "*" * (len(key) - LONGEST_UNMASKED) + key[-4:]


def no_key() -> APIError:
    """Answer a request without an Authorization header."""
    return api_error(
        401,
        "You didn't provide an API key. You need to provide your API key in an Authorization "
        "header using Bearer auth (i.e. Authorization: Bearer YOUR_KEY), or as the password field "
        "(with blank username) if you're accessing the API from your browser and are prompted for "
        f"a username and password. You can obtain an API key from {KEYS_PAGE}.",
    )


def invalid_api_key(key: str) -> APIError:
    """Refuse a key: unknown, not active yet, expired, or deleted."""
    return api_error(
        401,
        f"Incorrect API key provided: {mask(key)}. You can find your API key at {KEYS_PAGE}.",
        code="invalid_api_key",
    )


def rate_limited(plane: Plane, wait: float) -> APIError:
    """Answer 429: the organization API says nothing about the wait (in seconds), the other does."""
    if plane == "organization":
        return api_error(
            429,
            "You're making too many requests, please slow down.",
            kind="requests",
            code="rate_limit_exceeded",
        )
    error = api_error(
        429,
        f"Rate limit reached on requests per min (RPM). Please try again in {wait:.3f}s. "
        "Visit https://platform.openai.com/account/rate-limits to learn more.",
        kind="requests",
        code="rate_limit_exceeded",
    )
    error.headers = {
        "retry-after": str(max(1, round(wait))),
        "retry-after-ms": str(max(1, round(wait * 1000))),
        "x-ratelimit-remaining-requests": "0",
        "x-ratelimit-reset-requests": f"{wait:.3f}s",
    }
    return error


ERROR_STATUSES: Mapping[ErrorName, int] = {
    "invalid_api_key": 401,
    "missing_scopes": 403,
    "forbidden": 403,
    "bare_string": 403,
    "rate_limited": 429,
    "server_error": 500,
    "unavailable": 503,
}
"""What the setting `errors` can ask for, with its status."""

BEFORE_AUTHENTICATION: frozenset[ErrorName] = frozenset(
    {"invalid_api_key", "server_error", "unavailable"}
)
"""These come whatever the key; the others only to a key that authenticates."""


def named_error(name: ErrorName, plane: Plane, key: str, wait: float = 1) -> APIError:
    """Make the error that the setting `errors` names; `key` is what the caller sent.

    `wait` is the time in seconds that a 429 tells.
    """
    match name:
        case "invalid_api_key":
            return invalid_api_key(key)
        case "missing_scopes":
            return api_error(
                403,
                "You have insufficient permissions for this operation. Missing scopes: "
                "api.model.read. Check that you have the correct role in your organization "
                "(Reader, Writer, Owner) and project (Member, Owner), and if you're using a "
                "restricted API key, that it has the necessary scopes.",
                code="missing_scope",
            )
        case "forbidden":
            return api_error(
                403,
                "You are not allowed to perform this operation. An owner of the organization "
                "has turned it off.",
                code="permission_denied",
            )
        case "bare_string":
            return APIError(403, {"error": "a bare string"})
        case "rate_limited":
            return rate_limited(plane, wait)
        case "server_error":
            return api_error(
                500,
                "The server had an error while processing your request. Sorry about that!",
                kind="server_error",
            )
        case "unavailable":
            return api_error(
                503,
                "The engine is currently overloaded, please try again later.",
                kind="server_error",
            )
