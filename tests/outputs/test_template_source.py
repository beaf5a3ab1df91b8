"""Where a template comes from: only from whom the agent trusts, and only as text."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from freshkey.outputs.template_source import LONGEST, TemplateError, template_of
from freshkey.settings.keys import FileFormat, FileSettings

from tests.outputs.templating import KEY, KEYS, members
from tests.support.other_user import as_other_user


def file_with(content: bytes, directory: Path, mode: int = 0o644) -> Path:
    path = directory / "template"
    path.write_bytes(content)
    path.chmod(mode)
    return path


def filled(path: Path) -> bytes:
    target = FileSettings(path=Path("/k"), format=FileFormat.TEMPLATE, template_file=path)
    return template_of(target, KEYS).render(members(), {})


def problem(path: Path) -> str:
    with pytest.raises(TemplateError) as caught:
        filled(path)
    (told,) = caught.value.problems
    return told


@pytest.mark.parametrize("start", [b"", b"\xef\xbb\xbf"])
def test_a_file_is_read_without_its_byte_order_mark(tmp_path: Path, start: bytes) -> None:
    assert filled(file_with(start + b"{{ key }}", tmp_path)) == KEY.encode()


def test_a_text_in_the_configuration() -> None:
    target = FileSettings(path=Path("/k"), format=FileFormat.TEMPLATE, template="{{ name }}ä")
    assert template_of(target, KEYS).render(members(), {}) == "billingä".encode()


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"a\xffb", "is not UTF-8 at byte 1: save it as UTF-8"),
        (b"\xef\xbb\xbfa\xffb", "is not UTF-8 at byte 1: save it as UTF-8"),
        ("a".encode("utf-16"), "is UTF-16: save it as UTF-8"),
        (b"x" * (LONGEST + 1), f"is longer than {LONGEST} bytes: shorten it"),
        (b"\xef\xbb\xbf" + b"x" * LONGEST * 9, f"is longer than {LONGEST} bytes: shorten it"),
    ],
)
def test_what_is_no_text(tmp_path: Path, content: bytes, told: str) -> None:
    assert problem(file_with(content, tmp_path)) == told


def test_as_long_as_may_be(tmp_path: Path) -> None:
    assert len(filled(file_with(b"x" * LONGEST, tmp_path))) == LONGEST


@pytest.mark.parametrize("mode", [0o646, 0o602])
def test_a_file_that_others_can_write(tmp_path: Path, mode: int) -> None:
    told = "can be written by every user: leave it to root or the agent's user (chown, chmod go-w)"
    assert problem(file_with(b"x", tmp_path, mode)) == told


def test_what_is_no_file(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    assert problem(tmp_path / "none") == "there is no such file: make it, or name another"
    assert problem(tmp_path / "pipe") == "is no regular file: name one"
    assert problem(Path("/dev/null")) == "is no regular file: name one"
    assert problem(tmp_path) == "can't be read: Is a directory: name another file"
    assert problem(tmp_path / ("x" * 300)).startswith("can't be read: File name too long")


def test_a_file_that_may_not_be_read(tmp_path: Path) -> None:
    directory = tmp_path / "shut"
    directory.mkdir()
    path = file_with(b"x", directory)
    with as_other_user(directory):
        assert problem(path) == f"can't be read by user id {os.geteuid()}: give it the right"


def test_jinja_is_imported_for_a_template_only(tmp_path: Path) -> None:
    config = tmp_path / "config.toml"
    text = """
        [vault]
        address = "https://vault.example:8200"
        [auth]
        role_id = "r"
        secret_id_file = "s"
        [state]
        directory = "state"
        allow_disk = true
        [keys.billing]
        path = "openai/creds/billing"
        [[keys.billing.files]]
        path = "k"
    """
    for more, imported in (("", False), ('format = "template"\ntemplate = "{{ key }}"', True)):
        config.write_text(f"{text}\n{more}\n")
        config.chmod(0o600)
        script = (
            "import sys; from freshkey.cli.main import main; import freshkey.daemon.main; "
            f"assert main(['check', '--config', {str(config)!r}]) == 0; "
            "print('jinja2' in sys.modules)"
        )
        done = subprocess.run(
            [sys.executable, "-c", script], check=True, capture_output=True, text=True, timeout=60
        )
        assert done.stdout.splitlines()[-1] == str(imported)
