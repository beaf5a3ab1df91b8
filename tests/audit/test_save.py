"""What is saved of the databases of advisories: of crates, those that are compiled in."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from tools.audit import save
from tools.audit.texts import crates_in_wheels

if TYPE_CHECKING:
    from pathlib import Path

    import pytest


def test_a_crate_is_not_looked_for_by_the_name_of_c_code(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []

    def of_crate(_: Path, name: str) -> list[dict[str, object]]:
        asked.append(name)
        return []

    monkeypatch.setattr(save, "_of_crate", of_crate)
    monkeypatch.setattr(save, "_of_package", lambda *_: ())
    monkeypatch.setattr(save, "_source", lambda *_: {})
    monkeypatch.setattr(save, "SAVED", tmp_path / "saved.json")
    monkeypatch.setattr(sys, "argv", ["save", "pypa", "rustsec"])
    save.main()
    assert asked == sorted(crate.name for crate in crates_in_wheels())
