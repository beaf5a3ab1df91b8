"""Known vulnerabilities: OSV is asked, or what was saved of the advisories for machines without it.

Both speak OSV's format: https://ossf.github.io/osv-schema/.
"""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Protocol

from packaging.utils import canonicalize_name
from packaging.version import Version

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

SAVED: Final = Path(__file__).with_name("advisories.json")
OSV: Final = "https://api.osv.dev"  # https://google.github.io/osv.dev/post-v1-querybatch/
TIMEOUT: Final = 20.0
CRATES: Final = "crates.io"
_ECOSYSTEMS: Final = {"pypi": "PyPI", "cargo": CRATES}  # by the type of a purl
_GIT: Final = "github"  # the type of what is in no registry, such as C code


class Package(Protocol):
    """What can be asked about: a package of Python, or what is compiled into one."""

    @property
    def name(self) -> str:
        """As its registry writes it."""

    @property
    def version(self) -> str:
        """Three numbers, or whatever PEP 440 allows."""

    @property
    def purl(self) -> str:
        """Its name in lists of all kinds of packages."""


@dataclass(frozen=True)
class Finding:
    """A package that an advisory names."""

    package: str
    version: str
    id: str
    aliases: tuple[str, ...] = ()

    def __str__(self) -> str:
        """Return a line for a person."""
        others = f" ({', '.join(self.aliases)})" if self.aliases else ""
        return f"{self.package} {self.version}: {self.id}{others}"


class UnavailableError(Exception):
    """Nobody could be asked."""


def ask(packages: Sequence[Package], address: str = OSV) -> list[Finding]:
    """Ask OSV about all packages in one request; UnavailableError if it does not answer that."""
    queries = [_question(package) for package in packages]
    answer = _request(f"{address}/v1/querybatch", {"queries": queries})
    results = answer.get("results", [])
    if len(results) != len(packages):
        raise UnavailableError(f"{address} answered {len(results)} of {len(packages)} questions")
    if any(result.get("next_page_token") for result in results):
        raise UnavailableError(f"{address} has more to say than one answer holds")
    return [
        Finding(package.name, package.version, known["id"], _aliases(address, known["id"]))
        for package, result in zip(packages, results, strict=True)
        for known in result.get("vulns", [])
    ]


def _question(package: Package) -> dict[str, object]:
    """Return what OSV takes: it has no purls of GitHub's, and knows what is there by its tags.

    https://google.github.io/osv.dev/post-v1-query/#queries-for-git-records
    """
    if _kind(package) != _GIT:
        return {"package": {"purl": package.purl}}
    path, _, tag = package.purl.removeprefix(f"pkg:{_GIT}/").partition("@")
    return {
        "package": {"ecosystem": "GIT", "name": f"https://github.com/{path}.git"},
        "version": tag,
    }


def is_saved(package: Package) -> bool:
    """Whether a saved database is about this kind of package; none is about C code."""
    return _kind(package) != _GIT


def _aliases(address: str, identifier: str) -> tuple[str, ...]:
    return tuple(_request(f"{address}/v1/vulns/{identifier}").get("aliases", ()))


def _request(url: str, body: Mapping[str, object] | None = None) -> dict[str, Any]:
    data = None if body is None else json.dumps(body).encode()
    headers = {"Content-Type": "application/json"}
    request = urllib.request.Request(url, data, headers)  # noqa: S310 - OSV, or a test's own server
    try:
        with urllib.request.urlopen(request, timeout=TIMEOUT) as answer:  # noqa: S310 - as above
            found = json.load(answer)
    except (OSError, ValueError) as error:
        raise UnavailableError(f"{url}: {error}") from error
    if not isinstance(found, dict):
        raise UnavailableError(f"{url}: the answer is no JSON object")
    return found


@dataclass(frozen=True)
class Source:
    """A database, as it was on a day."""

    name: str
    date: date


@dataclass(frozen=True)
class Advisories:
    """What was saved, and from where."""

    sources: Sequence[Source]
    entries: Sequence[Mapping[str, Any]]

    @classmethod
    def load(cls, path: Path = SAVED) -> Advisories:
        """Read them."""
        raw = json.loads(path.read_text())
        sources = [Source(one["name"], date.fromisoformat(one["date"])) for one in raw["sources"]]
        return cls(sources, raw["advisories"])

    def search(self, packages: Iterable[Package]) -> list[Finding]:
        """Return what is known of these; UnavailableError for a kind that no database is about."""
        return [
            Finding(package.name, package.version, entry["id"], tuple(entry.get("aliases", ())))
            for package in packages
            for entry in self.entries
            if any(_names(affected, package) for affected in entry["affected"])
        ]


def _names(affected: Mapping[str, Any], package: Package) -> bool:
    named = affected["package"]
    if named["ecosystem"] != _ecosystem(package):
        return False
    if canonicalize_name(named["name"]) != canonicalize_name(package.name):
        return False
    version = Version(package.version)
    return any(_holds(spans["events"], version) for spans in affected["ranges"])


def _ecosystem(package: Package) -> str:
    try:
        return _ECOSYSTEMS[_kind(package)]
    except KeyError:
        raise UnavailableError(f"no advisories are saved for {package.purl}") from None


def _kind(package: Package) -> str:
    return package.purl.removeprefix("pkg:").partition("/")[0]


def _holds(events: Iterable[Mapping[str, str]], version: Version) -> bool:
    """Whether a version lies between an introduction and what ended it."""
    within = False
    for at, kind in sorted(_ordered(events)):
        match kind:
            case "introduced":
                within = within or version >= at
            case "fixed":
                within = within and version < at
            case "last_affected":
                within = within and version <= at
            case _:
                raise ValueError(f"an event that OSV's format does not have: {kind}")
    return within


def _ordered(events: Iterable[Mapping[str, str]]) -> Iterator[tuple[Version, str]]:
    for event in events:
        ((kind, version),) = event.items()
        yield Version("0.dev0" if version == "0" else version), kind
