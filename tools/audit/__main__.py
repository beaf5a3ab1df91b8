"""Audits what an installed agent consists of: vulnerabilities, licences, bill of materials.

    python -m tools.audit [--offline]

It asks OSV about the packages of requirements/run.txt, and what is compiled into them; where that
can't be reached, the advisories that were saved, and says so. `--offline` does not ask OSV. Exit
status 1 says that something was found, or that nobody could be asked.
"""

from __future__ import annotations

import argparse
import sys
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from tools.audit import advisories, bill
from tools.audit.accepted import ACCEPTED, accepted
from tools.audit.compiled import compiled_into, outdated
from tools.audit.licences import Rules, forbidden
from tools.audit.lock import LOCK, pinned

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tools.audit.advisories import Finding, Package


def main() -> int:
    """Print what was found; return the exit status."""
    options = _options()
    packages, rules = pinned(options.lock), Rules.load()
    today = datetime.now(UTC).date()
    within = [part for package in packages for part in compiled_into(package.name)]
    faults = _vulnerabilities([*packages, *within], options, today)
    unlicensed = list(forbidden(packages, rules))
    print(
        f"licences: {len(packages)} packages looked at, with {len(within)} components compiled "
        f"into them, {len(unlicensed)} faults"
    )
    faults += [*unlicensed, *outdated(packages)]
    if not bill.BILL.exists() or bill.BILL.read_text() != bill.bill(packages, rules):
        faults.append(f"{bill.BILL.name} does not fit the lock: run `make sbom`")
    for fault in faults:
        print(f"audit: {fault}", file=sys.stderr)
    return 1 if faults else 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--offline", action="store_true", help="ask the saved advisories only")
    parser.add_argument("--lock", type=Path, default=LOCK, help="another lock")
    parser.add_argument("--osv", default=advisories.OSV, help="another address of OSV")
    parser.add_argument("--advisories", type=Path, default=advisories.SAVED, help="other ones")
    parser.add_argument("--accepted", type=Path, default=ACCEPTED, help="another such file")
    return parser.parse_args()


def _vulnerabilities(
    packages: Sequence[Package], options: argparse.Namespace, today: date
) -> list[str]:
    """Print who was asked; return what has to be done about."""
    try:
        found = _ask(packages, options, today)
    except advisories.UnavailableError as error:
        return [f"vulnerabilities: nobody could be asked: {error}"]
    allowed = accepted(options.accepted)
    open_ = []
    for finding in found:
        why = next((entry for entry in allowed if entry.covers(finding, today)), None)
        if why is None:
            open_.append(f"vulnerable: {finding}")
        else:
            print(f"accepted until {why.until}: {finding}: {why.reason}")
    print(f"vulnerabilities: {len(open_)} open, {len(found) - len(open_)} accepted")
    return open_


def _ask(packages: Sequence[Package], options: argparse.Namespace, today: date) -> list[Finding]:
    """Ask OSV, or else the saved advisories; UnavailableError without either."""
    why = "--offline"
    if not options.offline:
        try:
            found = advisories.ask(packages, options.osv)
        except advisories.UnavailableError as error:
            why = str(error)
        else:
            print(f"vulnerabilities: OSV was asked about {len(packages)} packages and components")
            return found
    try:
        saved = advisories.Advisories.load(options.advisories)
    except OSError as error:
        raise advisories.UnavailableError(f"{why}; {error}") from error
    print(f"vulnerabilities: OSV was not asked ({why})")
    for source in saved.sources:
        print(
            f"compared with {source.name} of {source.date}: what became known in the "
            f"{(today - source.date).days} days since is not covered"
        )
    if unsaved := [package for package in packages if not advisories.is_saved(package)]:
        names = ", ".join(f"{package.name} {package.version}" for package in unsaved)
        print(f"compared with nothing, because no saved advisory is about C code: {names}")
    return saved.search(filter(advisories.is_saved, packages))


if __name__ == "__main__":
    sys.exit(main())
