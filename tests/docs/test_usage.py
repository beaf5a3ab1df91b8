"""Every call of freshkey on a page is one that the command line takes."""

from __future__ import annotations

import shlex
from argparse import Namespace
from typing import TYPE_CHECKING

import pytest
from freshkey.cli.parser import make_parser

from tests.docs.pages import PAGES, ROOT, freshkey_commands

if TYPE_CHECKING:
    from pathlib import Path

CALLS = [(page, call) for page in PAGES for call in freshkey_commands(page)]


@pytest.mark.parametrize(
    ("page", "call"), CALLS, ids=lambda one: one if isinstance(one, str) else one.stem
)
def test_it_is_taken(page: Path, call: str, capsys: pytest.CaptureFixture[str]) -> None:
    words = [word.replace("NAME", "name") for word in shlex.split(call) if word != "…"]
    try:
        make_parser().parse_args(words[1:], Namespace())
    except SystemExit as ended:
        if ended.code:
            pytest.fail(f"{page.relative_to(ROOT)}: {capsys.readouterr().err}")


def test_there_are_many() -> None:
    assert len(CALLS) > 40
