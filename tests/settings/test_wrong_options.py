"""Every wrong input has its line: where, what is wrong, and what to do."""

from pathlib import Path

import pytest

from tests.settings.files import AUTH, VAULT, config, faults

URL = (
    "must be a URL of scheme http or https with a host, and without user, query and fragment, "
    'such as "https://vault.example:8200"'
)
SECONDS = 'and must be integer seconds, or a string such as "90s" or "1h30m"'
METHODS = "token, approle, kubernetes, jwt, cert, userpass, ldap, aws, gcp, azure"
GATEWAY = '[gateway]\ntcp = "127.0.0.1:8317"\n[[gateway.clients]]'
ADDRESS = 'must be an IP address with a port, such as "127.0.0.1:9464"'


def test_vault_needs_an_address(tmp_path: Path) -> None:
    assert faults(tmp_path, config(vault="")) == [
        "vault.address: is missing: set it, or the variable VAULT_ADDR"
    ]


@pytest.mark.parametrize(
    ("line", "fault"),
    [
        ('addresses = ["https://a", "b"]', f"addresses[1]: {URL}"),
        ('addresses = "https://a"', "addresses: is a string, and must be an array"),
        ("adress = 1", "adress: is unknown: did you mean address?"),
        ("ca_file = 1", 'ca_file: is an integer, and must be a string: write it as "1"'),
        ("max_mints_per_minute = -1", "max_mints_per_minute: is -1, and must be 0 or more"),
        ('timeout = "0s"', 'timeout: is 0, and must be at least "1s"'),
        (
            "max_mints_per_minute = true",
            "max_mints_per_minute: is a boolean, and must be an integer, without quotes",
        ),
        (
            'client_key_file = "k"',
            "client_cert_file: is missing: client_key_file alone is no use",
        ),
    ],
)
def test_wrong_vault(tmp_path: Path, line: str, fault: str) -> None:
    assert faults(tmp_path, config(vault=f"{VAULT}\n{line}")) == [f"vault.{fault}"]


@pytest.mark.parametrize(
    ("auth", "fault"),
    [
        ('method = "kerberos"', f'method: is "kerberos", and must be one of {METHODS}'),
        ("method = 0", f"method: is an integer, and must be one of {METHODS}"),
        (
            'method = "aws"\nsts_region = "example.org/"',
            'sts_region: must be a region of AWS, such as "eu-central-1"',
        ),
        (
            'method = "token"',
            "token_file: is missing: name the token's file, or set the variable VAULT_TOKEN",
        ),
        (
            'method = "token"\ntoken_file = "t"\nrole_id = "x"',
            'role_id: belongs to method "approle": remove it, or change the method',
        ),
        (
            'method = "token"\ntoken_file = "t"\nusername = "x"',
            'username: belongs to method "userpass" or "ldap": remove it, or change the method',
        ),
        (
            'method = "token"\ntoken_file = "t"\ntoken = "hvs.x"',
            "token: is not allowed here: name a file in token_file, or set VAULT_TOKEN",
        ),
        (
            f'{AUTH}\nsecret_id = "hunter2"',
            "secret_id: is not allowed here: put it in a file, and name that in secret_id_file",
        ),
        (
            f'{AUTH}\nrole_id_file = "r"',
            "role_id: is set together with role_id_file: remove one of them",
        ),
        (
            'secret_id_file = "s"',
            "role_id_file: is missing: name the role-id's file, or set role_id",
        ),
        ('role_id = "r"', "secret_id_file: is missing, and has no default: set it"),
        (
            f'{AUTH}\nsecret_id_wrapped = "true"',
            "secret_id_wrapped: is a string, and must be true or false, without quotes",
        ),
    ],
)
def test_wrong_auth(tmp_path: Path, auth: str, fault: str) -> None:
    assert faults(tmp_path, config(auth=auth)) == [f"auth.{fault}"]


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


def test_a_key_is_needed(tmp_path: Path) -> None:
    assert faults(tmp_path, f"[vault]\n{VAULT}\n[auth]\n{AUTH}") == [
        "keys: is missing: add a table such as [keys.billing] with a path"
    ]


def test_method_cert_needs_a_certificate_and_https(tmp_path: Path) -> None:
    vault = 'addresses = ["https://a", "http://b"]'
    assert faults(tmp_path, config(vault=vault, auth='method = "cert"')) == [
        'vault.client_cert_file: is missing: method "cert" logs in with it',
        'vault.addresses[1]: is plain http, which shows no certificate: method "cert" needs https',
    ]
    vault = 'address = "http://a"\nclient_key_file = "k"'
    assert faults(tmp_path, config(vault=vault, auth='method = "cert"')) == [
        "vault.client_cert_file: is missing: client_key_file alone is no use",
        'vault.address: is plain http, which shows no certificate: method "cert" needs https',
    ]


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
