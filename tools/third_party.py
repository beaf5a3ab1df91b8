"""Gathers the licence texts of what is installed: `third_party.py SITE_PACKAGES TARGET`.

Every distribution gets a directory NAME-VERSION in TARGET, with all texts that its wheel has; one
without any is an error. `sboms` in it are the wheel's bills of what is compiled into it, which name
the licences of that (https://peps.python.org/pep-0770/). Runs in the build of the image and of the
Debian package, so it needs nothing but Python.
"""

import re
import shutil
import sys
from importlib.metadata import Distribution, distributions
from pathlib import Path

OURS = "freshkey"
TEXT = re.compile(
    r"\.dist-info/(?:.*/)?(?:licen[cs]es?|copying|notice|authors)\b[^/]*$", re.IGNORECASE
)
BILL = re.compile(r"\.dist-info/sboms/")


def main() -> None:
    """Copy them."""
    site, target = map(Path, sys.argv[1:])
    found = [each for each in distributions(path=[str(site)]) if each.name != OURS]
    if not found:
        sys.exit(f"third_party: nothing is installed in {site}")
    for distribution in found:
        copy(distribution, target / f"{distribution.name}-{distribution.version}")


def copy(distribution: Distribution, target: Path) -> None:
    """Copy the texts and bills of one, below the names that they have in its wheel."""
    files = distribution.files or []
    bills = [path for path in files if BILL.search(str(path))]
    texts = [path for path in files if TEXT.search(str(path)) and path not in bills]
    if not texts:
        sys.exit(f"third_party: {distribution.name} comes without a licence text")
    for path in texts + bills:
        inside = Path(*path.parts[1:])  # without NAME.dist-info
        place = target / (
            inside.relative_to("licenses") if inside.parts[0] == "licenses" else inside
        )
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(str(path.locate()), place)


if __name__ == "__main__":
    main()
