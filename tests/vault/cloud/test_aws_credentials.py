"""Where AWS credentials are taken from, in which order, and what is told when there are none."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import parse_qs

import pytest
from freshkey.core.faults import FaultError, FaultKind
from freshkey.core.secret import Secret
from freshkey.logs.redact import redact_text
from freshkey.vault.login import aws_metadata
from freshkey.vault.login.aws_credentials import find_credentials
from freshkey.vault.login.aws_signing import AwsCredentials

from tests.vault.servers import answer

if TYPE_CHECKING:
    from pathlib import Path

    from tests.vault.cloud.standin import Cloud

ROLES = "/latest/meta-data/iam/security-credentials/"
FOUND = AwsCredentials("ASIAEXAMPLE", Secret("secret-of-the-role"), Secret("token-of-the-role"))
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
XML = b"""<AssumeRoleWithWebIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/">
  <AssumeRoleWithWebIdentityResult>
    <Credentials>
      <SessionToken>token-of-the-role</SessionToken>
      <SecretAccessKey>secret-of-the-role</SecretAccessKey>
      <Expiration>2026-11-24T18:00:00Z</Expiration>
      <AccessKeyId>ASIAEXAMPLE</AccessKeyId>
    </Credentials>
  </AssumeRoleWithWebIdentityResult>
</AssumeRoleWithWebIdentityResponse>
"""
REFUSED = b"""<ErrorResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/">
  <Error>
    <Type>Sender</Type>
    <Code>AccessDenied</Code>
    <Message>Not authorized to perform sts:AssumeRoleWithWebIdentity</Message>
  </Error>
</ErrorResponse>
"""


@pytest.fixture
def environ(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """For tests that set what is otherwise unset."""
    return monkeypatch


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


async def fault_of(region: str | None = None) -> tuple[FaultKind, str]:
    with pytest.raises(FaultError) as caught:
        await find_credentials(region)
    fault = caught.value.fault
    assert "\n" not in fault.message
    return fault.kind, fault.message


async def test_variables_come_first(instance: Cloud, environ: pytest.MonkeyPatch) -> None:
    environ.setenv("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE")
    environ.setenv("AWS_SECRET_ACCESS_KEY", "secret-of-a-user")
    environ.setenv("AWS_ROLE_ARN", "arn:aws:iam::1:role/other")
    found = await find_credentials(None)
    assert found == AwsCredentials("AKIDEXAMPLE", Secret("secret-of-a-user"), None)
    environ.setenv("AWS_SESSION_TOKEN", "token-of-a-session")
    assert (await find_credentials(None)).session_token == Secret("token-of-a-session")
    assert redact_text("secret-of-a-user token-of-a-session") == "*** ***"
    assert not instance.requests


@pytest.mark.parametrize(
    ("given", "missing"),
    [
        ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"),
        ("AWS_SECRET_ACCESS_KEY", "AWS_ACCESS_KEY_ID"),
        ("AWS_WEB_IDENTITY_TOKEN_FILE", "AWS_ROLE_ARN"),
        ("AWS_ROLE_ARN", "AWS_WEB_IDENTITY_TOKEN_FILE"),
    ],
)
async def test_half_of_a_pair(environ: pytest.MonkeyPatch, given: str, missing: str) -> None:
    environ.setenv(given, "something")
    assert await fault_of() == (
        FaultKind.BAD_REQUEST,
        f"{missing} is missing beside {given}: set both, or neither",
    )


@pytest.fixture
def web_identity(cloud: Cloud, environ: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    environ.setenv("AWS_ENDPOINT_URL_STS", cloud.address)
    file = tmp_path / "token"
    file.write_text("eyJh.eyJz.of-the-pod\n")
    environ.setenv("AWS_WEB_IDENTITY_TOKEN_FILE", str(file))
    environ.setenv("AWS_ROLE_ARN", "arn:aws:iam::123456789012:role/pod")
    return file


async def test_web_identity(cloud: Cloud, web_identity: Path) -> None:
    cloud.routes["POST /"] = answer(200, XML, content_type="text/xml")
    assert await find_credentials(None) == FOUND
    sent = cloud.request("POST /")
    assert parse_qs(sent.body.decode()) == {
        "Action": ["AssumeRoleWithWebIdentity"],
        "Version": ["2011-06-15"],
        "RoleArn": ["arn:aws:iam::123456789012:role/pod"],
        "RoleSessionName": ["freshkey"],
        "WebIdentityToken": ["eyJh.eyJz.of-the-pod"],
    }
    assert "authorization" not in sent.headers
    assert redact_text("secret-of-the-role token-of-the-role") == "*** ***"


async def test_web_identity_that_aws_refuses(cloud: Cloud, web_identity: Path) -> None:
    cloud.routes["POST /"] = answer(403, REFUSED, content_type="text/xml")
    kind, message = await fault_of()
    assert kind is FaultKind.BAD_REQUEST
    assert message == (
        "AWS STS answers 403: AccessDenied: Not authorized to perform "
        "sts:AssumeRoleWithWebIdentity: does the trust policy of "
        "arn:aws:iam::123456789012:role/pod name this token's issuer, audience, and subject?"
    )


async def test_web_identity_without_its_file(web_identity: Path) -> None:
    web_identity.unlink()  # noqa: ASYNC240 - no other task runs
    _, message = await fault_of()
    assert message == (
        f"AWS_WEB_IDENTITY_TOKEN_FILE {web_identity} does not exist: put the credential there"
    )


async def test_web_identity_that_would_go_in_the_clear(
    web_identity: Path, environ: pytest.MonkeyPatch
) -> None:
    environ.setenv("AWS_ENDPOINT_URL_STS", "http://sts.example.org")
    _, message = await fault_of()
    assert message == (
        "AWS STS at http://sts.example.org would be sent a credential in the clear: "
        "it has to be https"
    )


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
        "http://127.0.0.1@example.org/",
        "http://localhost.example.org/",
    ],
)
async def test_container_address_off_the_machine(environ: pytest.MonkeyPatch, url: str) -> None:
    environ.setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", url)
    kind, message = await fault_of()
    assert kind is FaultKind.BAD_REQUEST
    assert message.startswith("AWS_CONTAINER_CREDENTIALS_FULL_URI would send a credential in the")


@pytest.mark.parametrize("url", ["ftp://127.0.0.1/", "nonsense", "http://[", "http:///x"])
@pytest.mark.parametrize(
    "name",
    [
        "AWS_CONTAINER_CREDENTIALS_FULL_URI",
        "AWS_EC2_METADATA_SERVICE_ENDPOINT",
        "AWS_ENDPOINT_URL_STS",
    ],
)
async def test_address_that_is_none(
    environ: pytest.MonkeyPatch, tmp_path: Path, name: str, url: str
) -> None:
    environ.setenv(name, url)
    if name == "AWS_ENDPOINT_URL_STS":
        (tmp_path / "token").write_text("eyJh.eyJz.c2ln")
        environ.setenv("AWS_WEB_IDENTITY_TOKEN_FILE", str(tmp_path / "token"))
        environ.setenv("AWS_ROLE_ARN", "arn:aws:iam::1:role/pod")
    kind, message = await fault_of()
    assert kind is FaultKind.BAD_REQUEST
    assert message == f"{name} is no URL of http or https: correct it"


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


async def test_no_credentials_anywhere(environ: pytest.MonkeyPatch) -> None:
    environ.setenv("AWS_EC2_METADATA_DISABLED", "true")
    kind, message = await fault_of()
    assert kind is FaultKind.BAD_REQUEST
    assert message.startswith("no AWS credentials: none in AWS_ACCESS_KEY_ID, AWS_WEB_IDENTITY")


async def test_what_is_no_answer_for_credentials_is_not_quoted(
    cloud: Cloud, environ: pytest.MonkeyPatch
) -> None:
    broken = {"AccessKeyId": "ASIAEXAMPLE", "SecretAccessKey": "secret-alone"}
    cloud.routes["GET /"] = answer(body=broken)
    environ.setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", cloud.address)
    _, message = await fault_of()
    assert "secret-alone" not in message
