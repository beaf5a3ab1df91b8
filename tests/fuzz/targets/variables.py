"""Variables of the environment, one a line: proxies, identities of clouds, systemd, the journal."""

from __future__ import annotations

import os
from pathlib import Path
from unittest import mock

from freshkey.core.model.faults import FaultError
from freshkey.host.proxies import ProxyError, httpx_proxy, proxy_for
from freshkey.logs import standard_error
from freshkey.sockets.activation import take_inherited
from freshkey.vault.login.variables import both, local_url_of, secret_variable, url_of, variable
from freshkey.vault.transport.connection import PROXIES

from tests.fuzz.canary import CANARY, hidden_in
from tests.fuzz.target import Target

ADDRESSES = ("http://vault.example:8200", "https://api.openai.com/v1", "https://[2001:db8::1]:8200")
NAMES = ("AWS_ENDPOINT_URL_STS", "IDENTITY_ENDPOINT", "IDENTITY_HEADER", "AZURE_TENANT_ID")

SECRET = CANARY.encode()
PLACES = (b":" + SECRET + b"@", b"://" + SECRET + b"@", b"IDENTITY_HEADER=" + SECRET)


def check(data: bytes) -> None:
    if data.count(SECRET) > sum(data.count(place) for place in PLACES):
        return  # it stands where no secret belongs, such as in the name of a host
    pairs = (line.partition(b"=") for line in data.replace(b"\0", b"").split(b"\n"))
    given = {os.fsdecode(name): os.fsdecode(value) for name, _, value in pairs if name}
    given["LISTEN_PID"] = str(os.getpid())
    for address in ADDRESSES:
        for names in ((), PROXIES):
            try:
                found = proxy_for(address, given, names)
                hidden_in([str(found), repr(found)], CANARY)
                httpx_proxy(address, given)
            except ProxyError as error:
                hidden_in([str(error)], CANARY)
    with mock.patch.dict(os.environ, given, clear=True):
        standard_error.is_journal()
        standard_error.is_service()
        for name in NAMES:
            try:
                if text := variable(name):
                    url_of(name, text)
                    local_url_of(name, text)
                secret_variable(name)
                both(*NAMES[1:3])
            except FaultError as error:
                hidden_in([error.fault.message], CANARY)
    inherited(given)


def inherited(given: dict[str, str]) -> None:
    """Take over sockets: here nothing is open that could be one."""
    with mock.patch("freshkey.sockets.activation._FIRST", 1 << 20):
        try:
            assert take_inherited(given, [Path("/run/freshkey.sock")]) == {}
        except FaultError as error:
            hidden_in([error.fault.message], CANARY)
    assert not given.keys() & {"LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES"}


TARGET = Target(
    check,
    (
        b"HTTP_PROXY=http://user:" + SECRET + b"@proxy.example:3128\nNO_PROXY=.example,10.0.0.0/8",
        b"https_proxy=proxy.example\nno_proxy=[2001:db8::]/32,*.openai.com:443,vault.example",
        b"VAULT_PROXY_ADDR=http://u:"
        + SECRET
        + b"@[::1]:1\nHTTPS_PROXY=socks5://"
        + SECRET
        + b"@a",
        b"AWS_ENDPOINT_URL_STS=https://sts.example/\nIDENTITY_ENDPOINT=http://169.254.1.1/token",
        b"IDENTITY_HEADER=" + SECRET + b"\nAZURE_TENANT_ID=t\nIDENTITY_ENDPOINT=http://u:p@a/",
        b"LISTEN_FDS=2\nLISTEN_FDNAMES=a:b\nJOURNAL_STREAM=1:2\nSYSTEMD_EXEC_PID=1",
    ),
    (
        *(b"LISTEN_FDS=" + b"9" * 5000, b"LISTEN_FDS=-1", b"LISTEN_FDS=\xc2\xb2"),
        *(b"LISTEN_FDS=99999", b"http://", b"https://", b"@", b":", b"%", b"%00", b"%zz", b"["),
        *(b"]", b"/", b"?", b"#", b"\n", b"=", b"\xff", b" ", b"\r", b":99999", b":0", b"*"),
        *(b",", b"::", b"10.0.0.0/99", b"NO_PROXY=", b"HTTP_PROXY=", b"HTTPS_PROXY="),
        *(b"VAULT_HTTP_PROXY=", b"AWS_ENDPOINT_URL_STS=", "\u2100".encode(), b"xn--", b"a" * 300),
    ),
)
