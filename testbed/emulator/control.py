"""The control API: knobs, state, reset, and deletions behind Vault's back.

    GET  /control/state           what lives and what was counted, see `snapshot.State`
    PUT  /control/knobs           {"activation_delay": 2}: all others go to their default
    POST /control/reset           no accounts, no counts, default knobs
    POST /control/delete_account  {"account_id": "svc_acct_…"}

Anybody on this machine may call it. Faults are 400 or 404 with `{"error": "one line"}`.
"""

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from testbed.emulator.knobs import KnobError, parse
from testbed.emulator.snapshot import snapshot
from testbed.emulator.world import World


class Control:
    """The endpoints under /control."""

    def __init__(self, world: World) -> None:
        self._world = world

    def routes(self) -> list[Route]:
        """Return the routes."""
        return [
            Route("/control/state", self._state),
            Route("/control/knobs", self._knobs, methods=["PUT"]),
            Route("/control/reset", self._reset, methods=["POST"]),
            Route("/control/delete_account", self._delete_account, methods=["POST"]),
        ]

    async def _state(self, _: Request) -> Response:
        return JSONResponse(snapshot(self._world))

    async def _knobs(self, request: Request) -> Response:
        try:
            self._world.turn(parse(await request.json()))
        except KnobError as error:
            return _fault(400, str(error))
        except ValueError:
            return _fault(400, "knobs: the body is not JSON")
        return JSONResponse(self._world.knobs.settings())

    async def _reset(self, _: Request) -> Response:
        self._world.reset()
        return Response(status_code=204)

    async def _delete_account(self, request: Request) -> Response:
        try:
            body = await request.json()
        except ValueError:
            body = None
        account_id = body.get("account_id") if isinstance(body, dict) else None
        if not isinstance(account_id, str):
            return _fault(400, 'delete_account: the body must be {"account_id": "svc_acct_…"}')
        account = self._world.organization.accounts.get(account_id)
        if account is None:
            return _fault(404, f"delete_account: there is no account {account_id!r}")
        self._world.organization.delete_account(
            account, None, self._world.now(), revocation_lag=self._world.knobs.revocation_lag
        )
        return Response(status_code=204)


def _fault(status: int, line: str) -> Response:
    return JSONResponse({"error": line}, status)
