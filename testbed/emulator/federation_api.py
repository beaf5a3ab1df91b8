"""Providers of identity tokens, and rules for them, in the organization API.

Source: `openai/resources/admin/organization/workload_identity_providers`.
"""

from collections.abc import Mapping
from dataclasses import replace
from operator import attrgetter
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from testbed.emulator.errors import APIError, api_error
from testbed.emulator.federation import Federation, Provider, Rule
from testbed.emulator.middleware import Middleware, json_object
from testbed.emulator.paging import page
from testbed.emulator.records import AdminKey
from testbed.emulator.state import EmulatorState

Kinds = Mapping[str, type | tuple[type, ...]]

_PROVIDER: Kinds = {
    "name": str,
    "issuer": str,
    "audience": str,
    "description": (str, type(None)),
    "enabled": bool,
    "verification": dict,
    "attribute_transformations": list,
}
_RULE: Kinds = {
    "name": (str, type(None)),
    "description": (str, type(None)),
    "enabled": bool,
    "attribute_matchers": dict,
    "permissions": dict,
}
_ACCOUNT: Kinds = {"service_account_id": str, "project_id": str}


class FederationAPI:
    """The endpoints under /v1/organization/workload_identity_providers, for admin keys only."""

    def __init__(self, state: EmulatorState) -> None:
        self._state = state

    @property
    def _federation(self) -> Federation:
        return self._state.organization.federation

    def routes(self, middleware: Middleware[AdminKey]) -> list[Route]:
        """Return the routes, each behind the middleware."""
        root = "/v1/organization/workload_identity_providers"
        provider = f"{root}/{{provider_id}}"
        rules = f"{provider}/federation_rules"
        rule = f"{rules}/{{rule_id}}"
        route = middleware.route
        return [
            route("POST", root, "identity_provider.create", self._create_provider),
            route("GET", root, "identity_provider.list", self._list_providers),
            route("GET", provider, "identity_provider.get", self._get_provider),
            route("POST", provider, "identity_provider.update", self._update_provider),
            route("DELETE", provider, "identity_provider.delete", self._delete_provider),
            route("POST", rules, "federation_rule.create", self._create_rule),
            route("GET", rules, "federation_rule.list", self._list_rules),
            route("GET", rule, "federation_rule.get", self._get_rule),
            route("POST", rule, "federation_rule.update", self._update_rule),
            route("DELETE", rule, "federation_rule.delete", self._delete_rule),
        ]

    async def _create_provider(self, request: Request, _: AdminKey) -> Response:
        body = await json_object(request)
        if body.pop("type", None) != "oidc":
            raise _invalid("type")
        usual = {"verification": {"type": "discovery", "discovery_url": None}}
        given = usual | _fields(body, _PROVIDER, ("name", "issuer", "audience"))
        provider = Provider(**given, created_at=self._state.now())
        self._federation.providers[provider.id] = provider
        return JSONResponse(provider.body())

    async def _list_providers(self, request: Request, _: AdminKey) -> Response:
        providers = list(self._federation.providers.values())
        return JSONResponse(page(request.query_params, providers, attrgetter("id"), Provider.body))

    async def _get_provider(self, request: Request, _: AdminKey) -> Response:
        return JSONResponse(self._provider(request).body())

    async def _update_provider(self, request: Request, _: AdminKey) -> Response:
        provider = self._provider(request)
        changes = _fields(await json_object(request), _PROVIDER)
        changed = replace(provider, **changes, updated_at=self._state.now())
        self._federation.providers[provider.id] = changed
        return JSONResponse(changed.body())

    async def _delete_provider(self, request: Request, _: AdminKey) -> Response:
        provider = self._provider(request)
        self._federation.delete_provider(provider.id)
        return JSONResponse(_deleted("workload_identity_provider", provider.id))

    async def _create_rule(self, request: Request, _: AdminKey) -> Response:
        provider, body = self._provider(request), await json_object(request)
        given = _fields(body, {**_RULE, **_ACCOUNT}, ("attribute_matchers", *_ACCOUNT))
        account = self._state.organization.accounts.get(given["service_account_id"])
        if account is None or account.project_id != given["project_id"]:
            raise _not_found("service account", given["service_account_id"])
        if not given["attribute_matchers"]:
            raise _invalid("attribute_matchers")
        rule = Rule(provider.id, **given, created_at=self._state.now())
        self._federation.rules[rule.id] = rule
        return JSONResponse(rule.body())

    async def _list_rules(self, request: Request, _: AdminKey) -> Response:
        account = request.query_params.get("service_account_id")
        rules = [
            rule
            for rule in self._federation.rules_of(self._provider(request).id)
            if account in {None, rule.service_account_id}
        ]
        return JSONResponse(page(request.query_params, rules, attrgetter("id"), Rule.body))

    async def _get_rule(self, request: Request, _: AdminKey) -> Response:
        return JSONResponse(self._rule(request).body())

    async def _update_rule(self, request: Request, _: AdminKey) -> Response:
        rule, changes = self._rule(request), _fields(await json_object(request), _RULE)
        changed = replace(rule, **changes, updated_at=self._state.now())
        self._federation.rules[rule.id] = changed
        return JSONResponse(changed.body())

    async def _delete_rule(self, request: Request, _: AdminKey) -> Response:
        rule = self._rule(request)
        del self._federation.rules[rule.id]
        return JSONResponse(_deleted("workload_identity_federation_rule", rule.id))

    def _provider(self, request: Request) -> Provider:
        identity = request.path_params["provider_id"]
        provider = self._federation.providers.get(identity)
        if provider is None:
            raise _not_found("workload identity provider", identity)
        return provider

    def _rule(self, request: Request) -> Rule:
        identity = request.path_params["rule_id"]
        rule = self._federation.rules.get(identity)
        if rule is None or rule.provider_id != self._provider(request).id:
            raise _not_found("federation rule", identity)
        return rule


def _fields(
    body: Mapping[str, object],
    known: Kinds,
    needed: tuple[str, ...] = (),
) -> dict[str, Any]:
    """Return the fields of a request; raises APIError (400) for one that can't be taken."""
    for name in needed:
        if not body.get(name):
            raise _invalid(name)
    for name, value in body.items():
        if name not in known or not isinstance(value, known[name]):
            raise _invalid(name)
    return dict(body)


def _invalid(name: str) -> APIError:
    return api_error(400, f"Invalid or missing parameter: '{name}'.", param=name)


def _not_found(kind: str, identity: str) -> APIError:
    return api_error(404, f"No {kind} found with id '{identity}'.", code="not_found")


def _deleted(kind: str, identity: str) -> dict[str, object]:
    return {"object": f"organization.{kind}.deleted", "id": identity, "deleted": True}
