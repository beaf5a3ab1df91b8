"""One request of a client: who asks, for what, with which key, and what becomes of it."""

from __future__ import annotations

import socket
from contextlib import suppress
from http import HTTPStatus
from typing import TYPE_CHECKING, Final, final

import trio

from freshkey.gateway import refusals
from freshkey.gateway.body import Body, HungUpError
from freshkey.gateway.clients import find, offered_token
from freshkey.gateway.models import check_model, model_of_query, named_model
from freshkey.gateway.origins import check_origin
from freshkey.gateway.record import Done, recordable
from freshkey.gateway.refusals import RefusedError
from freshkey.gateway.refused_keys import refuses_the_key
from freshkey.gateway.relay import CutError, Relay
from freshkey.gateway.sending import Sending
from freshkey.gateway.streams import BrokenError
from freshkey.gateway.targets import parse_target
from freshkey.gateway.tunnel import Tunnel
from freshkey.http1.headers import first

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from typing import TypeAlias

    from freshkey.core.model.view import Publication
    from freshkey.gateway.body import RequestReader
    from freshkey.gateway.clients import Client
    from freshkey.gateway.configuration import Configuration
    from freshkey.gateway.places import Places
    from freshkey.gateway.refusals import Refusal
    from freshkey.gateway.requests import Head
    from freshkey.gateway.sending import Answered
    from freshkey.gateway.streams import ByteStream
    from freshkey.gateway.targets import Target
    from freshkey.sockets.peers import Peer

    Use: TypeAlias = Callable[[Answered], Awaitable[None]]

WAIT_FOR_ANOTHER: Final = 10.0  # seconds for another key after a 401
_READ_AHEAD: Final = 0.1  # seconds in which most bodies are whole; a longer one goes on as it comes
_READ_MODEL: Final = 30.0  # seconds to read a body whose model has to be known
_LINGER: Final = 5.0  # seconds to take the rest of a request that was answered before its end


@final
class Exchange:
    """Serves one request; `run` says whether the connection can have another one."""

    def __init__(  # noqa: PLR0913 - a request, and all that it is served with
        self,
        configuration: Configuration,
        stream: ByteStream,
        requests: RequestReader,
        peer: Peer,
        head: Head,
        *,
        places: Places,
    ) -> None:
        self._configuration = configuration
        self._stream = stream
        self._requests = requests
        self._peer = peer
        self._head = head
        self._body = Body(requests, stream, head)
        self._done = Done(peer, recordable(head.method))
        self._places = places
        self._ready_at = self._begun_at = trio.current_time()
        self._can_go_on = False
        self._has_answered = False
        self._is_refused = False

    async def run(self) -> bool:
        """Answer it, whatever happens; raises nothing that a client or OpenAI could cause."""
        try:
            await self._serve()
        except RefusedError as error:
            await self._answer_itself(error.refusal)
        except (HungUpError, BrokenError, CutError):
            self._can_go_on = False
        finally:
            self._done.bytes_received += self._body.size
            self._done.seconds = trio.current_time() - self._begun_at
            self._configuration.observer.on_done(self._done)
        if self._has_answered and not self._body.is_whole:
            await self._linger()
        return self._can_go_on

    async def _serve(self) -> None:
        configuration, head = self._configuration, self._head
        self._done.path = recordable(head.target.partition(b"?")[0])
        check_origin(head.headers, over_tcp=self._stream.socket.family != socket.AF_UNIX)
        offered, runs = offered_token(head.headers), configuration.runs
        await runs.wait_for(offered)
        client = find(configuration.clients, self._peer, offered, runs)
        if client is None:
            raise RefusedError(refusals.unknown_client(self._peer.uid))
        self._done.peer = runs.known_as(self._peer, offered)
        self._done.client, self._done.key = client.name, client.key
        target = parse_target(head.target, client.paths)
        with self._places.one(configuration.max_requests):
            await self._exchange(client, target)

    async def _exchange(self, client: Client, target: Target) -> None:
        configuration, head = self._configuration, self._head
        await self._body.read_ahead(_READ_MODEL if client.models else _READ_AHEAD)
        self._check_model(client, target)
        self._ready_at = trio.current_time()
        sending = Sending(
            configuration.upstream, head, target, self._body, configuration.first_byte_timeout
        )
        publication = self._publication(client)
        await sending.ask(publication.secret, self._use(client, publication, heals=True))
        if self._is_refused:
            publication = self._publication(client)
            await sending.ask(publication.secret, self._use(client, publication, heals=False))

    def _check_model(self, client: Client, target: Target) -> None:
        head, content = self._head, self._body.content
        if head.upgrade:
            model = model_of_query(target.query)
        else:
            model = named_model(head.headers, content) if content else None
        self._done.model = recordable(model) if model else None
        check = check_model(
            client.models, head.method, head.headers, content, target, upgrade=head.upgrade
        )
        if check is not None:
            self._body.add_check(check)

    def _publication(self, client: Client) -> Publication:
        view = self._configuration.keys.view(client.key)
        if view is None or view.publication is None:
            raise RefusedError(refusals.no_key(client.key, view))
        self._done.tag = view.publication.tag
        return view.publication

    def _use(self, client: Client, publication: Publication, *, heals: bool) -> Use:
        """Pass an answer on, unless it refuses the key, and there is another one to heal that."""

        async def use(answered: Answered) -> None:
            if await refuses_the_key(answered):
                self._configuration.keys.reject(client.key, publication.tag)
                # What has begun is never sent again, and neither is what was not kept.
                can_be_sent_again = heals and self._body.content is not None
                if can_be_sent_again and await self._has_another(client, publication):
                    self._is_refused = True
                    return
            await self._pass_on(answered, publication)

        return use

    async def _has_another(self, client: Client, publication: Publication) -> bool:
        """Wait for another key than the one that was refused."""
        with trio.move_on_after(WAIT_FOR_ANOTHER):
            await self._configuration.keys.wait_for_another(client.key, publication.tag)
            return True
        return False

    async def _pass_on(self, answered: Answered, publication: Publication) -> None:
        stream, parser = answered.stream, answered.parser
        head, done = parser.head, self._done
        if head is None or (head.status == HTTPStatus.SWITCHING_PROTOCOLS) > self._head.upgrade:
            raise RefusedError(refusals.no_answer("OpenAI switched the protocol unasked"))
        self._has_answered = True
        done.status = head.status
        done.request_id = recordable(first(head.headers, b"x-request-id")) or None
        key = publication.secret.reveal().encode()
        if head.status == HTTPStatus.SWITCHING_PROTOCOLS:
            relay: Tunnel | Relay = Tunnel(self._stream, key)
        else:
            configuration = self._configuration
            relay = Relay(
                self._stream,
                self._head,
                key,
                silence=configuration.first_byte_timeout,
                readiness=configuration.readiness,
            )
        try:
            if isinstance(relay, Tunnel):
                await relay.run(stream, head, (parser.left, self._requests.parser.left))
            else:
                can_go_on = await relay.pass_on(stream, parser)
                self._can_go_on = can_go_on and self._body.is_whole
        finally:
            done.bytes_received, done.bytes_sent = relay.bytes_received, relay.bytes_sent
            done.usage = relay.usage
            if relay.begun_at is not None:
                before = answered.sent_at - self._ready_at
                done.added = before + relay.begun_at - answered.head_at

    async def _answer_itself(self, refusal: Refusal) -> None:
        if self._has_answered:
            return  # the client sees that the answer ends early
        self._has_answered = True
        self._done.status, self._done.code = refusal.status, refusal.code
        self._can_go_on = self._head.keep_alive and await self._has_come_whole()
        has_body = self._head.method != b"HEAD"
        try:
            with trio.fail_after(_LINGER):
                data = refusal.encode(keep_alive=self._can_go_on, has_body=has_body)
                await self._stream.send(data)
        except (BrokenError, trio.TooSlowError):
            self._can_go_on = False

    async def _has_come_whole(self) -> bool:
        """Take what has come of the body; return whether that is all of it."""
        with suppress(HungUpError, BrokenError, RefusedError):
            if not self._head.expects_continue:
                await self._body.read_ahead(0)
        return self._body.is_whole

    async def _linger(self) -> None:
        """Take what the client still sends: closed at once, it would lose the answer."""
        with suppress(OSError):
            self._stream.socket.shutdown(socket.SHUT_WR)
        with trio.move_on_after(_LINGER), suppress(HungUpError, BrokenError, RefusedError):
            while not self._body.is_whole:
                await self._body.next()
