"""What docs/templates.md says, done word for word."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from freshkey.outputs.template_filters import FILTERS, FilterError
from freshkey.outputs.template_rules import LOOP_MEMBERS, MEMBERS
from freshkey.outputs.template_source import TemplateError
from freshkey.outputs.templates import compiled
from freshkey.preflight.offline.templates import template_findings
from freshkey.settings import load
from freshkey.settings.faults import rendered

from tests.outputs.templating import members
from tests.settings.files import NO_VARIABLES, config, written

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/templates.md").read_text()
KEYS = {
    "billing": members(key="sk-svcacct-1"),
    "search": members("search", key="sk-svcacct-2", api_key_id=None),
}


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)


def test_the_configuration_is_taken(tmp_path: Path) -> None:
    (example,) = blocks("toml")
    text = example.replace("/etc/freshkey/templates", str(ROOT / "configs/templates"))
    settings = load(written(tmp_path, config(more=text)), NO_VARIABLES)
    for file in settings.keys["billing"].files:
        assert list(template_findings((), file, settings.keys)) == []


def test_the_example_makes_what_is_shown() -> None:
    (template,), (shown, _) = blocks("jinja"), blocks("text")
    assert compiled(template, KEYS).render(KEYS["billing"], KEYS).decode() == shown


def test_faults_are_told_as_is_shown() -> None:
    text = "{{ kye }}\n{{ key | upper }}\n{% set x = 1 %}\n{{ keys.other.key }}"
    with pytest.raises(TemplateError) as caught:
        compiled(text, KEYS)
    place = rendered(("keys", "billing", "files", 0, "template"))
    told = "".join(f"{place}: {problem}\n" for problem in caught.value.problems)
    assert told == blocks("text")[1]


def test_all_names_and_files_are_there() -> None:
    words = set(re.findall(r"`([^`\n]+)`", PAGE))
    ready = {path.name for path in (ROOT / "configs/templates").iterdir()}
    assert words >= {*MEMBERS, *FILTERS, *LOOP_MEMBERS, *ready}


@pytest.mark.parametrize(
    ("name", "refused"), [("dotenv", "a${b"), ("dotenv", "a\\"), ("nginx", "a$")]
)
def test_filters_refuse_what_is_said(name: str, refused: str) -> None:
    with pytest.raises(FilterError):
        FILTERS[name](refused)
