"""Gathers the licence texts of what is installed: `third_party.py SITE_PACKAGES TARGET`.

Every distribution gets a directory NAME-VERSION in TARGET, with all texts that its wheel has; one
without any is an error. `sboms` in it are the wheel's bills of what is compiled into it, which name
the licences of that (https://peps.python.org/pep-0770/). The texts of these licences are not in the
wheel: they come from packaging/licences, into `crates`. Runs in the build of the image and of the
Debian package, so it needs nothing but Python.
"""

import json
import re
import shutil
import sys
import tomllib
from importlib.metadata import Distribution, PackagePath, distributions
from pathlib import Path

OURS = "freshkey"
TEXT = re.compile(
    r"\.dist-info/(?:.*/)?(?:licen[cs]es?|copying|notice|authors)\b[^/]*$", re.IGNORECASE
)
BILL = re.compile(r"\.dist-info/sboms/")
OF_CRATES = Path(__file__).resolve().parent.parent / "packaging" / "licences"
INDEX = "index.toml"


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
    for bill in bills:
        copy_of_crates(bill, target / "crates")


def copy_of_crates(bill: PackagePath, target: Path) -> None:
    """Copy the texts of what a wheel's bill names, with the index that says whose they are."""
    index = tomllib.loads((OF_CRATES / INDEX).read_text())
    target.mkdir(exist_ok=True)
    shutil.copyfile(OF_CRATES / INDEX, target / INDEX)
    for part in json.loads(bill.read_text())["components"]:
        if part.get("scope") == "excluded":
            continue
        name = f"{part['name']} {part['version']}"
        if name not in index:
            sys.exit(f"third_party: {name} has no licence text in {OF_CRATES}")
        for text in index[name]:
            shutil.copyfile(OF_CRATES / text, target / text)


if __name__ == "__main__":
    main()
