"""Simulates a fleet of 1,000 agents, beside Vault Agent's rule, and prints what docs/fleet.md has.

    python -m bench.fleet [--write] [--saved]

The agents are the real core under virtual time; Vault, and OpenAI's organization API with its limit
of calls, are simulated. The same seed gives the same figures on any machine; it takes some minutes
on two cores. `--write` saves the figures, and puts tables and picture into the page; `--saved`
takes the figures that are saved, and simulates nothing.
"""

from __future__ import annotations

import argparse

from bench.fleet.figures import load, save, simulate
from bench.fleet.page import PAGE, tables
from bench.fleet.picture import PICTURE, picture
from testbed.results import put


def main() -> None:
    """Simulate, and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--write", action="store_true", help=f"put all into docs/{PAGE.name}, too")
    parser.add_argument("--saved", action="store_true", help="take the figures that are saved")
    options = parser.parse_args()
    saved = load() if options.saved else simulate()
    found = tables(saved)
    for name, text in found.items():
        print(f"{name}\n\n{text}")
    if options.write:
        save(saved)
        PICTURE.write_text(picture(saved))
        for name, text in found.items():
            put(PAGE, name, text)


if __name__ == "__main__":
    main()
