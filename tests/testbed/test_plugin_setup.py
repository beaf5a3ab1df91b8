"""Configuration and roles of the OpenAI engine; against the real Vault."""

import pytest

from testbed.vault import VaultServer
from testbed.vault_api import VaultError
from tests.testbed.engine import Engine, stand_in_only
from tests.testbed.upstream import Upstream


def test_role_is_written_listed_read_and_deleted(vault: VaultServer, engine: Engine) -> None:
    vault.write_role(engine.mount, "defaults", project_id=engine.project_id)
    assert vault.request("LIST", f"{engine.mount}/roles")["data"]["keys"] == ["defaults"]
    data = vault.request("GET", f"{engine.mount}/roles/defaults")["data"]
    expected = {
        "project_id": engine.project_id,
        "service_account_name_template": "vault-{{.RoleName}}-{{.RandomSuffix}}",
        "ttl": 3600,
        "max_ttl": 86400,
    }
    assert expected.items() <= data.items()
    vault.request("DELETE", f"{engine.mount}/roles/defaults")
    with pytest.raises(VaultError) as caught:
        vault.request("GET", f"{engine.mount}/roles/defaults")
    assert caught.value.status == 404


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"project_id": ""}, "project_id is required"),
        ({"ttl": "2h", "max_ttl": "1h"}, "ttl cannot be greater than max_ttl"),
    ],
)
def test_wrong_role_is_refused(
    vault: VaultServer, engine: Engine, settings: dict[str, str], message: str
) -> None:
    with pytest.raises(VaultError, match=message) as caught:
        vault.write_role(engine.mount, "bad", **{"project_id": engine.project_id} | settings)
    assert caught.value.status == 400


@pytest.mark.parametrize("template", ["{{.Nope", "admin"])
def test_wrong_account_name_is_refused(vault: VaultServer, engine: Engine, template: str) -> None:
    settings = {"project_id": engine.project_id, "service_account_name_template": template}

    def write_and_mint() -> None:
        vault.write_role(engine.mount, "bad", **settings)
        vault.request("GET", f"{engine.mount}/creds/bad")  # v0.0.8 looks only now

    with pytest.raises(VaultError):
        write_and_mint()
    assert engine.counts()["mints"] == 0


def test_role_of_unknown_project_is_refused(vault: VaultServer, engine: Engine) -> None:
    with pytest.raises(VaultError, match=r"API error \(404\): ") as caught:
        vault.write_role(engine.mount, "bad", project_id="proj_nope")
    assert caught.value.status == 500


def test_account_name_is_made_to_fit(vault: VaultServer, engine: Engine) -> None:
    template = "-{{.ProjectName}} of  Vault__{{.RandomSuffix}}" + 70 * "x"
    vault.write_role(
        engine.mount,
        "named",
        project_id=engine.project_id,
        service_account_name_template=template,
    )
    name = vault.request("GET", f"{engine.mount}/creds/named")["data"]["service_account"]
    assert name.startswith(f"{engine.mount}_of_Vault_")
    assert len(name) == 64


def test_config_never_shows_the_admin_key(vault: VaultServer, engine: Engine) -> None:
    before = engine.openai.state()["answers"]
    # Nobody listens there: writing the configuration calls nobody.
    nowhere = {"admin_api_key": "sk-admin-hidden", "api_endpoint": "http://127.0.0.1:1/v1"}
    vault.request("POST", f"{engine.mount}/config", nowhere)
    answer = vault.request("GET", f"{engine.mount}/config")
    assert "sk-admin" not in str(answer)
    assert answer["data"]["api_endpoint"] == "http://127.0.0.1:1/v1"
    assert engine.openai.state()["answers"] == before
    vault.request("DELETE", f"{engine.mount}/config")
    with pytest.raises(VaultError, match="OpenAI is not configured"):
        vault.write_role(engine.mount, "billing")


def test_rotation_of_the_admin_key(vault: VaultServer, upstream: Upstream) -> None:
    upstream.failures = 1
    vault.request("POST", "recorded/config/rotate")
    assert [request.line for request in upstream.requests] == [
        "POST admin_api_keys",
        "POST admin_api_keys",
        "GET admin_api_keys",
        "DELETE admin_api_keys/key_admin_emulator",
    ]
    senders = [request.headers["Authorization"] for request in upstream.requests]
    assert senders == 2 * ["Bearer sk-admin-old"] + 2 * ["Bearer sk-admin-new"]
    assert vault.request("GET", "recorded/config")["data"]["admin_api_key_id"] == "key_new"


@stand_in_only
def test_engine_reports_a_version(vault: VaultServer, engine: Engine) -> None:
    mount = vault.request("GET", f"sys/mounts/{engine.mount}")["data"]
    assert mount["running_plugin_version"] == "v0.0.8-standin"
