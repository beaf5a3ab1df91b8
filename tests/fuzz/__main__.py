"""Fuzzes targets for longer, from their corpus, and adds to it what reaches new places.

    python -m tests.fuzz [--seconds 10 | --runs N] [--seed N] [--keep] [TARGET …]

Each target runs in a process of its own, guided by coverage. An input that breaks a promise is
written into the corpus: the tests fail with it until the fault is mended.
"""

from __future__ import annotations

import argparse
import os
import re
import shlex
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from hashlib import sha1
from pathlib import Path
from typing import TYPE_CHECKING, Final

from tests.fuzz.target import CORPUS, NAMES, corpus_of, target_of

if TYPE_CHECKING:
    from collections.abc import Sequence

# One change of ours at a time, of any length: several on end leave little that is well formed.
_LIMITS: Final = ("-mutate_depth=1", "-len_control=0", "-timeout=20", "-rss_limit_mb=1024")
_PROGRESS: Final = re.compile(r"#(\d+)\s+(\w+)\s+cov: (\d+) ft: (\d+)")


def main() -> None:
    """Fuzz; exit with 1 when a target broke a promise."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz")
    parser.add_argument("targets", nargs="*", metavar="TARGET", help=", ".join(NAMES))
    parser.add_argument("--seconds", type=int, default=10, help="for each target")
    parser.add_argument("--runs", type=int, help="so many fresh inputs each, however long it takes")
    parser.add_argument("--seed", type=int, default=int(time.time()))
    parser.add_argument("--keep", action="store_true", help="add to the corpus what is new")
    options = parser.parse_args()
    if unknown := sorted(set(options.targets) - set(NAMES)):
        parser.error(f"no target is called {unknown[0]}: there are {', '.join(NAMES)}")
    print(f"seed {options.seed}: --seed {options.seed} repeats it")
    print(f"{'target':20} {'inputs':>9} {'a second':>9} {'places':>15}")
    names = options.targets or NAMES
    broken = [
        name
        for name in names
        if not fuzz(name, options.seconds, options.seed, runs=options.runs, keep=options.keep)
    ]
    if broken:
        sys.exit(f"broken promises: {', '.join(broken)}: their inputs are in {CORPUS}")


def fuzz(name: str, seconds: int, seed: int, *, runs: int | None, keep: bool) -> bool:
    """Fuzz one target; return whether it kept its promises."""
    with tempfile.TemporaryDirectory(prefix="freshkey-fuzz-") as scratch:
        fresh, samples = Path(scratch, "fresh"), Path(scratch, "samples")
        fresh.mkdir()
        samples.mkdir()
        target = target_of(name)
        for number, sample in enumerate(target.samples):
            Path(samples, str(number)).write_bytes(sample)
        kept = CORPUS / name
        kept.mkdir(parents=True, exist_ok=True)
        known = len(target.samples) + len(list(kept.iterdir()))
        until = f"-max_total_time={seconds}" if runs is None else f"-runs={known + runs}"
        options = (until, f"-seed={seed % 2**32}", f"-max_len={target.size}")
        broken = Path(scratch, "broken-")
        began = time.monotonic()
        done = guided(name, *options, f"-artifact_prefix={broken}", fresh, kept, samples)
        _tell(name, done, time.monotonic() - began)
        found = sorted(Path(scratch).glob("broken-*"))
        for path in found:
            content = path.read_bytes()
            Path(
                kept, f"broken-{sha1(content, usedforsecurity=False).hexdigest()[:12]}"
            ).write_bytes(content)
        if not done.returncode and keep:
            _keep(name, kept, fresh)
        with suppress(OSError):  # it has something
            kept.rmdir()
        return not done.returncode


def guided(name: str, *options: str | Path) -> subprocess.CompletedProcess[str]:
    """Run libFuzzer over a target."""
    with tempfile.TemporaryDirectory(prefix="freshkey-fuzz-") as scratch:
        own = Path(scratch, "self")
        start = shlex.join([sys.executable, "-m", "tests.fuzz.guided", name, str(own)])
        own.write_text(f'#!/bin/sh\nexec {start} "$@"\n')
        own.chmod(0o700)
        return _run(own, *_LIMITS, *options, files=scratch)


def _run(*command: str | Path, files: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        errors="replace",
        check=False,
        env={**os.environ, "TMPDIR": files},
    )


def _keep(name: str, kept: Path, fresh: Path) -> None:
    """Add the fewest of the fresh inputs that reach what the corpus does not."""
    before = set(corpus_of(name))
    guided(name, "-merge=1", "-use_counters=0", kept, fresh)  # by places: how often is too much
    added = set(corpus_of(name)) - before
    if added:
        print(f"{name}: {len(added)} inputs added to its corpus")


def _tell(name: str, done: subprocess.CompletedProcess[str], seconds: float) -> None:
    steps: Sequence[re.Match[str]] = [*_PROGRESS.finditer(done.stderr)]
    begun = next((step[3] for step in steps if step[2] == "INITED"), "?")
    executed, places = (int(steps[-1][1]), steps[-1][3]) if steps else (0, "?")
    print(f"{name:20} {executed:9} {executed / seconds:9.0f} {begun:>7} {places:>7}", flush=True)
    if done.returncode:
        print(done.stderr[-4000:], file=sys.stderr)


if __name__ == "__main__":
    main()
