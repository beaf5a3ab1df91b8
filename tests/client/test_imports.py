"""What `import freshkey.client` costs every application."""

import subprocess
import sys
from pathlib import Path
from statistics import median

import freshkey
import pytest

ROOT = Path(freshkey.__file__).parents[1]
HEAVY = {"asyncio", "concurrent", "dataclasses", "email", "hashlib", "http", "inspect", "logging"}
HEAVY |= {"pathlib", "ssl", "subprocess", "tempfile", "threading", "traceback", "urllib"}
LOADED = "import sys; before = set(sys.modules); import {}; print(*(set(sys.modules) - before))"


def run(script: str, *options: str) -> str:
    done = subprocess.run(
        [sys.executable, *options, "-c", script],
        check=True,
        capture_output=True,
        text=True,
        timeout=60,
    )
    return done.stdout


def test_it_needs_the_light_part_of_the_standard_library_only() -> None:
    names = set(run(LOADED.format("freshkey.client")).split())
    rest = {name for name in names if not name.startswith("freshkey")}
    assert names - rest == {
        "freshkey",
        "freshkey.client",
        *(
            f"freshkey.client.{module}"
            for module in (
                "errors",
                "exchange",
                "file_source",
                "handed_out",
                "keys",
                "socket_source",
                "steps",
                "validation",
            )
        ),
    }
    assert {name.partition(".")[0] for name in rest} <= sys.stdlib_module_names - HEAVY


@pytest.mark.parametrize("library", ["httpx", "httpx2"])
def test_who_lacks_the_library_is_told_which(library: str) -> None:
    script = (
        f"import sys; sys.modules[{library!r}] = None\n"
        f"try:\n import freshkey.client.{library}\n"
        "except ImportError as error:\n print(error)"
    )
    told = f"freshkey.client.{library} needs {library}: `pip install {library}`"
    assert run(script).startswith(told)


def test_a_library_that_does_not_work_says_so_itself(tmp_path: Path) -> None:
    (tmp_path / "httpx2.py").write_text("import no_such_module\n")
    script = (
        f"import sys; sys.path.insert(0, {str(tmp_path)!r})\n"
        "try:\n import freshkey.client.httpx2\n"
        "except ImportError as error:\n print(error)"
    )
    assert run(script) == "No module named 'no_such_module'\n"


@pytest.mark.alone
def test_it_costs_less_than_http_client() -> None:
    """In an interpreter that has imported nothing, turn by turn on the same machine."""
    start = f"import sys, time; sys.path.append({str(ROOT)!r}); begun = time.process_time(); "
    costs: dict[str, list[float]] = {"freshkey.client": [], "http.client": []}
    for _ in range(15):
        for module, seconds in costs.items():
            script = f"{start}import {module}; print(time.process_time() - begun)"
            seconds.append(float(run(script, "-I", "-S")))
    ours, theirs = (median(seconds) * 1e3 for seconds in costs.values())
    print(f"\nimport freshkey.client: {ours:.1f} ms of processor; http.client: {theirs:.1f} ms")
    assert ours < 0.85 * theirs
