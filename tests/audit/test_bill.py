"""The bill of materials: as CycloneDX wants it, of this lock, and the same each time."""

from __future__ import annotations

import json
from importlib.metadata import distribution
from typing import Any

import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

from tools.audit.bill import AGENT, BILL, bill
from tools.audit.licences import Rules
from tools.audit.lock import pinned

VALIDATOR = JsonStrictValidator(SchemaVersion.V1_7)


@pytest.fixture(scope="module")
def content() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(BILL.read_text())
    return found


def test_it_is_up_to_date() -> None:
    assert bill(pinned(), Rules.load()) == BILL.read_text(), "run `make sbom`"


def test_it_fits_the_schema_which_refuses_others(content: dict[str, Any]) -> None:
    assert VALIDATOR.validate_str(BILL.read_text()) is None
    content = {**content, "components": [{"type": "library"}]}
    assert VALIDATOR.validate_str(json.dumps(content)) is not None


def test_each_package_of_the_lock_is_in_it(content: dict[str, Any]) -> None:
    found = {
        (each["purl"], tuple(digest["content"] for digest in each["hashes"]))
        for each in content["components"]
    }
    assert found == {(package.purl, package.hashes) for package in pinned()}
    assert all(each["licenses"] for each in content["components"])


def test_what_is_compiled_into_a_package_is_inside_its_component(content: dict[str, Any]) -> None:
    inside = {
        each["name"]: [(part["purl"], part["licenses"]) for part in each["components"]]
        for each in content["components"]
        if "components" in each
    }
    assert inside.keys() == {"httptools", "watchfiles"}
    mit = [{"expression": "MIT"}]
    assert inside["httptools"] == [
        ("pkg:github/nodejs/http-parser@v2.9.4", mit),
        ("pkg:github/nodejs/llhttp@v9.4.3", mit),
    ]
    (path,) = (f for f in distribution("watchfiles").files or () if f.parent.name == "sboms")
    wheels = json.loads(path.read_text())["components"]
    assert inside["watchfiles"] == sorted(
        (part["purl"], part["licenses"]) for part in wheels if part["scope"] == "required"
    )


def test_everything_in_it_is_needed_by_the_agent(content: dict[str, Any]) -> None:
    graph = {each["ref"]: each["dependsOn"] for each in content["dependencies"]}
    reached, waiting = set(), [AGENT]
    while waiting:
        reached.add(purl := waiting.pop())
        waiting += [needed for needed in graph[purl] if needed not in reached]
    assert reached == {AGENT, *(package.purl for package in pinned())}


def test_it_has_no_time_of_its_making(content: dict[str, Any]) -> None:
    assert "timestamp" not in content["metadata"]
