"""The agent is measured with its run-time dependencies alone; what is beside it has its own."""

from __future__ import annotations

from argparse import Namespace
from contextlib import ExitStack, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, cast

from bench import gate, servers, side_by_side
from bench.figures import leases, passing, reads, rest, starts
from bench.servers import GO, HYPERCORN, Servers

if TYPE_CHECKING:
    import pytest

    from bench.deployment import Deployment
    from bench.program import Command

ALONE, PEERS = Path("/alone"), Path("/peers")


class FakeDeployment:
    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def directory(self, name: str) -> Path:
        made = self._directory / name
        made.mkdir()
        return made

    def freshkey(self, name: str, _extra: str = "") -> Path:
        return self.directory(name)


class FakeProgram(nullcontext[None]):
    def __init__(self, command: Command, *_: object) -> None:
        super().__init__()
        self.directory = Path(command[0]).parent

    def until(self, reached: object) -> None:
        pass


def test_of_the_servers_only_hypercorn_has_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(servers, "Program", FakeProgram)
    monkeypatch.setattr(servers, "ask", lambda _: b"an answer")
    deployment = cast("Deployment", FakeDeployment(tmp_path))
    with ExitStack() as stack:
        found = {
            server.name: cast("FakeProgram", server.program).directory
            for server in Servers(deployment, ALONE, PEERS, 0, stack).start()
        }
    assert found.pop(HYPERCORN) == PEERS
    assert found.pop(GO) not in {ALONE, PEERS}
    assert {*found.values()} == {ALONE}


def test_reads_and_gateway_are_measured_with_both(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[object, ...]] = []

    def measure(_deployment: object, *arguments: object, **_: object) -> list[object]:
        asked.append(arguments[:2])
        return []

    for figure in (reads, passing):
        monkeypatch.setattr(figure, "measure", measure)
        monkeypatch.setattr(figure, "figures", list)
    for figure, names in ((starts, ("", "")), (rest, ("_memory", "memory_")), (leases, ("", ""))):
        monkeypatch.setattr(figure, f"measure{names[0]}", lambda *_, **__: [])
        monkeypatch.setattr(figure, f"{names[1]}figures", list)
    monkeypatch.setattr(gate, "Deployment", nullcontext)
    monkeypatch.setattr(
        side_by_side, "install", lambda _, *, peers=False: PEERS if peers else ALONE
    )
    gate.measure(ALONE, PEERS, 1)
    options = Namespace(python=Path("python"), rounds=1, rotations=1, rests=0.0)
    bench = side_by_side.Bench(cast("Deployment", None), ALONE, options)
    bench.reads()
    bench.gateway()
    assert asked == [(ALONE, PEERS)] * 4
