"""AWS credentials of containers and instances, as their services are documented."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from freshkey.core.model.faults import FaultKind
from freshkey.vault.login import aws_metadata
from freshkey.vault.login.aws_credentials import find_credentials

from tests.vault.login.cloud.aws import FOUND, fault_of
from tests.vault.servers import answer

if TYPE_CHECKING:
    from pathlib import Path

    from tests.vault.login.cloud.standin import Cloud

ROLES = "/latest/meta-data/iam/security-credentials/"
JSON = answer(
    body={
        "Code": "Success",
        "Type": "AWS-HMAC",
        "AccessKeyId": "ASIAEXAMPLE",
        "SecretAccessKey": "secret-of-the-role",
        "Token": "token-of-the-role",
        "Expiration": "2026-11-24T18:00:00Z",
    }
)


@pytest.fixture
def instance(cloud: Cloud, environ: pytest.MonkeyPatch) -> Cloud:
    """An EC2 instance with a role, as IMDSv2 shows it."""
    environ.setenv("AWS_EC2_METADATA_SERVICE_ENDPOINT", f"{cloud.address}/")
    cloud.routes |= {
        "PUT /latest/api/token": answer(200, b"session-of-imds", content_type="text/plain"),
        f"GET {ROLES}": answer(200, b"the-role\n", content_type="text/plain"),
        f"GET {ROLES}the-role": JSON,
    }
    return cloud


async def test_container_with_a_token_in_a_file(
    cloud: Cloud, environ: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    cloud.routes["GET /v1/credentials?a=b"] = JSON
    environ.setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", f"{cloud.address}/v1/credentials?a=b")
    environ.setenv("AWS_CONTAINER_AUTHORIZATION_TOKEN", "not this one")
    file = tmp_path / "eks-pod-identity-token"
    for token in ("first", "second"):  # read again each time
        file.write_text(token)
        environ.setenv("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", str(file))
        assert await find_credentials(None) == FOUND
        assert cloud.requests.pop().headers["authorization"] == token


async def test_container_with_a_token_in_a_variable(
    cloud: Cloud, environ: pytest.MonkeyPatch
) -> None:
    cloud.routes["GET /"] = JSON
    environ.setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", cloud.address)
    environ.setenv("AWS_CONTAINER_AUTHORIZATION_TOKEN", "Basic abcdefg")
    assert await find_credentials(None) == FOUND
    assert cloud.request("GET /").headers["authorization"] == "Basic abcdefg"


async def test_container_of_ecs(cloud: Cloud, environ: pytest.MonkeyPatch) -> None:
    cloud.routes["GET /v2/credentials/1-2-3"] = JSON
    environ.setattr(aws_metadata, "_ECS", cloud.address)
    environ.setenv("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "/v2/credentials/1-2-3")
    assert await find_credentials(None) == FOUND
    assert "authorization" not in cloud.request("GET ").headers


@pytest.mark.parametrize(
    "url",
    [
        "http://example.org/",
        "http://10.0.0.1/",
        "http://localhost.example.org/",
    ],
)
async def test_container_address_off_the_machine(environ: pytest.MonkeyPatch, url: str) -> None:
    environ.setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", url)
    kind, message = await fault_of()
    assert kind is FaultKind.BAD_REQUEST
    assert message.startswith("AWS_CONTAINER_CREDENTIALS_FULL_URI would send a credential in the")


@pytest.mark.parametrize(
    "name", ["AWS_CONTAINER_CREDENTIALS_FULL_URI", "AWS_EC2_METADATA_SERVICE_ENDPOINT"]
)
@pytest.mark.parametrize("login", ["127.0.0.1", "user:hunter2secret", "hunter2secret"])
async def test_address_with_a_user(environ: pytest.MonkeyPatch, name: str, login: str) -> None:
    environ.setenv(name, f"https://{login}@example.org/")
    kind, message = await fault_of()
    assert kind is FaultKind.BAD_REQUEST
    assert message == f"{name} holds a user or password: take it out of the URL"


@pytest.mark.parametrize(
    "url", ["http://example.org", "http://192.0.2.1", "http://[2001:db8::1]", "http://127.0.0.1.x"]
)
async def test_instance_address_off_the_machine(environ: pytest.MonkeyPatch, url: str) -> None:
    environ.setenv("AWS_EC2_METADATA_SERVICE_ENDPOINT", url)
    kind, message = await fault_of()
    assert kind is FaultKind.BAD_REQUEST
    assert message == (
        "AWS_EC2_METADATA_SERVICE_ENDPOINT would send a credential in the clear: it has to be "
        "https, or http to an address of this machine or its own network"
    )


async def test_relative_address_that_would_leave_the_host(environ: pytest.MonkeyPatch) -> None:
    environ.setenv("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "@example.org/")
    _, message = await fault_of()
    assert message == "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI has to start with /"


async def test_instance(instance: Cloud) -> None:
    assert await find_credentials(None) == FOUND
    put, listed, read = instance.requests
    assert "x-aws-ec2-metadata-token-ttl-seconds" in put.headers
    assert {
        listed.headers["x-aws-ec2-metadata-token"],
        read.headers["x-aws-ec2-metadata-token"],
    } == {"session-of-imds"}


async def test_instance_without_a_role(instance: Cloud) -> None:
    del instance.routes[f"GET {ROLES}"]
    kind, message = await fault_of()
    assert kind is FaultKind.BAD_REQUEST
    assert message.endswith("knows no role: give the instance an IAM role (an instance profile)")


async def test_instance_whose_role_fails(instance: Cloud) -> None:
    body = {"Code": "AssumeRoleUnauthorizedAccess", "Message": "EC2 cannot assume the role"}
    instance.routes[f"GET {ROLES}the-role"] = answer(body=body)
    _, message = await fault_of()
    assert message.endswith("gives no credentials: may its IAM role be assumed by it?")


async def test_instance_metadata_that_is_off(instance: Cloud) -> None:
    instance.routes["PUT /latest/api/token"] = answer(403, b"", content_type="text/html")
    kind, message = await fault_of()
    assert kind is FaultKind.BAD_REQUEST
    assert "answers 403: no reason given: is it enabled (HttpEndpoint)" in message


async def test_nobody_at_the_instance_metadata_address(environ: pytest.MonkeyPatch) -> None:
    environ.setenv("AWS_EC2_METADATA_SERVICE_ENDPOINT", "http://127.0.0.1:1")
    kind, message = await fault_of()
    assert kind is FaultKind.UPSTREAM
    assert message.startswith(
        "no AWS credentials in the environment, and the instance metadata service at "
        "http://127.0.0.1:1 can't be reached: "
    )
    assert message.endswith("in a container on EC2 set the instance's HttpPutResponseHopLimit to 2")


async def test_what_is_no_answer_for_credentials_is_not_quoted(
    cloud: Cloud, environ: pytest.MonkeyPatch
) -> None:
    broken = {"AccessKeyId": "ASIAEXAMPLE", "SecretAccessKey": "secret-alone"}
    cloud.routes["GET /"] = answer(body=broken)
    environ.setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", cloud.address)
    _, message = await fault_of()
    assert "secret-alone" not in message
