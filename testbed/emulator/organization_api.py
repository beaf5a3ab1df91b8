"""The organization API: projects, service accounts, admin keys, and the audit log.

Source: https://platform.openai.com/docs/api-reference/administration
"""

from operator import attrgetter

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from testbed.emulator.audit import Event
from testbed.emulator.errors import APIError, api_error
from testbed.emulator.middleware import Middleware, json_object
from testbed.emulator.paging import integer, page, values
from testbed.emulator.records import AdminKey, Project, ServiceAccount, Validity
from testbed.emulator.state import EmulatorState

MAX_LIFETIME = 31_536_000
"""Seconds: the longest `expires_in_seconds`."""


class OrganizationAPI:
    """The endpoints under /v1/organization, for admin keys only."""

    def __init__(self, state: EmulatorState) -> None:
        self._state = state

    def routes(self, middleware: Middleware[AdminKey]) -> list[Route]:
        """Return the routes, each behind the middleware."""
        root = "/v1/organization"
        accounts = f"{root}/projects/{{project_id}}/service_accounts"
        account = f"{accounts}/{{account_id}}"
        admin_keys = f"{root}/admin_api_keys"
        return [
            middleware.route("POST", f"{root}/projects", "project.create", self._create_project),
            middleware.route(
                "GET", f"{root}/projects/{{project_id}}", "project.get", self._get_project
            ),
            middleware.route("POST", accounts, "service_account.create", self._create_account),
            middleware.route("GET", accounts, "service_account.list", self._list_accounts),
            middleware.route("GET", account, "service_account.get", self._get_account),
            middleware.route("DELETE", account, "service_account.delete", self._delete_account),
            middleware.route("POST", admin_keys, "admin_api_key.create", self._create_admin_key),
            middleware.route("GET", admin_keys, "admin_api_key.list", self._list_admin_keys),
            middleware.route(
                "DELETE", f"{admin_keys}/{{key_id}}", "admin_api_key.delete", self._delete_admin_key
            ),
            middleware.route("GET", f"{root}/audit_logs", "audit_log.list", self._list_audit_logs),
        ]

    async def _create_project(self, request: Request, _: AdminKey) -> Response:
        name = _name(await json_object(request))
        project = self._state.organization.create_project(name, self._state.now())
        return JSONResponse(project.body())

    async def _get_project(self, request: Request, _: AdminKey) -> Response:
        return JSONResponse(self._project(request).body())

    async def _create_account(self, request: Request, caller: AdminKey) -> Response:
        project = self._project(request)
        body = await json_object(request)
        settings = self._state.settings
        lifetimes = [each for each in (_lifetime(body), settings.key_lifetime) if each is not None]
        now = self._state.now()
        account, value = self._state.organization.create_account(
            project,
            _name(body),
            caller,
            Validity(
                created_at=now,
                active_at=now + settings.activation_delay,
                expires_at=now + min(lifetimes) if lifetimes else None,
            ),
        )
        return JSONResponse({**account.body(), "api_key": account.key.body(value)})

    async def _list_accounts(self, request: Request, _: AdminKey) -> Response:
        project = self._project(request)
        accounts = [
            account
            for account in self._state.organization.accounts.values()
            if account.project_id == project.id
        ]
        return JSONResponse(
            page(request.query_params, accounts, attrgetter("id"), ServiceAccount.body)
        )

    async def _get_account(self, request: Request, _: AdminKey) -> Response:
        return JSONResponse(self._account(request).body())

    async def _delete_account(self, request: Request, caller: AdminKey) -> Response:
        account = self._account(request)
        self._state.organization.delete_account(
            account, caller, self._state.now(), revocation_lag=self._state.settings.revocation_lag
        )
        return JSONResponse(_deleted("project.service_account", account.id))

    async def _create_admin_key(self, request: Request, _: AdminKey) -> Response:
        name = _name(await json_object(request))
        key, value = self._state.organization.create_admin_key(name, self._state.now())
        return JSONResponse({**key.body(), "value": value})

    async def _list_admin_keys(self, request: Request, _: AdminKey) -> Response:
        keys = list(self._state.organization.admin_keys.values())
        if request.query_params.get("order") == "desc":
            keys.reverse()
        return JSONResponse(page(request.query_params, keys, attrgetter("id"), AdminKey.body))

    async def _delete_admin_key(self, request: Request, _: AdminKey) -> Response:
        key_id = request.path_params["key_id"]
        if self._state.organization.admin_keys.pop(key_id, None) is None:
            raise _not_found("admin API key", key_id)
        return JSONResponse(_deleted("admin_api_key", key_id))

    async def _list_audit_logs(self, request: Request, _: AdminKey) -> Response:
        query = request.query_params
        types, projects = values(query, "event_types"), values(query, "project_ids")
        after = max(
            integer(query, "effective_at[gt]", -1) + 1, integer(query, "effective_at[gte]", 0)
        )
        before = integer(query, "effective_at[lt]", 2**62)
        before = min(before, integer(query, "effective_at[lte]", 2**62) + 1)
        events = [
            event
            for event in reversed(self._state.organization.audit_log.events)
            if (not types or event.type in types)
            and (not projects or event.project.id in projects)
            and after <= int(event.effective_at) < before
        ]
        return JSONResponse(page(query, events, attrgetter("id"), Event.body))

    def _project(self, request: Request) -> Project:
        project_id = request.path_params["project_id"]
        project = self._state.organization.projects.get(project_id)
        if project is None:
            raise _not_found("project", project_id)
        return project

    def _account(self, request: Request) -> ServiceAccount:
        account_id = request.path_params["account_id"]
        account = self._state.organization.accounts.get(account_id)
        if account is None or account.project_id != self._project(request).id:
            raise _not_found("service account", account_id)
        return account


def _not_found(kind: str, identity: str) -> APIError:
    return api_error(404, f"No {kind} found with id '{identity}'.", code="not_found")


def _deleted(kind: str, identity: str) -> dict[str, object]:
    return {"object": f"organization.{kind}.deleted", "id": identity, "deleted": True}


def _name(body: dict[str, object]) -> str:
    name = body.get("name")
    if not isinstance(name, str) or not name:
        raise api_error(
            400,
            "Missing required parameter: 'name'.",
            param="name",
            code="missing_required_parameter",
        )
    return name


def _lifetime(body: dict[str, object]) -> int | None:
    seconds = body.get("expires_in_seconds")
    if seconds is None:
        return None
    if isinstance(seconds, bool) or not isinstance(seconds, int):
        kind = "integer"
    elif 1 <= seconds <= MAX_LIFETIME:
        return seconds
    else:
        kind = f"value between 1 and {MAX_LIFETIME}"
    raise api_error(
        400,
        f"Invalid 'expires_in_seconds': expected an {kind}, but got {seconds!r} instead.",
        param="expires_in_seconds",
        code="invalid_value",
    )
