"""The configuration: any file, any variables; each fault is told in a line, and no secret with it.

An input is a file and, after a line of equals signs, variables, one a line.
"""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING
from unittest import mock

from tests.fuzz.canary import CANARY, hidden_in
from tests.fuzz.command import run
from tests.fuzz.scratch import scratch
from tests.fuzz.target import Target

if TYPE_CHECKING:
    from pathlib import Path

BETWEEN = b"\n====\n"


def place() -> Path:
    """Name a file that nobody else can write."""
    path = scratch() / "config.toml"
    path.touch(0o600)
    return path


def check(data: bytes) -> None:
    content, _, lines = data.partition(BETWEEN)
    path = place()
    path.write_bytes(content)
    pairs = (line.partition(b"=") for line in lines.split(b"\n"))
    environ = {
        os.fsdecode(name): os.fsdecode(value)
        for name, _, value in pairs
        if name and b"\0" not in name + value
    }
    as_json = len(content) % 2 == 0
    with mock.patch.dict(os.environ, environ, clear=True):
        status, out, told = run(["check", "--config", str(path), *["--json"] * as_json])
    assert status in {0, 2}
    hidden_in([*out.splitlines(), *told.splitlines()])
    if as_json:
        answer = json.loads(out)
        assert answer["ok"] == (status == 0)
        assert answer["ok"] or answer["faults"]
    else:
        assert told if status else "no fault found" in out


WHOLE = b"""
[vault]
address = "https://vault.example:8200"
addresses = ["https://a.example", "https://b.example"]
timeout = "65s"
max_mints_per_minute = 6
[auth]
method = "approle"
role_id = "r"
secret_id_file = "/run/s"
[state]
allow_disk = true
[keys.billing]
path = "openai/creds/billing"
ttl = "1h"
renew_at = 0.67
jitter = 0.2
verify = {mode = "prefer", base_url = "https://api.openai.com/v1"}
[[keys.billing.files]]
path = "/run/freshkey/keys/billing"
format = "template"
template = "{{ key }}"
mode = "0440"
owner = "root"
[[keys.billing.hooks]]
command = ["true"]
on = "both"
[[keys.billing.allow]]
user = "0"
unit = "billing.service"
[keys.billing.credential]
socket = "/run/freshkey/billing.cred"
[server]
max_connections = 512
health = "127.0.0.1:9464"
[gateway]
tcp = "127.0.0.1:8317"
[[gateway.clients]]
key = "billing"
models = ["gpt-5*"]
paths = ["/responses"]
[log]
level = "info"
"""
FEDERATION = b"""
[keys.billing]
source = "federation"
[keys.billing.federation]
identity_provider_id = "i"
service_account_id = "s"
subject = "file"
subject_token_file = "/t"
"""
VARIABLES = b"VAULT_ADDR=https://vault.example\nVAULT_TOKEN=" + CANARY.encode()
SECRET = CANARY.encode()
TARGET = Target(
    check,
    (
        WHOLE,
        FEDERATION,
        b'[log]\nlevel = "' + SECRET + b'"\n',
        b'[log]\nlevel = "' + SECRET + b'" \n',
        b'[auth]\nmethod = "token"\n[keys.a]\npath = "p/q"\nfield = "f"' + BETWEEN + VARIABLES,
        b'[auth]\nmethod = "token"\ntoken = "' + SECRET + b'"\n[keys.a]\npath = "p/q"\n',
        b'[auth]\nrole_id = "r"\nsecret_id = "' + SECRET + b'"\n[keys.a]\npath = "p/q"\n',
        b'[vault]\naddress = "https://user:' + SECRET + b'@vault.example"\n[keys.a]\npath = "p"\n',
        b'[auth]\nmethod = "ldap"\nusername = "u"\npassword = "' + SECRET + b'"\n',
    ),
    (
        *(b"[", b"[[", b"]]", b"=", b'"', b"'''", b"\\u0000", b"\\ud800", b"\n", b"\xff"),
        *(b"\xef\xbb\xbf", b"a.b.c.d = 1", b"[" * 500, b"{a=" * 200, b"0x" + b"f" * 5000),
        *(b"9" * 5000, b"nan", b"-inf", b"1979-05-27", b"true", b'""', b"-1", b'"1h30m"'),
        *(b'"' + b"9" * 5000 + b's"', b"[]", b"{}", b'user = "' + b"9" * 5000 + b'"', b'"0440"'),
        *(b'"../x"', b'"\\u200b"', b"[auth]\n", b"[keys.b]\n", b'method = "kubernetes"'),
        *(b'method = "aws"', b'source = "federation"', b"[gateway]\n", BETWEEN, b"VAULT_CACERT="),
        *(b"VAULT_SKIP_VERIFY=1", b"VAULT_NAMESPACE=", b"https://[", b":99999"),
    ),
)
