"""Many faults at once: each is told, and none that only follows from another."""

from inspect import getmembers, isclass
from pathlib import Path
from typing import Any

from freshkey.core.model.struct import Struct
from freshkey.settings import model
from freshkey.settings.faults import rendered
from freshkey.settings.rules import broken_rules
from freshkey.settings.structure import structure
from hypothesis import given
from hypothesis import strategies as st

from tests.settings.files import VAULT, config, faults

TABLES = [table for _, table in getmembers(model, isclass) if issubclass(table, Struct)]
OPTIONS = st.sampled_from(
    [*sorted({name for table in TABLES for name in table.__struct_fields__}), "?"]
)
VALUES = st.recursive(
    st.sampled_from(["", "x", "/x", "https://x", "token", "template", "require", "0440", "\n"])
    | st.integers(-1, 2)
    | st.booleans()
    | st.floats()
    | st.dates(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(OPTIONS, inner, max_size=4),
    max_leaves=12,
)
DOCUMENTS = st.dictionaries(OPTIONS, VALUES, max_size=6) | st.fixed_dictionaries(
    {"vault": VALUES, "auth": VALUES, "keys": st.dictionaries(st.text(), VALUES, max_size=3)}
)


def test_five_faults_are_five_lines(tmp_path: Path) -> None:
    text = config(
        vault=f"{VAULT}\ntimeout = 0",
        auth='role_id = "r"',
        key="jitter = 0.9\nfiles = [{path = 3, mode = 440}]",
    )
    assert faults(tmp_path, text) == [
        'vault.timeout: is 0, and must be at least "1s"',
        "auth.secret_id_file: is missing, and has no default: set it",
        'keys.billing.files[0].path: is an integer, and must be a string: write it as "3"',
        'keys.billing.files[0].mode: is an integer, and must be an octal string, such as "0440"',
        "keys.billing.jitter: is 0.9, and must be less than renew_at, 0.67",
    ]


def test_an_empty_file_lacks_all_that_is_demanded(tmp_path: Path) -> None:
    assert [line.split(":")[0] for line in faults(tmp_path, "")] == [
        "vault.address",
        "auth.secret_id_file",
        "auth.role_id_file",
        "keys",
    ]


def test_no_rule_speaks_of_an_option_that_is_wrong_itself(tmp_path: Path) -> None:
    """The file has no usable renew_at, path, role_id, or address: their faults are enough."""
    text = config(
        vault="address = 1",
        auth='role_id = 1\nsecret_id_file = "s"',
        key='renew_at = "x"\njitter = 0.9\nfiles = [{path = 1}, {path = 2}]',
    )
    assert [line.split(":")[0] for line in faults(tmp_path, text)] == [
        "vault.address",
        "auth.role_id",
        "keys.billing.renew_at",
        "keys.billing.files[0].path",
        "keys.billing.files[1].path",
    ]


def test_every_table_may_be_wrong_at_once(tmp_path: Path) -> None:
    tables = ("vault", "auth", "keys", "state", "server", "log")
    found = faults(tmp_path, "".join(f"{table} = 1\n" for table in tables))
    assert found == [f"{table}: is an integer, and must be a table" for table in tables]


def test_tables_that_are_wrong_hide_no_others(tmp_path: Path) -> None:
    text = config(
        key='files = [1, {path = "/x", mode = 1}, {}]\nverify = 2',
        more='[keys.second]\n[keys."Bad Name"]\nfield = 1\n',
    )
    assert [line.split(": ")[0] for line in faults(tmp_path, text)] == [
        "keys.billing.verify",
        "keys.billing.files[0]",
        "keys.billing.files[1].mode",
        "keys.billing.files[2].path",
        'keys."Bad Name".field',
        "keys.second.path",
        'keys."Bad Name".path',
        'keys."Bad Name"',
    ]


def test_rules_of_tables(tmp_path: Path) -> None:
    text = config(
        more="""
        [[keys.billing.hooks]]
        command = ["true"]
        signal = "HUP"
        unit = "x.service"
        [[keys.billing.hooks]]
        signal = "HUP"
        [[keys.billing.hooks]]
        command = "true"
        [[keys.billing.hooks]]
        command = ["true"]
        pid_file = "p"
        [[keys.billing.allow]]
        [[keys.billing.files]]
        path = "/x"
        format = "template"
        [keys.billing.credential]
        socket = "/x"
        """
    )
    found = faults(tmp_path, text)
    assert "keys.billing.hooks[0]: must have exactly one of command and signal" in found
    receivers = "must have exactly one of pid_file and unit with signal, else neither"
    assert f"keys.billing.hooks[1]: {receivers}" in found
    assert "keys.billing.hooks[2].command: is a string, and must be an array" in found
    assert f"keys.billing.hooks[3]: {receivers}" in found
    assert (
        "keys.billing.allow[0]: is empty, and would let everyone in: set user, group, unit, or "
        "executable" in found
    )
    assert (
        "keys.billing.files[0]: must have exactly one of template and template_file, "
        "because of its format" in found
    )
    assert (
        "keys.billing.files[0].path: is the path of keys.billing.credential.socket too: use another"
        in found
    )


def test_what_stands_in_the_file_is_shown_on_one_line_of_ascii(tmp_path: Path) -> None:
    text = config(more='[keys."a\\nb"]\npath = "p"\n[log]\nlevel = "\\u001b[31mü\\n"')
    first, second = faults(tmp_path, text)
    assert first.startswith(r'keys."a\nb": is not a name for a key')
    assert second.startswith(r'log.level: is "\u001b[31m\u00fc\n", and must be one of')


@given(DOCUMENTS)
def test_whatever_stands_in_a_document_ends_in_faults(document: dict[str, Any]) -> None:
    settings, findings = structure(document, Path("/etc/freshkey"))
    for finding in (*findings, *broken_rules(settings)):
        assert finding.message.isascii()
        assert "\n" not in f"{rendered(finding.place)}: {finding.message}"
