"""What is fuzzed: a target takes any bytes, and says what must hold for them.

Each module of `targets/` has one, `TARGET`. Its corpus, `corpus/NAME/`, holds inputs that led to
new places in the code, and those that once broke a promise: both are tried at every run.
"""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from time import monotonic, process_time
from typing import TYPE_CHECKING, Final

from tests.fuzz.mutation import mutated

if TYPE_CHECKING:
    from random import Random

HERE: Final = Path(__file__).parent
CORPUS: Final = HERE / "corpus"
NAMES: Final = sorted(
    path.stem for path in (HERE / "targets").glob("*.py") if path.stem != "__init__"
)
_LONGEST: Final = 4.0  # seconds of processor time for one input of a few KiB
_WAITS: Final = 60.0  # seconds with all that it waits for, on a busy machine
_LARGEST: Final = 16.0  # MiB that Python allocates for one, with what it imports: 2.3 so far


@dataclass(frozen=True)
class Target:
    """`check` raises for bytes that break a promise.

    `samples` are inputs as they should be, from which others are made; `tokens` are what is worth
    putting into them. An input is of `size` bytes at most.
    """

    check: Callable[[bytes], None]
    samples: tuple[bytes, ...]
    tokens: tuple[bytes, ...] = ()
    size: int = 4096

    def try_out(self, data: bytes) -> None:
        """Check an input, and that it took no more time than it may.

        One that never ends is found by libFuzzer's limit, or by that of the tests.
        """
        begun, began = process_time(), monotonic()
        self.check(data)
        took, lasted = process_time() - begun, monotonic() - began
        assert took < _LONGEST, f"it took {took:.1f} s"
        assert lasted < _WAITS, f"it waited: it lasted {lasted:.1f} s, and took {took:.1f} s"

    def try_out_traced(self, data: bytes) -> None:
        """Check its memory, too, which takes three times as long.

        What the process has at most would tell nothing after an input that needed much.
        """
        tracemalloc.start()
        try:
            self.try_out(data)
            _, most = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
        assert most < _LARGEST * 2**20, f"it took {most / 2**20:.1f} MiB"

    def changed(self, random: Random, data: bytes) -> bytes:
        """Make another input of one."""
        return mutated(random, data, self.tokens)[: self.size]


def target_of(name: str) -> Target:
    """Import a target."""
    found = import_module(f"tests.fuzz.targets.{name}").TARGET
    assert isinstance(found, Target)
    return found


def corpus_of(name: str) -> list[Path]:
    """List the inputs that are kept for a target."""
    return sorted((CORPUS / name).glob("*"))
