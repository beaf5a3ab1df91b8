from pathlib import Path

import pytest
from freshkey.core.model.policy import VerifyMode
from freshkey.core.model.struct import replace
from freshkey.settings import load
from freshkey.settings.auth import AppRoleAuth
from freshkey.settings.keys import FileFormat, FileSettings, OnStop, VerifySettings
from freshkey.settings.model import LogLevel

from tests.settings.files import NO_VARIABLES, config, written


def test_the_least_has_the_defaults_of_the_contract(tmp_path: Path) -> None:
    settings = load(written(tmp_path, config()), NO_VARIABLES)
    assert settings.vault.address == "https://vault.example:8200"
    assert (settings.vault.timeout, settings.vault.max_mints_per_minute) == (65, 6)
    assert settings.auth == AppRoleAuth(role_id="role", secret_id_file=tmp_path / "secret_id")
    assert settings.state.directory == Path("/run/freshkey/state")
    assert (settings.state.persist, settings.state.allow_disk) == (True, False)
    key = settings.keys["billing"]
    assert (key.path, key.field, key.ttl, key.refresh) == (
        "openai/creds/billing",
        "api_key",
        None,
        300,
    )
    assert (key.renew_at, key.jitter, key.overlap, key.check_every) == (0.67, 0.2, 300, 60)
    assert (key.max_stale, key.on_stop, key.stop_grace) == (43200, OnStop.KEEP, 20)
    assert key.verify == VerifySettings(
        mode=VerifyMode.PREFER,
        base_url="https://api.openai.com/v1",
        probe_every=300,
        activation_timeout=30,
    )
    assert key.files == ()
    assert settings.server.socket == Path("/run/freshkey/freshkey.sock")
    assert (settings.server.mode, settings.server.max_connections) == (0o660, 512)
    assert settings.server.max_connections_per_uid == 128
    assert (settings.log.level, settings.log.format) == ("info", "auto")


def test_what_is_given_is_taken(tmp_path: Path) -> None:
    text = config(
        auth='method = "approle"\nmount = "ci/approle"\nrole_id_file = "/r"\nsecret_id_file = "s"\n'
        "secret_id_wrapped = true\nremove_secret_id_file = true",
        key='renew_at = 0.8\njitter = 0\noverlap = 0\nttl = "15m"\non_stop = "revoke"',
        more="""
        [keys.billing.verify]
        mode = "require"
        base_url = "http://127.0.0.1:1/v1/"
        [[keys.billing.files]]
        path = "keys/billing"
        format = "env"
        env_name = "KEY"
        mode = "0400"
        owner = "1000"
        [[keys.billing.files]]
        path = "/run/two"
        [keys.a-second_one]
        path = "kv/data/x"
        [log]
        level = "debug"
        """,
    )
    settings = load(written(tmp_path, text), NO_VARIABLES)
    assert settings.auth == AppRoleAuth(
        mount="ci/approle",
        role_id_file=Path("/r"),
        secret_id_file=tmp_path / "s",
        secret_id_wrapped=True,
        remove_secret_id_file=True,
    )
    key = settings.keys["billing"]
    assert (key.renew_at, key.jitter, key.overlap, key.ttl) == (0.8, 0, 0, 900)
    assert key.on_stop is OnStop.REVOKE
    assert (key.verify.mode, key.verify.base_url) == (VerifyMode.REQUIRE, "http://127.0.0.1:1/v1")
    assert key.files == (
        FileSettings(
            path=tmp_path / "keys/billing",
            format=FileFormat.ENV,
            env_name="KEY",
            mode=0o400,
            owner="1000",
        ),
        FileSettings(path=Path("/run/two")),
    )
    assert list(settings.keys) == ["billing", "a-second_one"]
    assert settings.log.level == "debug"


def test_an_empty_string_is_an_unset_option(tmp_path: Path) -> None:
    text = config(key='field = ""\nttl = ""\non_stop = ""', more='[log]\nlevel = ""\nformat = ""')
    assert load(written(tmp_path, text), NO_VARIABLES) == load(
        written(tmp_path, config()), NO_VARIABLES
    )


def test_relative_paths_start_at_the_directory_of_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    directory = tmp_path / "etc"
    directory.mkdir()
    written(directory, config(more='[server]\nsocket = "s.sock"\n[state]\ndirectory = "../state"'))
    monkeypatch.chdir(tmp_path)
    settings = load(Path("etc/config.toml"), NO_VARIABLES)
    assert settings.server.socket == directory / "s.sock"
    assert settings.state.directory == directory / "../state"


def test_nodes_of_one_cluster(tmp_path: Path) -> None:
    nodes = 'addresses = ["https://a", "https://b:1/"]'
    alone = load(written(tmp_path, config(vault=nodes)), {"VAULT_ADDR": "https://other"})
    assert alone.vault.address == "https://a"
    assert alone.vault.addresses == ("https://a", "https://b:1")
    beside = load(written(tmp_path, config(vault=f'address = "https://c"\n{nodes}')), NO_VARIABLES)
    assert beside.vault.address == "https://c"


def test_settings_can_be_compared_and_not_be_changed(tmp_path: Path) -> None:
    one, other = (load(written(tmp_path, config()), NO_VARIABLES) for _ in range(2))
    assert one == other
    assert replace(one, log=replace(one.log, level=LogLevel.DEBUG)) != other
    with pytest.raises(AttributeError):
        one.vault.address = "https://elsewhere"  # type: ignore[misc]  # what is refused
