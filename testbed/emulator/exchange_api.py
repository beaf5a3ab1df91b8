"""The token endpoint: an access token of OpenAI's for an identity token of somebody else's.

Sources: RFC 8693 (with JSON in place of a form), RFC 6749 section 5.2, and
https://developers.openai.com/api/reference/workload-identity-federation
"""

import anyio
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from testbed.emulator.endpoints import Endpoint
from testbed.emulator.errors import ERROR_STATUSES, APIError, named_error, rate_limited
from testbed.emulator.federation import Provider
from testbed.emulator.identity_token import (
    InvalidTokenError,
    attributes_of,
    claims_of,
    verify_claims,
    verify_signature,
)
from testbed.emulator.issuer_keys import NoKeysError, issuer_keys
from testbed.emulator.middleware import json_object
from testbed.emulator.records import ServiceAccount, new_id
from testbed.emulator.settings import lookup
from testbed.emulator.state import EmulatorState

ENDPOINT: Endpoint = "token.exchange"
GRANT_TYPE = "urn:ietf:params:oauth:grant-type:token-exchange"
TOKEN_TYPES = (
    "urn:ietf:params:oauth:token-type:jwt",
    "urn:ietf:params:oauth:token-type:id_token",
)
ACCESS_TOKEN = "urn:ietf:params:oauth:token-type:access_token"  # noqa: S105 - a type's name
_FIELDS = (
    "grant_type",
    "subject_token",
    "subject_token_type",
    "identity_provider_id",
    "service_account_id",
)


class ExchangeAPI:
    """POST /oauth/token. The settings' faults and delays hold here, too."""

    def __init__(self, state: EmulatorState) -> None:
        self._state = state

    def routes(self) -> list[Route]:
        """Return the route."""
        return [Route("/oauth/token", self._answer, methods=["POST"])]

    async def _answer(self, request: Request) -> Response:
        settings = self._state.settings
        await request.body()
        await anyio.sleep(lookup(settings.delay_before, ENDPOINT, 0))
        try:
            self._admit()
            body = await self._exchange(await _fields(request))
            response = JSONResponse(body, headers={"cache-control": "no-store"})
        except APIError as error:
            response = JSONResponse(error.body, error.status, error.headers)
        response.headers["x-request-id"] = new_id("req_")
        self._state.request_counters.count_answer(ENDPOINT, response.status_code)
        await anyio.sleep(lookup(settings.delay_after, ENDPOINT, 0))
        return response

    def _admit(self) -> None:
        settings = self._state.settings
        fault = lookup(settings.errors, ENDPOINT, None)
        if fault is not None:
            status = ERROR_STATUSES[fault]
            if status in {401, 403}:
                raise _oauth_error(status, "invalid_grant", "The exchange is turned off.")
            raise named_error(fault, "auth", "")
        per_minute = lookup(settings.requests_per_minute, ENDPOINT, None)
        if per_minute is not None:
            wait = self._state.limiter.take(ENDPOINT, per_minute, self._state.now())
            if wait > 0:
                raise rate_limited("auth", wait)

    async def _exchange(self, fields: dict[str, str]) -> dict[str, object]:
        if fields["grant_type"] != GRANT_TYPE:
            raise _oauth_error(400, "unsupported_grant_type", "The grant_type is not supported.")
        if fields["subject_token_type"] not in TOKEN_TYPES:
            raise _oauth_error(400, "invalid_request", "The subject_token_type is not supported.")
        settings, organization = self._state.settings, self._state.organization
        provider = organization.federation.providers.get(fields["identity_provider_id"])
        if provider is None:
            raise _oauth_error(400, "invalid_request", "There is no such identity provider.")
        if not provider.enabled:
            raise _oauth_error(403, "invalid_grant", "The identity provider is not enabled.")
        now = self._state.now() + settings.clock_skew
        claims = await self._verified(fields["subject_token"], provider, now)
        account = self._mapped(claims, provider, fields["service_account_id"])
        # A token never outlives the one that it was given for.
        lifetime = int(min(settings.access_token_lifetime, claims["exp"] - now))
        value = organization.federation.issue(account.id, self._state.now(), lifetime)
        return {
            "access_token": value,
            "issued_token_type": ACCESS_TOKEN,
            "token_type": "Bearer",
            "expires_in": lifetime,
        }

    async def _verified(self, token: str, provider: Provider, now: float) -> dict[str, float]:
        ca_file = self._state.settings.issuer_ca_file
        try:
            _, claims = claims_of(token)
            keys = await issuer_keys(provider.issuer, provider.verification, ca_file)
            verify_signature(token, keys)
            verify_claims(claims, provider.issuer, provider.audience, now)
        except (InvalidTokenError, NoKeysError) as error:
            raise _oauth_error(401, "invalid_subject_token", str(error)) from None
        return claims

    def _mapped(
        self, claims: dict[str, float], provider: Provider, account_id: str
    ) -> ServiceAccount:
        organization = self._state.organization
        account = organization.accounts.get(account_id)
        attributes = attributes_of(claims, provider.attribute_transformations)
        rules = organization.federation.rules_of(provider.id)
        allowed = (
            rule.matches(attributes) for rule in rules if rule.service_account_id == account_id
        )
        if account is None or not any(allowed):
            message = "No service account mapping matches the subject token."
            raise _oauth_error(403, "invalid_grant", message)
        return account


async def _fields(request: Request) -> dict[str, str]:
    try:
        body = await json_object(request)
    except APIError:
        raise _oauth_error(400, "invalid_request", "The body is not a JSON object.") from None
    fields = {name: value for name, value in body.items() if isinstance(value, str) and value}
    for name in _FIELDS:
        if name not in fields:
            raise _oauth_error(400, "invalid_request", f"The parameter {name} is missing.")
    return fields


def _oauth_error(status: int, code: str, description: str) -> APIError:
    return APIError(status, {"error": code, "error_description": description})
