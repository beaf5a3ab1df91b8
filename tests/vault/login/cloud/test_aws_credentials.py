"""Where AWS credentials are taken from, in which order, and what is told when there are none."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import parse_qs

import pytest
from freshkey.core.model.faults import FaultKind
from freshkey.core.model.secret import Secret
from freshkey.logs.redact import redact_text
from freshkey.vault.login.aws_credentials import find_credentials
from freshkey.vault.login.aws_signing import AwsCredentials

from tests.vault.login.cloud.aws import FOUND, fault_of
from tests.vault.servers import answer

if TYPE_CHECKING:
    from pathlib import Path

    from tests.vault.login.cloud.standin import Cloud

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


async def test_variables_come_first(cloud: Cloud, environ: pytest.MonkeyPatch) -> None:
    environ.setenv("AWS_EC2_METADATA_SERVICE_ENDPOINT", cloud.address)
    environ.setenv("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE")
    environ.setenv("AWS_SECRET_ACCESS_KEY", "secret-of-a-user")
    environ.setenv("AWS_ROLE_ARN", "arn:aws:iam::1:role/other")
    found = await find_credentials(None)
    assert found == AwsCredentials("AKIDEXAMPLE", Secret("secret-of-a-user"), None)
    environ.setenv("AWS_SESSION_TOKEN", "token-of-a-session")
    assert (await find_credentials(None)).session_token == Secret("token-of-a-session")
    assert redact_text("secret-of-a-user token-of-a-session") == "*** ***"
    assert not cloud.requests


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


@pytest.mark.parametrize("name", ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"])
@pytest.mark.parametrize("value", ["secret-\udcff", "secret-h\u00f6rse", "secret\nline"])
async def test_a_variable_with_more_than_ascii(
    environ: pytest.MonkeyPatch, name: str, value: str
) -> None:
    environ.setenv("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE")
    environ.setenv("AWS_SECRET_ACCESS_KEY", "secret-of-a-user")
    environ.setenv(name, value)
    kind, message = await fault_of()
    assert kind is FaultKind.BAD_REQUEST
    assert message == f"{name} holds more than one line of ASCII: correct it"


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


@pytest.mark.parametrize("name", ["AWS_REGION", "AWS_DEFAULT_REGION"])
@pytest.mark.parametrize("region", ["x.evil.example/", "aws-global", "eu-central-1#"])
async def test_web_identity_in_a_region_that_is_none(
    web_identity: Path, environ: pytest.MonkeyPatch, cloud: Cloud, name: str, region: str
) -> None:
    environ.setenv(name, region)
    kind, message = await fault_of()
    assert kind is FaultKind.BAD_REQUEST
    assert message == f'{name} must be a region of AWS, such as "eu-central-1"'
    assert not cloud.requests


@pytest.mark.parametrize(
    "url", ["ftp://127.0.0.1/", "https://sts.example:99999", "nonsense", "http://[", "http:///x"]
)
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
    assert message == f"{name} is not a URL of http or https: correct it"


async def test_no_credentials_anywhere(environ: pytest.MonkeyPatch) -> None:
    environ.setenv("AWS_EC2_METADATA_DISABLED", "true")
    kind, message = await fault_of()
    assert kind is FaultKind.BAD_REQUEST
    assert message.startswith("no AWS credentials: none in AWS_ACCESS_KEY_ID, AWS_WEB_IDENTITY")
