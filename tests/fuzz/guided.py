"""Fuzzes one target, guided by the coverage of the agent's code: `python -m tests.fuzz` runs this.

    python -m tests.fuzz.guided TARGET SELF [options of libFuzzer] [folders of inputs]

SELF is a program that does the same, by which libFuzzer starts itself anew to merge inputs.

Source: https://github.com/google/atheris and https://llvm.org/docs/LibFuzzer.html#options
"""

from __future__ import annotations

import sys
from contextlib import suppress
from random import Random

import atheris

with atheris.instrument_imports(include=["freshkey"]):
    from tests.fuzz.target import target_of

    TARGET = target_of(sys.argv.pop(1))
    sys.argv[0] = sys.argv.pop(1)
    for sample in TARGET.samples:
        # What is imported late is instrumented, too; standard error then has words of atheris's.
        with suppress(AssertionError):
            TARGET.try_out(sample)


def mutated(data: bytes, most: int, seed: int) -> bytes:
    """Change an input, or a sample anew, in our way, or in libFuzzer's.

    Ours knows JSON and this target's tokens. Samples anew, because what was changed often is seldom
    well formed, and soon refused.
    """
    random = Random(seed)  # noqa: S311 - libFuzzer's, so that a run can be repeated
    match random.randint(0, 2):
        case 0:
            return TARGET.changed(random, random.choice(TARGET.samples))[:most]
        case 1 if data:
            return TARGET.changed(random, data)[:most]
        case _:
            found: bytes = atheris.Mutate(data, most)
            return found


if __name__ == "__main__":
    atheris.Setup(sys.argv, TARGET.try_out, custom_mutator=mutated)
    atheris.Fuzz()
