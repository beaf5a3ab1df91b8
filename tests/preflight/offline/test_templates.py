"""`check` reads every template, and reports all that is wrong with them together."""

from __future__ import annotations

from typing import TYPE_CHECKING

from freshkey.preflight.offline.host import host_faults
from freshkey.settings import load

from tests.settings.files import NO_VARIABLES, config, written

if TYPE_CHECKING:
    from pathlib import Path

TWO_KEYS = """
[[keys.billing.files]]
path = "one"
format = "template"
template = '''
{{ kye }}
{{ keys.search.key }}{{ keys.other.key }}
'''
[[keys.billing.files]]
path = "two"
format = "template"
template_file = "two.j2"
[[keys.billing.files]]
path = "three"
format = "template"
template_file = "three.j2"
[[keys.billing.files]]
path = "four"
[keys.search]
path = "openai/creds/search"
[state]
directory = "state"
allow_disk = true
"""


def test_templates_with_faults(tmp_path: Path) -> None:
    (tmp_path / "two.j2").write_text("{% set x = 1 %}")
    (tmp_path / "two.j2").chmod(0o666)
    settings = load(written(tmp_path, config(more=TWO_KEYS)), NO_VARIABLES)
    known = "key, name, tag, generation, not_after, api_key_id, keys"
    files = "keys.billing.files"
    assert [str(fault) for fault in host_faults(settings)] == [
        f"{files}[0].template: line 1: kye is unknown: known here are {known}",
        (
            f'{files}[0].template: line 2: keys["other"] is not configured: there are billing, '
            "search"
        ),
        (
            f"{files}[1].template_file: can be written by every user: leave it to root or the "
            "agent's user (chown, chmod go-w)"
        ),
        f"{files}[2].template_file: there is no such file: make it, or name another",
    ]


def test_templates_without(tmp_path: Path) -> None:
    for name in ("two.j2", "three.j2"):
        (tmp_path / name).write_text("{{ key }}{{ keys.search.tag }}")
        (tmp_path / name).chmod(0o640)
    text = config(more=TWO_KEYS.replace("kye", "key").replace("keys.other.key", "name"))
    assert host_faults(load(written(tmp_path, text), NO_VARIABLES)) == ()
