"""Asks the routes, without a connection in between."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any

from freshkey.core.model.faults import Fault, FaultKind
from freshkey.serve.access import Access
from freshkey.serve.framing import Request
from freshkey.serve.published_keys import PublishedKeys
from freshkey.serve.readers import Readers
from freshkey.serve.responses import Later, Response, Stream
from freshkey.sockets.peers import Peer

from tests.serve.fakes import FakeControl, Reads, routes_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from freshkey.core.model.view import KeyView
    from freshkey.sockets.rules import Rule

PEER = Peer(321, 1000, 100, "/usr/bin/python3", "billing.service")
SEALED = Fault(FaultKind.SEALED, "Vault is sealed")


class Asker:
    """Asks the routes, without a connection in between."""

    def __init__(self, *views: KeyView, rules: Mapping[str, Sequence[Rule]] | None = None) -> None:
        self.reads = Reads()
        published_keys = PublishedKeys([view.name for view in views])
        for view in views:
            published_keys.show(view)
        self.control, self.readers = FakeControl(), Readers(lambda: 400.0)
        access = Access(rules or {}, own_uid=os.geteuid())
        self._routes = routes_of(published_keys, access, self.reads, self.control, self.readers)

    def ask(self, target: str, method: str = "GET", **headers: str) -> Response:
        response = self.start(target, method, **headers)
        assert isinstance(response, Response)
        return response

    def post(self, path: str, body: dict[str, object], peer: Peer = PEER) -> Response:
        request = Request("POST", path, "", {}, json.dumps(body).encode(), keep_alive=True)
        response = self._routes.answer(request, peer)
        assert isinstance(response, Response)
        return response

    def start(self, target: str, method: str = "GET", **headers: str) -> Response | Later | Stream:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        path, _, query = target.partition("?")
        request = Request(method, path, query, named, b"", keep_alive=True)
        return self._routes.answer(request, PEER)


def content(response: Response) -> Any:  # noqa: ANN401 - it is whatever was answered
    return json.loads(response.body)
