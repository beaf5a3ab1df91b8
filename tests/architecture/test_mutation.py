"""The tool of `make mutate`, and the list of mutants that make no difference."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from freshkey.core.model.faults import Fault, FaultError, FaultKind

from tools.mutation.applying import apply
from tools.mutation.choice import changed_since, mutants_of
from tools.mutation.mutants import compiled, mutants
from tools.mutation.record import Argued, argued, stale
from tools.mutation.session import meet_at_import, passes
from tools.mutation.workers import Job, Outcome, run

if TYPE_CHECKING:
    from pathlib import Path


def changes(tmp_path: Path, source: str) -> set[str]:
    module = tmp_path / "module.py"
    module.write_text(source)
    found = mutants(module, tmp_path)
    for mutant in found:
        compiled(module, mutant.number)
    assert len({mutant.name for mutant in found}) == len(found)
    return {mutant.change for mutant in found}


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("def f(a: int) -> bool:\n    return a < 2", {"a < 2 → a <= 2", "a < 2 → a >= 2"}),
        ("def f(a, b):\n    return a and not b", {"a and (not b) → a or not b", "not b → b"}),
        ("def f(a, b):\n    return a and not b", {"a and (not b) → a"}),
        ("def f(a):\n    return a - 2", {"a - 2 → a + 2", "2 → 3"}),
        ("def f(a):\n    a.go()\n    return 1", {"a.go() → (removed)"}),
        ("def f(a: T) -> T:\n    return g(a)", {"return g(a) → return a", "g(a) → a"}),
        ("def f(a, b):\n    return g(a, b, c=1)", {"g(a, b, c=1) → g(b, a, c=1)"}),
        ("def f(a):\n    return replace(a, b=1, c=2)", {"replace(a, b=1, c=2) → replace(a, c=2)"}),
        ("def f(a):\n    return min(a, 5)", {"min(a, 5) → max(a, 5)", "min(a, 5) → a"}),
        ("def f(a):\n    a = 1 if a else 2\n    return a", {"a = 1 if a else 2 → (removed)"}),
        ("def f(a):\n    if a:\n        return 1", {"a → True", "a → False"}),
        ("def f(a):\n    match a:\n        case A(b=1):\n            g()", {"A(b=1) → A()"}),
        (
            "def f(a):\n    match a:\n        case A():\n            g()",
            {"case A() → case A() if False"},
        ),
        ("def f(a):\n    match a:\n        case A() | B():\n            g()", {"A() | B() → B()"}),
        ("def f(a):\n    return isinstance(a, A | B)", {"A | B → A"}),
        ("LEAST = 5.0", {"5.0 → 6.0"}),
        ("class A:\n    b: float = inf", {"inf → 0.0"}),
        ("def f(a):\n    return (*a, 1)", {"(*a, 1) → (*a,)"}),
    ],
)
def test_what_is_changed(tmp_path: Path, source: str, expected: set[str]) -> None:
    assert expected <= changes(tmp_path, source)


@pytest.mark.parametrize(
    "source",
    [
        "import a\nfrom b import c",
        '"""A text."""\nNAME = "name"',
        "def f(a: A | None) -> B | None: ...",
        "if TYPE_CHECKING:\n    A = 1",
        "Event = Left | Right",
        "def f(a):\n    assert_never(a)",
        "class A(B, frozen=True): ...",
    ],
)
def test_what_is_not(tmp_path: Path, source: str) -> None:
    assert changes(tmp_path, source) == set()


def test_a_job_has_a_process_of_its_own() -> None:
    def end() -> str:
        os._exit(1)

    jobs = [
        Job("found", lambda: "a test", 1.0),
        Job("nothing", lambda: "", 1.0),
        Job("ended", end, 1.0),
    ]
    assert set(run(jobs, 2)) == {
        Outcome("found", "a test"),
        Outcome("nothing", ""),
        Outcome("ended", None),
    }
    with pytest.raises(RuntimeError, match=r"raises: (.|\n)*ZeroDivisionError"):
        list(run([Job("raises", lambda: str(1 // 0), 1.0)], 1))


@pytest.mark.parametrize(("status", "passed"), [(0, True), (1, False), (2, False)])
def test_a_failed_test_or_import_kills(status: int, passed: bool) -> None:
    assert passes(status) is passed


@pytest.mark.parametrize("status", [3, 4, 5])
def test_tests_that_were_not_run_kill_nothing(status: int) -> None:
    with pytest.raises(RuntimeError, match=f"pytest ended with {status}"):
        passes(status)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("def test(): assert False", "without a mutant, pytest ends with [1, 5]"),
        ("import nothing", "without a mutant, pytest ends with [2, 2]"),
        ("", "without a mutant, pytest ends with [5, 5]"),
    ],
)
def test_tests_that_fail_without_a_mutant_are_no_measure(
    tmp_path: Path, content: str, reason: str
) -> None:
    (tmp_path / "test_it.py").write_text(content)
    mutant = next(mutant for mutant in mutants_of(["pacing/backoff.py"]) if mutant.at_import)
    with pytest.raises(RuntimeError, match=re.escape(reason)):
        list(meet_at_import([mutant], [str(tmp_path / "test_it.py")], 1, quick=False))


def mutate(tmp_path: Path, module: str, tests: str) -> tuple[int, str]:
    found = f"--found={tmp_path / 'found.jsonl'}"
    command = [sys.executable, "-m", "tools.mutation", found, "--only", module, "--tests", tests]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    return done.returncode, done.stdout


@pytest.mark.timeout(600)  # a busy machine takes long for a run of the tool
def test_tests_that_notice_everything_are_enough(tmp_path: Path) -> None:
    status, output = mutate(tmp_path, "pacing/hooks.py", "tests/core/pacing/test_hooks.py")
    assert status == 0, output
    assert "killed" in output


@pytest.mark.timeout(600)  # a busy machine takes long for a run of the tool
def test_what_no_test_notices_is_named(tmp_path: Path) -> None:
    status, output = mutate(tmp_path, "pacing/chance.py", "tests/core/pacing/test_hooks.py")
    assert status == 1
    assert "no test notices: agent/freshkey/core/pacing/chance.py" in output
    assert ": 8 → 9" in output


def test_a_method_can_do_without_its_call_of_super() -> None:
    """The code that is left has another closure."""
    (mutant,) = (m for m in mutants_of(["model/faults.py"]) if m.change.startswith("super()"))
    error = Fault(FaultKind.SEALED, "Vault is sealed")

    def work() -> str:
        apply(mutant)
        return str(FaultError(error))

    (outcome,) = run([Job(mutant.name, work, 10.0)], 1)
    assert outcome.found not in {None, str(FaultError(error))}


def test_every_argument_is_about_code_that_is_there() -> None:
    reasons = argued()
    assert stale(reasons, mutants_of()) == []
    assert all(reasons.values()), "each has its reason"
    gone = Argued("agent/freshkey/core/pacing/chance.py", "Chance.draw", "1 → 7")
    assert stale([gone], mutants_of(["pacing/chance.py"])) == [gone]


def test_a_module_that_does_not_exist_is_named() -> None:
    with pytest.raises(ValueError, match=r"nothing\.py is in no path of agent/freshkey/core"):
        mutants_of(["pacing/chance.py", "nothing.py"])


def test_only_lines_that_have_changed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    module = tmp_path / "module.py"
    module.write_text("def f(a):\n    return a + 1\n\n\ndef g(a):\n    return a + 2\n")
    author = ["-c", "user.name=a", "-c", "user.email=a@example.org"]
    for command in (["init", "-q"], ["add", "."], [*author, "commit", "-qm", "first"]):
        subprocess.run(["git", *command], check=True)
    assert changed_since("HEAD", mutants(module, tmp_path)) == []
    module.write_text(module.read_text().replace("a + 2", "a + 3"))
    found = changed_since("HEAD", mutants(module, tmp_path))
    assert {mutant.scope for mutant in found} == {"g"}
