"""Every wrong option of a key has its line: where, what is wrong, and what to do."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.settings.files import AUTH, VAULT, config, faults

if TYPE_CHECKING:
    from pathlib import Path

SECONDS = 'and must be integer seconds, or a string such as "90s" or "1h30m"'


def test_a_key_is_needed(tmp_path: Path) -> None:
    assert faults(tmp_path, f"[vault]\n{VAULT}\n[auth]\n{AUTH}") == [
        "keys: is missing: add a table such as [keys.billing] with a path"
    ]


@pytest.mark.parametrize(
    ("line", "fault"),
    [
        ("field = 1", 'field: is an integer, and must be a string: write it as "1"'),
        ("renew_at = 1", "renew_at: is 1, and must be from 0.5 to 0.95"),
        ("jitter = 0.67", "jitter: is 0.67, and must be less than renew_at, 0.67"),
        ("check_every = 1.5", f"check_every: is a number, {SECONDS}"),
        ("ttl = 2026-01-01", f"ttl: is a date or time, {SECONDS}"),
        (
            'overlap = "5 min"',
            'overlap: is "5 min", which is not a duration: write "90s", "15m", "1h30m" or "2d"',
        ),
        ('on_stop = "burn"', 'on_stop: is "burn", and must be one of keep, revoke'),
        ("verify = 1", "verify: is an integer, and must be a table"),
        (
            "verify = {mode = true}",
            "verify.mode: is a boolean, and must be one of require, prefer, off",
        ),
        (
            'verify = {base_url = "http://api.example/v1"}',
            "verify.base_url: sends keys over plain http: use https, or an address of loopback",
        ),
        ('hooks = [{command = [""]}]', "hooks[0].command[0]: is empty: name a program"),
        (
            'hooks = [{command = ["bin/reload"]}]',
            "hooks[0].command[0]: is a relative path: write all of it, or a name alone",
        ),
        (
            'hooks = [{command = ["true", "a\\u0000b"]}]',
            "hooks[0].command[1]: has a null character: remove it",
        ),
        (
            'hooks = [{signal = "9", pid_file = "p"}]',
            'hooks[0].signal: is "9", which is no signal here: write "HUP", "USR1"',
        ),
        (
            'hooks = [{signal = "HUP", unit = "-H.service"}]',
            (
                'hooks[0].unit: is "-H.service", which is no service of systemd: write '
                '"billing.service"'
            ),
        ),
        (
            'hooks = [{signal = "HUP", unit = "billing.timer"}]',
            (
                'hooks[0].unit: is "billing.timer", which is no service of systemd: write '
                '"billing.service"'
            ),
        ),
        (
            'hooks = [{command = ["x"], timeout = 0}]',
            'hooks[0].timeout: is 0, and must be at least "1s"',
        ),
        (
            'files = {path = "/x"}',
            "files: is a table, and must be an array: write [[ ]] around the table's name",
        ),
        ("files = [3]", "files[0]: is an integer, and must be a table"),
        ("files = [{}]", "files[0].path: is missing, and has no default: set it"),
        ('files = [{path = ""}]', "files[0].path: is missing, and has no default: set it"),
        (
            'files = [{path = "/x", mode = 0o440}]',
            'files[0].mode: is an integer, and must be an octal string, such as "0440"',
        ),
        (
            'files = [{path = "/x", mode = "0888"}]',
            'files[0].mode: is "0888", and must be an octal string, such as "0440"',
        ),
        (
            'files = [{path = "/x", format = "template"}]',
            "files[0]: must have exactly one of template and template_file, because of its format",
        ),
        (
            'files = [{path = "/x", template = "{{ key }}"}]',
            'files[0].template: needs format = "template": set that, or remove it',
        ),
        (
            'files = [{path = "/x"}, {path = "/y/../x"}]',
            "files[1].path: is the path of keys.billing.files[0].path too: use another",
        ),
        (
            'files = [{path = "/run/freshkey/freshkey.sock"}]',
            "files[0].path: is the path of server.socket too: use another",
        ),
    ],
)
def test_wrong_key(tmp_path: Path, line: str, fault: str) -> None:
    assert faults(tmp_path, config(key=line)) == [f"keys.billing.{fault}"]


@pytest.mark.parametrize(
    ("line", "fault"),
    [
        ("field = NUMBER", "field: is an integer, and must be a string"),
        ("renew_at = NUMBER", "renew_at: is far too large: write a share, such as 0.5"),
        ("ttl = NUMBER", "ttl: is longer than ten years: give a shorter duration"),
        ('overlap = "DIGITSs"', "overlap: is "),
        ('[[keys.billing.allow]]\nuser = "DIGITS"', "allow[0].user: is "),
    ],
)
def test_numbers_that_python_does_not_write(tmp_path: Path, line: str, fault: str) -> None:
    key = line.replace("NUMBER", f"0x{'f' * 5000}").replace("DIGITS", "9" * 5000)
    (found,) = faults(tmp_path, config(key=key))
    assert found.startswith(f"keys.billing.{fault}")
