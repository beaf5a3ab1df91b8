"""How wide help is, told without shutil."""

from __future__ import annotations

import argparse

import pytest
from freshkey.cli import parser


@pytest.mark.parametrize("columns", ["", "0", "43", "120", "wide"])
def test_help_is_as_wide_as_argparse_makes_it(
    columns: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", columns)
    parser.width.cache_clear()
    try:
        ours = parser.make_parser().format_help()
        parser.width.cache_clear()
        monkeypatch.setattr(parser, "_formatter", argparse.HelpFormatter)
        assert parser.make_parser().format_help() == ours
    finally:
        parser.width.cache_clear()
