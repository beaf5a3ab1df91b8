from pathlib import Path

import pytest
from freshkey.provisioning.needs import engine_role, needs
from freshkey.provisioning.policy import hcl
from freshkey.settings import load

from tests.settings.files import NO_VARIABLES, config, written

SELF = {
    "auth/token/lookup-self": "read",
    "auth/token/renew-self": "update",
    "sys/leases/renew": "update",
    "sys/leases/lookup": "update",
    "sys/capabilities-self": "update",
}


def wanted(directory: Path, **parts: str) -> dict[str, str]:
    found = needs(load(written(directory, config(**parts)), NO_VARIABLES))
    assert len({need.path for need in found}) == len(found)
    return {need.path: need.capability for need in found}


def test_one_key(tmp_path: Path) -> None:
    assert wanted(tmp_path) == SELF | {
        "openai/creds/billing": "read",
        "sys/leases/revoke/openai/creds/billing/*": "update",
        "auth/token/revoke-self": "update",
    }


def test_a_token_of_somebody_else_is_never_revoked(tmp_path: Path) -> None:
    found = wanted(tmp_path, auth='method = "token"\ntoken_file = "token"')
    assert "auth/token/revoke-self" not in found


def test_keys_in_their_order_and_a_shared_path_once(tmp_path: Path) -> None:
    more = '[keys.z]\npath = "openai/creds/z"\n[keys.a]\npath = "openai/creds/billing"\n'
    settings = load(written(tmp_path, config(more=more)), NO_VARIABLES)
    found = needs(settings)
    assert [need.path for need in found][:4] == [
        "openai/creds/billing",
        "sys/leases/revoke/openai/creds/billing/*",
        "openai/creds/z",
        "sys/leases/revoke/openai/creds/z/*",
    ]
    assert found[0].places == ("keys.billing", "keys.a")
    text = hcl(found)
    assert text == hcl(needs(settings))
    assert "# keys.billing, keys.a: a read gives the key\n" in text
    assert text.count('path "') == len(found)


def test_a_secret_of_kv_has_no_lease(tmp_path: Path) -> None:
    more = '[keys.static]\npath = "kv/data/openai"\n[keys.one]\npath = "kv/openai"\n'
    found = wanted(tmp_path, more=more)
    assert found["kv/data/openai"] == "read"
    assert "sys/leases/revoke/kv/data/openai/*" not in found
    assert "sys/leases/revoke/kv/openai/*" in found, "version 1 can't be told by its path"
    settings = load(written(tmp_path, config(more=more)), NO_VARIABLES)
    known = {need.path for need in needs(settings, {"static", "one", "billing"})}
    assert not any(path.startswith("sys/leases/") for path in known)


@pytest.mark.parametrize(
    ("path", "role"),
    [
        ("openai/creds/billing", ("openai", "billing")),
        ("team/data/openai/creds/billing", ("team/data/openai", "billing")),
        ("a/creds/b/creds/c", ("a/creds/b", "c")),
        ("kv/data/creds/billing", None),
        ("kv/data/openai", None),
        ("data/creds/billing", ("data", "billing")),
        ("openai/creds/a/b", None),
        ("creds/billing", None),
    ],
)
def test_a_role_of_the_engine_has_leases(
    tmp_path: Path, path: str, role: tuple[str, str] | None
) -> None:
    assert engine_role(path) == role
    if role is not None:
        found = wanted(tmp_path, more=f'[keys.other]\npath = "{path}"\n')
        assert f"sys/leases/revoke/{path}/*" in found


@pytest.mark.parametrize(
    ("path", "example"),
    [("openai/creds/billing", None), ("sys/leases/revoke/openai/creds/billing/*", "/lease")],
)
def test_what_vault_is_asked_about(tmp_path: Path, path: str, example: str | None) -> None:
    found = needs(load(written(tmp_path, config()), NO_VARIABLES))
    (need,) = (need for need in found if need.path == path)
    assert need.example == (path if example is None else path.replace("/*", example))
