"""Licences: those of all packages are allowed, with a reason, and their texts can be gathered."""

from __future__ import annotations

import subprocess
import sys
from importlib.metadata import distribution
from pathlib import Path

import pytest

from tests.support.packages import assert_texts
from tools.audit.compiled import Compiled
from tools.audit.licences import Rules, forbidden, is_allowed, licence_of
from tools.audit.lock import ROOT, Pinned, pinned

RULES = Rules.load()


def test_each_is_allowed_and_no_licence_is_allowed_in_vain() -> None:
    assert list(forbidden(pinned(), RULES)) == []
    for name in RULES.allowed:
        others = Rules({other: "" for other in RULES.allowed if other != name}, RULES.read)
        assert list(forbidden(pinned(), others)) != [] or name == "BSD-2-Clause", name


def test_what_was_read_is_what_metadata_lack() -> None:
    for name in RULES.read:
        assert licence_of(name, Rules(RULES.allowed, {})) is None


@pytest.mark.parametrize(
    ("text", "allowed"),
    [
        ("MIT", True),
        ("AGPL-3.0-only", False),
        ("MIT OR GPL-2.0-only", True),
        ("MIT AND GPL-2.0-only", False),
        ("MIT AND (GPL-2.0-only OR Apache-2.0)", True),
        ("BSD", False),
    ],
)
def test_an_expression_is_met_or_not(text: str, allowed: bool) -> None:
    assert is_allowed(text, RULES) is allowed


def test_a_forbidden_or_unknown_licence_or_another_version_is_told() -> None:
    (certifi,) = (package for package in pinned() if package.name == "certifi")
    strict = Rules({"MIT": "permissive"}, {})
    assert "certifi: MPL-2.0 is not among" in next(forbidden([certifi], strict))
    (jinja2,) = (package for package in pinned() if package.name == "jinja2")
    assert "jinja2: nothing tells its licence" in next(forbidden([jinja2], strict))
    other = Pinned("certifi", "2020.1.1", ())
    assert "and not 2020.1.1" in next(forbidden([other], RULES))


def test_a_licence_of_what_is_compiled_into_a_package_counts_too(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    (watchfiles,) = (package for package in pinned() if package.name == "watchfiles")
    strict = Rules({name: "" for name in RULES.allowed if name != "CC0-1.0"}, {})
    (told,) = forbidden([watchfiles], strict)
    assert told.startswith("watchfiles: notify 8.")
    assert "which is compiled into it: CC0-1.0 is not among" in told
    unknown = Compiled("thing", "1", None, "pkg:cargo/thing@1")
    monkeypatch.setattr("tools.audit.licences.compiled_into", lambda _: [unknown])
    (told,) = forbidden([watchfiles], RULES)
    assert "thing 1, which is compiled into it: the wheel's bill does not tell its licence" in told


def gather(site: Path, target: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-I", "tools/third_party.py", str(site), str(target)]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)


def test_every_package_brings_the_text_of_its_licence(tmp_path: Path) -> None:
    site, target = tmp_path / "site", tmp_path / "texts"
    site.mkdir()
    for package in pinned():
        (record,) = (f for f in distribution(package.name).files or () if f.name == "RECORD")
        information = Path(str(record.locate())).parent
        (site / information.name).symlink_to(information)
    done = gather(site, target)
    assert (done.returncode, done.stderr) == (0, "")
    assert_texts(target)


def test_the_bill_of_a_wheel_comes_along_as_it_is(tmp_path: Path) -> None:
    (path,) = (f for f in distribution("watchfiles").files or () if f.parent.name == "sboms")
    information = Path(str(path.locate())).parents[1]
    (tmp_path / "site").mkdir()
    (tmp_path / "site" / information.name).symlink_to(information)
    assert gather(tmp_path / "site", tmp_path / "texts").returncode == 0
    copied = tmp_path / "texts" / information.name.removesuffix(".dist-info") / "sboms" / path.name
    assert copied.read_bytes() == path.read_binary()


def test_a_crate_without_a_text_is_an_error(tmp_path: Path) -> None:
    information = tmp_path / "site" / "thing-1.dist-info"
    (information / "sboms").mkdir(parents=True)
    (information / "METADATA").write_text("Metadata-Version: 2.4\nName: thing\nVersion: 1\n")
    (information / "LICENSE").write_text("Do as you like.\n")
    (information / "sboms" / "thing.cyclonedx.json").write_text(
        '{"components": [{"name": "built", "version": "1", "scope": "excluded"},'
        ' {"name": "a-crate", "version": "0.0.1"}]}'
    )
    names = ("METADATA", "LICENSE", "sboms/thing.cyclonedx.json")
    (information / "RECORD").write_text("".join(f"thing-1.dist-info/{n},,\n" for n in names))
    done = gather(tmp_path / "site", tmp_path / "texts")
    assert done.returncode == 1
    assert done.stderr.startswith("third_party: a-crate 0.0.1 has no licence text in ")


@pytest.mark.parametrize("file", ["thing/licence.py", "thing-1.dist-info/sboms/licence.cdx.json"])
def test_a_package_without_a_text_is_an_error(file: str, tmp_path: Path) -> None:
    information = tmp_path / "site" / "thing-1.dist-info"
    information.mkdir(parents=True)
    (information / "METADATA").write_text("Metadata-Version: 2.4\nName: thing\nVersion: 1\n")
    (tmp_path / "site" / file).parent.mkdir(parents=True)
    (tmp_path / "site" / file).touch()
    (information / "RECORD").write_text(f"thing-1.dist-info/METADATA,,\n{file},,\n")
    done = gather(tmp_path / "site", tmp_path / "texts")
    assert (done.returncode, done.stderr) == (
        1,
        "third_party: thing comes without a licence text\n",
    )
    assert gather(tmp_path / "nowhere", tmp_path / "texts").returncode == 1
