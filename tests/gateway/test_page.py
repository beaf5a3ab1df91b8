"""docs/gateway.md: its configuration has no fault, and its table has every answer."""

from __future__ import annotations

import inspect
import re
from pathlib import Path

from freshkey.gateway import refusals
from freshkey.gateway.body import BUFFER
from freshkey.gateway.requests import MAX_HEAD
from freshkey.settings import load

from tests.gateway.page import PAGE, block
from tests.settings.files import NO_VARIABLES, config, written


def test_the_configurations_have_no_fault(tmp_path: Path) -> None:
    more = "\n".join(map(block, ("start", "nginx", "envoy")))
    settings = load(written(tmp_path, config(more=more)), NO_VARIABLES)
    assert settings.gateway.is_on
    assert [client.name for client in settings.gateway.clients] == ["agents", "notebook"]
    assert len(settings.keys["billing"].files) == 2


def test_every_answer_of_its_own_is_told() -> None:
    package = Path(refusals.__file__)
    senders = "".join(p.read_text() for p in package.parent.glob("*.py") if p != package)
    sent: set[tuple[str, str]] = set()
    for name, function in inspect.getmembers(refusals, inspect.isfunction):
        if re.search(rf"\b{name}\(", senders):
            sent |= set(re.findall(r'Refusal\((\d{3}), "(\w+)"', inspect.getsource(function)))
    told = set(re.findall(r"^\| (\d{3}) \| `(\w+)` \|", PAGE.read_text(), re.MULTILINE))
    assert told == sent
    assert len(told) > 8


def test_limits_are_those_of_the_code() -> None:
    text = PAGE.read_text()
    assert f"bodies up to {BUFFER // 1024} KiB" in text
    assert f"{MAX_HEAD // 1024} KiB of the request" in text
