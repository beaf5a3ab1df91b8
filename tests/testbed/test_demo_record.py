"""How the story compares the agent's report and metrics with what there has to be."""

from __future__ import annotations

import shutil
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest

from testbed.demo.record import ENDS_WITHIN, compare
from testbed.demo.scrapes import Scrapes, promised

if TYPE_CHECKING:
    from testbed.emulator.process import OpenAIServer


def key(id_: str, ended: float | None) -> dict[str, Any]:
    """A row of the report."""
    shown = None if ended is None else datetime.fromtimestamp(ended, UTC).isoformat()
    return {"api_key_id": id_, "ended": shown, "how": "alive" if ended is None else "revoked"}


@pytest.fixture
def openai(openai_server: OpenAIServer) -> OpenAIServer:
    openai_server.reset()
    return openai_server


def made(openai: OpenAIServer, number: int) -> list[str]:
    """Make keys, oldest first."""
    project = openai.create_project("compared")
    for _ in range(number):
        openai.create_key(project)
    return [*reversed(openai.audited("api_key.created"))]


def test_a_true_report_is_accepted(openai: OpenAIServer) -> None:
    alive, ended = made(openai, 2)
    openai.delete_account(openai.state()["live"][1]["account_id"])
    (at,) = openai.audited("api_key.deleted").values()
    assert compare([key(alive, None), key(ended, at + 3)], openai).faults == ()
    assert compare([key(alive, None), key(ended, at - 3)], openai).furthest == 3


def test_every_untruth_is_found(openai: OpenAIServer) -> None:
    alive, ended = made(openai, 2)
    openai.delete_account(openai.state()["live"][1]["account_id"])
    (at,) = openai.audited("api_key.deleted").values()
    late = at + ENDS_WITHIN + 2
    found = compare([key("key_invented", None), key(ended, late)], openai)
    assert found.faults == (
        f"report: {alive} was made, and is missing",
        "report: key_invented was never made",
        f"report: {ended} ended {ENDS_WITHIN + 2} s from its end at OpenAI",
    )
    swapped = compare([key(alive, at), key(ended, None)], openai)
    assert sorted(swapped.faults) == sorted(
        [
            f"report: {alive} is revoked, and at OpenAI it is not",
            f"report: {ended} is alive, and at OpenAI it is not",
        ]
    )


def test_many_keys_are_read_page_by_page(openai: OpenAIServer) -> None:
    assert len(set(made(openai, 230))) == 230


class Exposing:
    """Has one exposition after the other."""

    def __init__(self, *texts: str | None) -> None:
        self._texts = iter(texts)

    def metrics(self) -> str | None:
        return next(self._texts)


def test_what_was_never_seen_and_what_nobody_promised_is_told(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(Scrapes, "has_promtool", staticmethod(lambda: False))
    scrapes = Scrapes()
    names = sorted(promised())
    assert len(names) == 25
    for agent in (Exposing("".join(f"{name} 1\n" for name in names[1:])), Exposing(None)):
        scrapes.take(agent)
    scrapes.take(Exposing('# HELP freshkey_extra_total x\nfreshkey_extra_total{a="b c"} 1\n'))
    assert scrapes.count == 2
    assert scrapes.faults() == [
        f"metrics: {names[0]} was never seen",
        "metrics: freshkey_extra_total is not documented",
    ]
    assert "promtool is missing" in scrapes.summary()


@pytest.mark.skipif(shutil.which("promtool") is None, reason="promtool is missing")
def test_promtool_is_heard() -> None:
    scrapes = Scrapes()
    scrapes.take(Exposing("".join(f"{name} 1\n" for name in promised())))
    assert any(line.startswith("promtool: ") for line in scrapes.faults())
