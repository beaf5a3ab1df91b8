"""Every wrong table, and every wrong option of [server], [gateway], and [log], has its line."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.settings.files import config, faults

if TYPE_CHECKING:
    from pathlib import Path

GATEWAY = '[gateway]\ntcp = "127.0.0.1:8317"\n[[gateway.clients]]'
ADDRESS = 'must be an IP address with a port, such as "127.0.0.1:9464"'


@pytest.mark.parametrize(
    ("more", "fault"),
    [
        (
            "[other]",
            "other: is unknown: known here are vault, auth, keys, state, server, gateway, log",
        ),
        ("[log.auth]", "log.auth: stands in the wrong table: write [auth]"),
        ("[keys]\nx = 3", "keys.x: is an integer, and must be a table"),
        (
            "[[log]]",
            "log: is an array, and must be a table: write [ ] around its name, not [[ ]]",
        ),
        (
            '[keys."Bad.Name"]\npath = "p"',
            (
                'keys."Bad.Name": is not a name for a key: use up to 63 of a-z, 0-9, "_" and "-", '
                "the first one a letter or digit"
            ),
        ),
        (
            (
                '[keys.b]\npath = "p"\nfiles = [{path = "/x"}]\n'
                '[keys.c]\npath = "p"\nfiles = [{path = "/x"}]'
            ),
            "keys.c.files[0].path: is the path of keys.b.files[0].path too: use another",
        ),
        ("[server]\nmax_connections = 0", "server.max_connections: is 0, and must be 1 or more"),
        *(
            (f'[server]\nhealth = "{wrong}"', f"server.health: {ADDRESS}")
            for wrong in ("9464", "localhost:9464", "127.0.0.1", "1.2.3.4.5:1", "[1.2.3.4]:0")
        ),
        (
            '[gateway]\ntcp = "0.0.0.0:8317"',
            (
                'gateway.tcp: is "0.0.0.0:8317", where other machines could connect: name an '
                'address of loopback, such as "127.0.0.1:8317"'
            ),
        ),
        (
            '[gateway]\ntcp = "127.0.0.1:8317"',
            (
                "gateway.clients: is missing: add [[gateway.clients]] with the user, or the "
                "token_file, of each client; an entry without them lets in everybody who can "
                "connect"
            ),
        ),
        (
            f'{GATEWAY}\nunit = "a.service"',
            (
                "gateway.clients[0].unit: can't be seen over TCP: name gateway.socket, or use user "
                "or token_file"
            ),
        ),
        (
            f'{GATEWAY}\nkey = "other"',
            "gateway.clients[0].key: is no key of this configuration: known are billing",
        ),
        (
            f'{GATEWAY}\n[keys.other]\npath = "p"',
            "gateway.clients[0].key: is missing: name one of billing, other",
        ),
        *(
            (f'{GATEWAY}\npaths = ["{path}"]', f"gateway.clients[0].paths[0]: {why}")
            for path, why in (
                ("responses", 'must be a path below the API\'s, such as "/responses"'),
                ("/v1/responses", 'begins with /v1: write "/responses"'),
                (
                    "/organization/projects",
                    "is OpenAI's administration, which is never passed on: remove it",
                ),
            )
        ),
        (
            f'[server]\nhealth = "127.0.0.1:8317"\n{GATEWAY}',
            "gateway.tcp: is the address of server.health too: use another",
        ),
        (
            f'[server]\nsocket = "/{"s" * 107}"',
            "server.socket: is longer than 107 bytes: use a shorter path",
        ),
        (
            '[log]\nlevel = "INFO"',
            'log.level: is "INFO", and must be one of debug, info, warning, error',
        ),
    ],
)
def test_wrong_rest(tmp_path: Path, more: str, fault: str) -> None:
    assert faults(tmp_path, config(more=more)) == [fault]


def test_faults_of_the_gateway_are_told_at_once(tmp_path: Path) -> None:
    more = f"{GATEWAY}\nkey = 'other'".replace("127.0.0.1", "localhost")
    assert faults(tmp_path, config(more=more)) == [
        'gateway.tcp: must be an IP address with a port, such as "127.0.0.1:8317"',
        "gateway.clients[0].key: is no key of this configuration: known are billing",
    ]
