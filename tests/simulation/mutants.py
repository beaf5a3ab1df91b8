"""Agents that are broken on purpose: each breaks one promise, and the invariants have to notice."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import structlog
from freshkey.core.agent import stopping
from freshkey.core.keys import monitoring, publishing, replacement, revocation
from freshkey.core.model.view import Publication
from freshkey.daemon import file_contents, publisher
from freshkey.daemon.file_watch import FileWatch
from freshkey.daemon.gateway_keys import GatewayKeys
from freshkey.daemon.loop import Loop
from freshkey.daemon.publisher import Publisher
from freshkey.outputs.files import remove_file, write_file
from freshkey.serve import credential
from freshkey.serve.credential import CredentialSocket
from freshkey.serve.reading import Reading
from freshkey.serve.subscribers import Subscribers
from freshkey.serve.waiting import WaitEnd, Waiter
from freshkey.sockets.handover import Handover
from freshkey.vault.login import credentials
from freshkey.vault.transport.session import Session

from tests.simulation.call_mutants import CALL_MUTANTS
from tests.simulation.edit_mutants import EDIT_MUTANTS
from tests.simulation.histories import History, Incident, KeyPlan, Kind
from tests.simulation.hook_mutants import HOOK_MUTANTS
from tests.simulation.lease_mutants import LEASE_MUTANTS
from tests.simulation.mutant import Mutant, after, module

_mint, _write_file = replacement.mint, write_file
_monitor, _publication = monitoring.plan, publishing.publication
_for_news = Waiter.for_news
_view, _follow = GatewayKeys.view, GatewayKeys.follow
_raw = Reading.raw


def _mint_after_revoking(key: Any, cycle: Any, token: Any, context: Any, **options: Any) -> Any:  # noqa: ANN401 - as replacement.mint
    if key.current is not None:
        key = revocation.retire(key, key.current.lease, context.now)
    return _mint(key, cycle, token, context, **options)


def _write_in_two_steps(target: Any, content: Any, **options: Any) -> Any:  # noqa: ANN401 - as write_file
    remove_file(target)
    return _write_file(target, content, **options)


def _publish_soon(_key: object, testing: Any, _context: object) -> float:  # noqa: ANN401 - as _publish_by
    return float(testing.since) + 5.0


def _withdraw_in_an_outage(key: Any, context: Any) -> Any:  # noqa: ANN401 - as monitoring.plan
    if context.link.away:
        key = publishing.withdraw(key, "max_stale", context)
    return _monitor(key, context)


def _publish_once_confirmed(key: Any, tokens: Any) -> Any:  # noqa: ANN401 - as publication
    return _publication(key, tokens) if key.confirmed else None


def _view_first(keys: GatewayKeys, name: str) -> Any:  # noqa: ANN401 - as view
    first = vars(keys).setdefault("_first", {})
    view = _view(keys, name)
    return first.setdefault(name, view) if view and view.publication else view


def _follow_once(keys: GatewayKeys, *published: Any) -> None:  # noqa: ANN401 - as follow
    if not vars(keys).setdefault("_has_followed", []):
        vars(keys)["_has_followed"].append(True)
        _follow(keys, *published)


def _raw_first(reading: Reading, peer: Any, name: str) -> bytes:  # noqa: ANN401 - as raw
    first: dict[str, bytes] = vars(reading).setdefault("_first", {})
    return first.setdefault(name, _raw(reading, peer, name)) or _raw(reading, peer, name)


def _has_none(_socket: CredentialSocket) -> bool:
    return False


def _render(_target: object, _name: str, publication: Publication, _: object) -> bytes:
    return publication.secret.reveal().encode()


def _log_secret(_publisher: Publisher, order: Any) -> None:  # noqa: ANN401 - an order
    if hasattr(order, "publication"):
        structlog.get_logger().info("key.written", content=order.publication.secret.reveal())


def _keep_events(loop: Loop, events: list[Any], *_: object) -> None:
    vars(loop).setdefault("_all_events", {}).setdefault("all", []).extend(events)


def _keep_events_of_an_outage(loop: Loop, events: list[Any], *_: object) -> None:
    kept: dict[str, list[Any]] = vars(loop).setdefault("_all_events", {"all": []})
    kept["all"] = [*kept["all"], *events] if loop.state.link.away else []


def _keep_events_apart(_loop: Loop, events: list[Any], *_: object) -> None:
    kept = credentials._read_last  # noqa: SLF001 - what a module holds
    kept.update({Path(f"{len(kept) + place}"): () for place, _ in enumerate(events)})


def _wait_to_the_end(state: Any, context: Any) -> bool:  # noqa: ANN401 - as stopping.finished
    stop = state.stopping
    return stop is not None and stop.end_by is not None and context.due(stop.end_by)


async def _wait_for_news_alone(waiter: Waiter, *args: Any) -> WaitEnd:  # noqa: ANN401 - as for_news
    end = await _for_news(waiter, *args)
    return WaitEnd.HUNG_UP if end is WaitEnd.STOPPING else end


def _know_one_node(session: Session, *_: object) -> None:
    session._nodes = session._nodes[:1]  # noqa: SLF001 - a broken one's


MUTANTS: Final = (
    Mutant(
        "revokes a lease before its successor is out",
        1,
        ((replacement, "mint", _mint_after_revoking),),
    ),
    Mutant(
        "removes a file before it writes it", 1, ((publisher, "write_file", _write_in_two_steps),)
    ),
    Mutant(
        "never logs in again",
        1,
        ((module("tokens.lifecycle"), "_login_due", lambda _, current, __: not current),),
    ),
    Mutant(
        "does not look at its files",
        1,
        ((FileWatch, "is_changed", lambda *_: False),),
        (Kind.FILE_REMOVED, Kind.FILE_OVERWRITTEN),
    ),
    Mutant(
        "withdraws in an outage",
        1,
        ((monitoring, "plan", _withdraw_in_an_outage),),
        (Kind.VAULT_REFUSED, Kind.VAULT_SEALED),
    ),
    Mutant(
        "serves no journal before Vault has answered",
        1,
        ((publishing, "publication", _publish_once_confirmed),),
        (Kind.KILLED, Kind.RESTARTED, Kind.VAULT_REFUSED),
    ),
    Mutant(
        "asks one node only",
        1,
        (after(Session, "ask", _know_one_node),),
        (Kind.NODE_DOWN,),
    ),
    Mutant("writes its first key to whoever connects", 1, ((Reading, "raw", _raw_first),)),
    Mutant("never tells who connects of a key", 1, ((CredentialSocket, "_has_key", _has_none),)),
    Mutant("does not wait for a first key", 1, ((credential, "_WAIT", 0.0),)),
    Mutant(
        "ends a wait for a first key with its configuration",
        1,
        ((Handover, "hand_over", lambda *_: False),),
        history=History(
            keys=(KeyPlan(credential=True),),
            seconds=60.0,
            incidents=(
                Incident(Kind.VAULT_REFUSED, 0.0, 5.0),
                Incident(Kind.RELOADED, 1.0, number=2),
            ),
        ),
    ),
    Mutant(
        "writes a key alone, whatever the format",
        1,
        ((file_contents, "render", _render),),
        history=History(keys=(KeyPlan(format="env"), KeyPlan(format="json")), seconds=60.0),
    ),
    Mutant("wakes nobody who waits", 1, ((Subscribers, "notify", lambda _: None),)),
    Mutant("calls all keys alike", 3, ((Publication, "tag", "1-0"),)),
    Mutant(
        "publishes what nobody could test",
        3,
        ((module("keys.verification"), "_publish_by", _publish_soon),),
        (Kind.OPENAI_UNAVAILABLE, Kind.OPENAI_REFUSED),
    ),
    Mutant("asks with its first key for ever", 3, ((GatewayKeys, "view", _view_first),)),
    Mutant(
        "asks with the keys of its first configuration",
        3,
        ((GatewayKeys, "follow", _follow_once),),
        (Kind.RELOADED,),
    ),
    Mutant("logs a key", 5, (after(Publisher, "perform", _log_secret),)),
    Mutant(
        "waits at its end",
        6,
        ((stopping, "finished", _wait_to_the_end), (stopping, "REST", 30.0)),
        (Kind.RESTARTED,),
    ),
    Mutant("ends without a word", 6, ((Waiter, "for_news", _wait_for_news_alone),)),
    Mutant("keeps all events", 7, (after(Loop, "_advance", _keep_events),)),
    Mutant(
        "keeps the events of an outage until it is over",
        7,
        (after(Loop, "_advance", _keep_events_of_an_outage),),
        history=History(seconds=900.0, incidents=(Incident(Kind.VAULT_REFUSED, 20.0, 600.0),)),
    ),
    Mutant(
        "keeps all events in a module",
        7,
        (after(Loop, "_advance", _keep_events_apart),),
    ),
    *LEASE_MUTANTS,
    *CALL_MUTANTS,
    *HOOK_MUTANTS,
    *EDIT_MUTANTS,
)
