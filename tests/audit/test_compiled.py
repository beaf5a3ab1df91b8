"""What is compiled into a package: read from its wheel's bill, the same on each machine."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from tools.audit.compiled import Compiled, compiled_into, components, outdated
from tools.audit.lock import Pinned, pinned

if TYPE_CHECKING:
    from pathlib import Path

NOTIFY = Compiled("notify", "8.0.0", "CC0-1.0", "pkg:cargo/notify@8.0.0")
MIO = Compiled("mio", "1.0.3", "MIT", "pkg:cargo/mio@1.0.3")


def raw(component: Compiled, machine: str, **more: object) -> dict[str, Any]:
    """Describe one as the wheel of a machine does."""
    return {
        "type": "library",
        "bom-ref": f"path+file:///{machine}/{component.name}",
        "name": component.name,
        "version": component.version,
        "licenses": [{"expression": component.licence}],
        "purl": component.purl,
        **more,
    }


def bill(machine: str, *found: dict[str, Any]) -> dict[str, Any]:
    return {
        "bomFormat": "CycloneDX",
        "serialNumber": f"urn:uuid:{machine}",
        "metadata": {"timestamp": machine},
        "components": found,
    }


def install(site: Path, content: dict[str, Any]) -> None:
    information = site / "thing-1.dist-info"
    (information / "sboms").mkdir(parents=True)
    (information / "METADATA").write_text("Metadata-Version: 2.4\nName: thing\nVersion: 1\n")
    (information / "RECORD").write_text("thing-1.dist-info/sboms/thing.cyclonedx.json,,\n")
    (information / "sboms" / "thing.cyclonedx.json").write_text(json.dumps(content))


def test_bills_of_two_machines_tell_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = []
    for machine, order in (("x86", (NOTIFY, MIO)), ("arm", (MIO, NOTIFY))):
        install(tmp_path / machine, bill(machine, *(raw(one, machine) for one in order)))
        with monkeypatch.context() as patched:
            patched.syspath_prepend(tmp_path / machine)
            told.append(compiled_into("thing"))
    assert told == [[MIO, NOTIFY]] * 2


def test_what_only_the_build_needed_is_left_out() -> None:
    found = bill("x86", raw(NOTIFY, "x86", scope="excluded"), raw(MIO, "x86", scope="required"))
    assert list(components(found)) == [MIO]


@pytest.mark.parametrize(
    "licences", [[], [{"license": {"name": "a bargain"}}], [{"expression": "MIT"}] * 2]
)
def test_a_licence_that_is_no_expression_is_unknown(licences: list[Any]) -> None:
    (found,) = components(bill("x86", raw(MIO, "x86", licenses=licences)))
    assert found.licence is None


def test_another_kind_of_bill_is_refused() -> None:
    with pytest.raises(ValueError, match="not CycloneDX"):
        list(components({"spdxVersion": "SPDX-2.3", "packages": []}))


def test_a_package_without_a_bill_has_nothing_in_it() -> None:
    assert compiled_into("httpx") == []


def test_what_somebody_read_is_of_the_version_that_is_pinned() -> None:
    assert list(outdated(pinned())) == [], "look into the source archive of the new version"
    (told,) = outdated([Pinned("httptools", "99.0", ()), Pinned("httpx", "99.0", ())])
    assert told.endswith("and not 99.0: look into its source archive")
