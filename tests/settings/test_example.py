"""The example that users start from."""

import re
from pathlib import Path

import pytest
from freshkey.settings import Settings, load

from tests.settings.files import NO_VARIABLES, written

EXAMPLE = Path(__file__).parents[2] / "configs/freshkey.toml"


@pytest.fixture
def least(tmp_path: Path) -> Settings:
    return load(written(tmp_path, EXAMPLE.read_text()), NO_VARIABLES)


def test_what_is_not_commented_out_is_enough(least: Settings) -> None:
    assert list(least.keys) == ["billing"]


def test_what_is_commented_out_are_the_defaults(tmp_path: Path, least: Settings) -> None:
    whole, options = re.subn(r"(?m)^#(?=[a-z\[])", "", EXAMPLE.read_text())
    assert options > 40
    assert load(written(tmp_path, whole), NO_VARIABLES) == least
