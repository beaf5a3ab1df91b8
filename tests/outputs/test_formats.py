import json
import subprocess
from pathlib import Path

import pytest
from freshkey.core.model.faults import FaultError
from freshkey.core.model.secret import Secret
from freshkey.core.model.view import Publication
from freshkey.outputs.formats import render
from freshkey.settings.keys import FileFormat, FileSettings
from hypothesis import given, settings
from hypothesis import strategies as st

KEY = "sk-svcacct-AbC_123-xyz"


def rendered(file_format: FileFormat, key: str = KEY, not_after: str | None = None) -> bytes:
    target = FileSettings(path=Path("/run/keys/billing"), format=file_format)
    publication = Publication(7, Secret(key), expires_at=100.0, api_key_id="key_1")
    return render(target, "billing", publication, not_after)


def test_raw_is_the_key_and_nothing_else() -> None:
    assert rendered(FileFormat.RAW) == KEY.encode()


def test_json_names_the_terms() -> None:
    content = rendered(FileFormat.JSON, not_after="2026-11-23T22:00:00Z")
    assert content.endswith(b"}\n")
    assert json.loads(content) == {
        "name": "billing",
        "key": KEY,
        "tag": f"7-{Secret(KEY).fingerprint}",
        "generation": 7,
        "not_after": "2026-11-23T22:00:00Z",
        "api_key_id": "key_1",
    }


def test_json_of_a_secret_without_a_lease_has_null() -> None:
    assert json.loads(rendered(FileFormat.JSON))["not_after"] is None


def test_an_ordinary_key_stands_unquoted_in_env() -> None:
    assert rendered(FileFormat.ENV) == f"OPENAI_API_KEY={KEY}\n".encode()


def test_env_names_the_variable_that_was_asked_for() -> None:
    target = FileSettings(path=Path("/k"), format=FileFormat.ENV, env_name="OTHER")
    content = render(target, "billing", Publication(1, Secret(KEY), expires_at=None), None)
    assert content == f"OTHER={KEY}\n".encode()


@pytest.mark.parametrize("key", ["two\nlines", "carriage\rreturn", "tab\t", "nul\0", "\x1b[31m"])
def test_env_refuses_what_its_readers_take_differently(key: str) -> None:
    with pytest.raises(FaultError, match=r"/run/keys/billing: .*unprintable.* use the json") as e:
        rendered(FileFormat.ENV, key)
    assert key not in str(e.value)


printable = st.text(st.characters(codec="utf-8").filter(str.isprintable), max_size=30)
awkward = st.text("""'"\\$`!#&;|~*?[](){}<> =%a""", max_size=12)


@given(st.lists(printable | awkward, min_size=1, max_size=30))
@settings(max_examples=20)
def test_a_shell_reads_from_env_what_was_written(keys: list[str]) -> None:
    script = b"".join(
        rendered(FileFormat.ENV, key) + b"printf '%s\\0' \"$OPENAI_API_KEY\"\n" for key in keys
    )
    done = subprocess.run(["sh", "-u"], input=script, capture_output=True, check=True)
    assert done.stderr == b""
    assert done.stdout.decode().split("\0")[:-1] == keys


@given(printable | awkward)
def test_systemd_reads_from_env_what_was_written(key: str) -> None:
    assert systemd_reads(rendered(FileFormat.ENV, key).decode()) == key


def systemd_reads(line: str) -> str:
    """systemd.exec(5) for one assignment: outside quotes a backslash escapes any character, inside
    double quotes only the four that a shell needs; white space around the value is dropped."""
    value = line.removesuffix("\n").partition("=")[2]
    if not value.startswith('"'):
        assert not set(value) & set(" \t'\"\\#")
        return value
    read, rest = "", value[1:]
    while not rest.startswith('"'):
        if rest[0] == "\\" and rest[1] in '"\\`$':
            rest = rest[1:]
        read, rest = read + rest[0], rest[1:]
    assert rest == '"'
    return read
