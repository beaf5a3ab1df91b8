"""The control API: settings, state, reset, and deletions behind Vault's back.

    GET  /control/state           what lives and what was counted, see `snapshot.StateSnapshot`
    GET  /control/traffic?last=N  what was on the wire, see `traffic.TrafficSnapshot`
    PUT  /control/settings        {"activation_delay": 2}: all others go to their default
    POST /control/reset           no accounts, no counts, default settings
    POST /control/delete_account  {"account_id": "svc_acct_…"}

Anybody on this machine may call it. Faults are 400 or 404 with `{"error": "one line"}`.
"""

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from testbed.emulator.settings import SettingsError, parse
from testbed.emulator.snapshot import snapshot
from testbed.emulator.state import EmulatorState
from testbed.emulator.traffic import KEPT


class Control:
    """The endpoints under /control."""

    def __init__(self, state: EmulatorState) -> None:
        self._state = state

    def routes(self) -> list[Route]:
        """Return the routes."""
        return [
            Route("/control/state", self._get_state),
            Route("/control/traffic", self._get_traffic),
            Route("/control/settings", self._put_settings, methods=["PUT"]),
            Route("/control/reset", self._reset, methods=["POST"]),
            Route("/control/delete_account", self._delete_account, methods=["POST"]),
        ]

    async def _get_state(self, _: Request) -> Response:
        return JSONResponse(snapshot(self._state))

    async def _get_traffic(self, request: Request) -> Response:
        last = request.query_params.get("last", str(KEPT))
        if not last.isdecimal():
            return _fault(400, "traffic: last must be a whole number")
        return JSONResponse(self._state.traffic.snapshot(self._state.now(), int(last)))

    async def _put_settings(self, request: Request) -> Response:
        try:
            self._state.configure(parse(await request.json()))
        except SettingsError as error:
            return _fault(400, str(error))
        except ValueError:
            return _fault(400, "settings: the body is not JSON")
        return JSONResponse(self._state.settings.to_json())

    async def _reset(self, _: Request) -> Response:
        self._state.reset()
        return Response(status_code=204)

    async def _delete_account(self, request: Request) -> Response:
        try:
            body = await request.json()
        except ValueError:
            body = None
        account_id = body.get("account_id") if isinstance(body, dict) else None
        if not isinstance(account_id, str):
            return _fault(400, 'delete_account: the body must be {"account_id": "svc_acct_…"}')
        account = self._state.organization.accounts.get(account_id)
        if account is None:
            return _fault(404, f"delete_account: there is no account {account_id!r}")
        self._state.organization.delete_account(
            account, None, self._state.now(), revocation_lag=self._state.settings.revocation_lag
        )
        return Response(status_code=204)


def _fault(status: int, line: str) -> Response:
    return JSONResponse({"error": line}, status)
