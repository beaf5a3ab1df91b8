"""Licence texts of Rust crates: there for each crate in the bill, of each licence that it has."""

from __future__ import annotations

import json
import tomllib
from typing import TYPE_CHECKING

import pytest

from tools.audit.bill import BILL
from tools.audit.compiled import Compiled
from tools.audit.licences import SPDX
from tools.audit.texts import INDEX, TEXTS, crates_in_wheels, gathered

if TYPE_CHECKING:
    from pathlib import Path

REMAKE = "run `python -m tools.audit.texts`"
WORDS = {
    "Apache-2.0": "Apache License",
    "CC0-1.0": "CC0 1.0 Universal",
    "ISC": "Permission to use, copy, modify, and/or distribute",
    "MIT": "Permission is hereby granted, free of charge",
    "Unicode-DFS-2016": "UNICODE, INC. LICENSE AGREEMENT",
    "Unlicense": "released into the public domain",
}


def index() -> dict[str, list[str]]:
    return tomllib.loads(INDEX.read_text())


def test_each_crate_in_the_bill_has_its_texts_and_no_other_has() -> None:
    of_bill = {
        f"{part['name']} {part['version']}"
        for package in json.loads(BILL.read_text())["components"]
        for part in package.get("components", ())
        if part["purl"].startswith("pkg:cargo/")
    }
    assert index().keys() == of_bill, REMAKE
    used = {name for names in index().values() for name in names}
    assert used == {path.name for path in TEXTS.iterdir()} - {INDEX.name}, REMAKE


def test_each_licence_of_a_crate_has_its_text() -> None:
    crates = crates_in_wheels()
    assert len(crates) > 20
    for crate in crates:
        texts = [(TEXTS / name).read_text() for name in index()[f"{crate.name} {crate.version}"]]
        assert crate.licence is not None
        for licence in SPDX.license_keys(crate.licence):
            assert any(WORDS[licence] in text for text in texts), f"{crate.name}: {licence}"


def test_no_text_is_there_twice() -> None:
    texts = [path.read_bytes() for path in TEXTS.iterdir()]
    assert len(texts) == len({*texts})


def source(vendored: Path, name: str, **files: str) -> Compiled:
    directory = vendored / f"{name}-1.0.0"
    (directory / "src").mkdir(parents=True)
    for file, text in files.items():
        (directory / file).write_text(text)
    return Compiled(name, "1.0.0", "MIT", f"pkg:cargo/{name}@1.0.0")


def test_a_text_of_several_is_named_after_the_first(tmp_path: Path) -> None:
    crates = [
        source(tmp_path, "a", LICENSE="shared", Cargo="[package]"),
        source(tmp_path, "b", COPYING="another", UNLICENSE="shared"),
    ]
    assert gathered(tmp_path, crates) == (
        {"a 1.0.0": ["LICENSE.a"], "b 1.0.0": ["COPYING.b", "LICENSE.a"]},
        {"LICENSE.a": b"shared", "COPYING.b": b"another"},
    )


def test_a_crate_without_a_text_is_told(tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match=r"texts: a 1\.0\.0 comes without a licence text"):
        gathered(tmp_path, [source(tmp_path, "a", README="words")])
