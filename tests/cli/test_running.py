"""`freshkey run` and `freshkey once`: what they start the agent with."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
from freshkey.cli.main import main
from freshkey.settings import Settings, load

from tests.cli.configurations import BAD_LINES

if TYPE_CHECKING:
    from collections.abc import Callable


def started(monkeypatch: pytest.MonkeyPatch, answer: Callable[[], int]) -> list[Any]:
    """Put an app in place that notes what it is started with."""
    calls: list[Any] = []

    def start(*arguments: object, **options: object) -> int:
        calls.append((*arguments, *options.items()))
        return answer()

    monkeypatch.setattr("freshkey.cli.running.startup", SimpleNamespace(run=start, once=start))
    return calls


def settings_of(path: str) -> Settings:
    return load(Path(path), {})


@pytest.mark.parametrize(("arguments", "locked"), [([], False), (["--lock-memory"], True)])
def test_run_starts_the_agent(
    good: str, monkeypatch: pytest.MonkeyPatch, arguments: list[str], *, locked: bool
) -> None:
    calls = started(monkeypatch, lambda: 1)
    assert main(["run", "--config", good, *arguments]) == 1
    ((settings, file, options),) = calls
    assert (settings, file.path) == (settings_of(good), Path(good))
    assert file.load() == settings
    assert not file.is_unread(file.digest())
    assert options == ("lock_memory", locked)


@pytest.mark.parametrize(
    ("arguments", "seconds"), [([], 120), (["--timeout", "1m30s"], 90), (["--timeout", "7"], 7)]
)
def test_once_has_a_timeout(
    good: str, monkeypatch: pytest.MonkeyPatch, arguments: list[str], seconds: float
) -> None:
    calls = started(monkeypatch, lambda: 0)
    assert main(["once", "--config", good, *arguments]) == 0
    assert calls == [(settings_of(good), seconds)]


@pytest.mark.parametrize("command", ["run", "once"])
def test_nothing_starts_with_a_fault(
    bad: str,
    command: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    calls = started(monkeypatch, lambda: 0)
    assert main([command, "--config", bad]) == 2
    assert not calls
    assert capsys.readouterr() == ("", BAD_LINES)


def test_an_interrupt_is_no_traceback(
    good: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupt() -> int:
        raise KeyboardInterrupt

    started(monkeypatch, interrupt)
    assert main(["run", "--config", good]) == 1
    assert capsys.readouterr() == ("", "freshkey: interrupted\n")
