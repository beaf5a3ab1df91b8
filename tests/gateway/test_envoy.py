"""What docs/gateway.md gives Envoy, against the fields of Envoy's API: there is no Envoy here."""

from __future__ import annotations

import re
import tomllib
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.gateway.envoy import faults
from tests.gateway.page import block
from tests.outputs.templating import made

BOOTSTRAP = "envoy.config.bootstrap.v3.Bootstrap"
RESPONSE = "envoy.service.discovery.v3.DiscoveryResponse"
TEMPLATE = Path(__file__).resolve().parents[2] / "configs" / "templates" / "envoy-sds.yaml.j2"


@pytest.fixture
def bootstrap() -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load(block("envoy-conf"))
    return found


def manager(bootstrap: dict[str, Any]) -> dict[str, Any]:
    (listener,) = bootstrap["static_resources"]["listeners"]
    found: dict[str, Any] = listener["filter_chains"][0]["filters"][0]["typed_config"]
    return found


def injector(bootstrap: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = manager(bootstrap)["http_filters"][0]["typed_config"]
    return found


def test_the_configuration_has_fields_of_the_api_alone(bootstrap: dict[str, Any]) -> None:
    assert list(faults(BOOTSTRAP, bootstrap)) == []


@pytest.mark.parametrize("key", ["sk-svcacct-1", """'"\\$%{}#;:=!`&<>?*[]|~"""])
def test_the_file_is_a_response_with_a_generic_secret(key: str) -> None:
    response = yaml.safe_load(made(TEMPLATE.read_text(), key=key))
    assert list(faults(RESPONSE, response)) == []
    (secret,) = response["resources"]
    assert secret["generic_secret"] == {"secret": {"inline_string": f"Bearer {key}"}}


def test_the_injector_reads_the_file_that_the_agent_writes(bootstrap: dict[str, Any]) -> None:
    ((name, key),) = tomllib.loads(block("envoy"))["keys"].items()
    (file,) = key["files"]
    assert Path(file["template_file"]).name == TEMPLATE.name
    injected = injector(bootstrap)
    assert injected["overwrite"] is True
    secret = injected["credential"]["typed_config"]["credential"]
    (resource,) = yaml.safe_load(made(TEMPLATE.read_text(), name=name))["resources"]
    assert secret["name"] == resource["name"] == name
    source = secret["sds_config"]["path_config_source"]
    assert source["path"] == file["path"]
    assert source["watched_directory"]["path"] == str(Path(file["path"]).parent)
    assert source["path"].endswith(".yaml"), "by which Envoy knows its form"


def test_what_envoy_would_not_take_is_found(bootstrap: dict[str, Any]) -> None:
    for change, told in (
        (lambda one: injector(one).update(overwritten=True), "overwritten: "),
        (lambda one: injector(one).update(overwrite="true"), "overwrite: is no bool"),
        (lambda one: injector(one).pop("credential"), "credential: is missing"),
        (lambda one: injector(one).update({"@type": "x"}), "has no @type"),
        (lambda one: manager(one).update(http_filters={}), "http_filters: is no list"),
        (
            lambda one: manager(one).update(stream_idle_timeout="10m"),
            "is no google.protobuf.Duration",
        ),
        (lambda one: one["static_resources"]["clusters"][0].update(type="DNS"), "is none of"),
    ):
        changed = deepcopy(bootstrap)
        change(changed)
        found = list(faults(BOOTSTRAP, changed))
        assert len(found) == 1, found
        assert told in found[0]
    secret = {"@type": "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.Secret"}
    empty = {"resources": [{**secret, "generic_secret": {"secret": {}}}]}
    assert "has not one of" in next(faults(RESPONSE, empty))


def status_of(bootstrap: dict[str, Any], path: str, origin: str = "") -> int | None:
    """Say what the first route that matches answers by itself; None: it goes on. 404: none does."""
    (host,) = manager(bootstrap)["route_config"]["virtual_hosts"]
    for route in host["routes"]:
        match = route["match"]
        by_path = (
            re.fullmatch(match["safe_regex"]["regex"], path)
            if "safe_regex" in match
            else path.startswith(match["prefix"])
        )
        if by_path and (origin or "headers" not in match):
            status: int | None = route.get("direct_response", {}).get("status")
            return status
    return 404


def test_no_way_leads_to_the_administration(bootstrap: dict[str, Any]) -> None:
    for path in ("/v1/models", "/v1/responses", "/v1/models/ft:gpt-5:org::a.b", "/v1/files/file-1"):
        assert status_of(bootstrap, path) is None
        assert status_of(bootstrap, path, origin="https://page.example") == 403
    for path in (
        *("/v1/organization/projects", "/v1/Organization", "/v1//organization", "/v2/models", "/"),
        *("/v1/%6frganization", "/v1/%256frganization", "/v1/models/../organization"),
        *("/v1/models/%2e%2e/organization", "/v1/./organization", "/v1/models\\..\\organization"),
    ):
        assert status_of(bootstrap, path) in {403, 404}, path
