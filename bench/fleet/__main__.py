"""Simulates a fleet of 1,000 agents, beside Vault Agent's rule, and prints what docs/fleet.md has.

    python -m bench.fleet [--write] [--kept]

The agents are the real core under virtual time; Vault, and OpenAI's organization API with its limit
of calls, are simulated. The same seed gives the same figures on any machine; it takes some minutes
on two cores. `--write` keeps the figures, and puts tables and picture into the page; `--kept` takes
the figures that are kept, and simulates nothing.
"""

from __future__ import annotations

import argparse

from bench.fleet.figures import load, save, simulate
from bench.fleet.page import PAGE, tables
from bench.fleet.picture import PICTURE, picture
from bench.report import put


def main() -> None:
    """Simulate, and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--write", action="store_true", help=f"put all into docs/{PAGE.name}, too")
    parser.add_argument("--kept", action="store_true", help="take the figures that are kept")
    options = parser.parse_args()
    kept = load() if options.kept else simulate()
    found = tables(kept)
    for name, text in found.items():
        print(f"{name}\n\n{text}")
    if options.write:
        save(kept)
        PICTURE.write_text(picture(kept))
        for name, text in found.items():
            put(PAGE, name, text)


if __name__ == "__main__":
    main()
