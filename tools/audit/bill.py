"""Makes packaging/freshkey.cdx.json: what an installed agent consists of, in CycloneDX.

It is made from the lock, and has no time of its making, so that two of one commit are the same.
Licences and dependencies are those that the installed packages name, and what is compiled into one
is what the bill in its wheel names, or compiled.toml. The hashes of a package are those of all
files that the lock allows: which of them is installed depends on machine and Python.
https://cyclonedx.org/docs/1.7/json/
"""

from __future__ import annotations

import json
from importlib.metadata import requires
from typing import TYPE_CHECKING, Final
from uuid import NAMESPACE_URL, uuid5

from freshkey import __version__
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tools.audit.compiled import compiled_into
from tools.audit.licences import Rules, licence_of
from tools.audit.lock import LINUX, ROOT, pinned

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tools.audit.lock import Pinned

BILL: Final = ROOT / "packaging" / "freshkey.cdx.json"
AGENT: Final = f"pkg:pypi/freshkey@{__version__}"
LICENCE: Final = "Apache-2.0"


def bill(packages: Sequence[Pinned], rules: Rules) -> str:
    """Return the bill, as JSON."""
    content = {
        "metadata": {"component": _package("application", "freshkey", __version__, LICENCE, AGENT)},
        "components": [
            {
                **_package("library", p.name, p.version, licence_of(p.name, rules), p.purl),
                "hashes": [{"alg": "SHA-256", "content": digest} for digest in p.hashes],
                **_within(p),
            }
            for p in packages
        ],
        "dependencies": _graph(packages),
    }
    # The same content has the same number, and another one another.
    serial = uuid5(NAMESPACE_URL, json.dumps(content, sort_keys=True))
    head = {
        "$schema": "http://cyclonedx.org/schema/bom-1.7.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.7",
        "serialNumber": f"urn:uuid:{serial}",
        "version": 1,
    }
    return json.dumps({**head, **content}, indent=1) + "\n"


def _package(
    kind: str, name: str, version: str, licence: str | None, purl: str
) -> dict[str, object]:
    """Describe something that the graph of dependencies can refer to."""
    return {"type": kind, "bom-ref": purl, **_component(kind, name, version, licence, purl)}


def _within(package: Pinned) -> dict[str, object]:
    """Describe what is compiled into a package, inside its component."""
    found = [
        _component("library", part.name, part.version, part.licence, part.purl)
        for part in compiled_into(package.name)
    ]
    return {"components": found} if found else {}


def _component(
    kind: str, name: str, version: str, licence: str | None, purl: str
) -> dict[str, object]:
    return {
        "type": kind,
        "name": name,
        "version": version,
        "licenses": [{"expression": licence}] if licence else [],
        "purl": purl,
    }


def _graph(packages: Sequence[Pinned]) -> list[dict[str, object]]:
    """Return who needs whom, the agent first."""
    known = {package.name: package.purl for package in packages}
    names = {"freshkey": AGENT, **known}
    return [
        {"ref": purl, "dependsOn": sorted(known[name] for name in _needs(of) if name in known)}
        for of, purl in names.items()
    ]


def _needs(name: str) -> set[str]:
    found = (Requirement(text) for text in requires(name) or ())
    return {
        canonicalize_name(requirement.name)
        for requirement in found
        if requirement.marker is None or requirement.marker.evaluate(LINUX)
    }


if __name__ == "__main__":
    BILL.write_text(bill(pinned(), Rules.load()))
