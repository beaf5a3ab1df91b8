"""Signatures: AWS's published vectors, and botocore for what they leave out.

Only these tests show that a signature is right: moto, which answers as STS elsewhere, checks none.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from botocore.regions import EndpointResolver
from botocore.session import get_session
from freshkey.core.model.secret import Secret
from freshkey.vault.login.aws_signing import AwsCredentials, Scope, sign
from freshkey.vault.login.aws_sts import CALLER_IDENTITY, caller_identity, host
from hypothesis import given
from hypothesis import strategies as st

if TYPE_CHECKING:
    from collections.abc import Mapping

SECRET = Secret("wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY")
EXAMPLE = AwsCredentials("AKIDEXAMPLE", SECRET, None)
AT = datetime(2015, 8, 30, 12, 36, tzinfo=UTC)
FORM = "application/x-www-form-urlencoded"
TIME: Final = "%Y%m%dT%H%M%SZ"


@pytest.mark.parametrize(
    ("headers", "body", "names", "signature"),
    [  # post-vanilla, post-x-www-form-urlencoded, post-header-value-case of aws-sig-v4-test-suite
        (
            {},
            b"",
            "host;x-amz-date",
            "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b",
        ),
        (
            {"Content-Type": FORM},
            b"Param1=value1",
            "content-type;host;x-amz-date",
            "ff11897932ad3f4e8b18135d722051e5ac45fc38421b1da7b9d196a0fe09473a",
        ),
        (
            {"My-Header1": "VALUE1"},
            b"",
            "host;my-header1;x-amz-date",
            "cdbc9802e29d2942e5e10b5bccfdd67c5f22c7c4e8ae67b53629efa58b974b7d",
        ),
    ],
)
def test_published_vectors(
    headers: Mapping[str, str], body: bytes, names: str, signature: str
) -> None:
    scope = Scope("us-east-1", "service")
    signed = sign(EXAMPLE, scope, {"Host": "example.amazonaws.com", **headers}, body, AT)
    assert signed["X-Amz-Date"] == "20150830T123600Z"
    assert signed["Authorization"] == (
        "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, "
        f"SignedHeaders={names}, Signature={signature}"
    )


class AtThatTime(SigV4Auth):  # type: ignore[misc]  # botocore has no types
    """botocore's, but for the clock."""

    at: datetime

    def _modify_request_before_signing(self, request: AWSRequest) -> None:
        super()._modify_request_before_signing(request)
        time = self.at.strftime(TIME)
        request.context["timestamp"] = time
        request.headers.replace_header("X-Amz-Date", time)


WORDS = st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=60)


@given(
    secret=WORDS,
    token=st.none() | WORDS,
    region=st.none() | st.sampled_from(["eu-central-1", "cn-north-1", "us-gov-west-1"]),
    header_value=st.none() | st.lists(WORDS, min_size=1, max_size=3).map("  ".join),
    at=st.datetimes(datetime(2020, 1, 1), datetime(2099, 1, 1)),  # noqa: DTZ001 - made UTC below
)
def test_botocore_signs_the_same(
    secret: str, token: str | None, region: str | None, header_value: str | None, at: datetime
) -> None:
    at = at.replace(tzinfo=UTC)
    credentials = AwsCredentials("AKIDEXAMPLE", Secret(secret), Secret(token) if token else None)
    ours = caller_identity(credentials, region, header_value, at)
    request = AWSRequest("POST", f"https://{host(region)}/", data=CALLER_IDENTITY)
    request.headers["Content-Type"] = ours["Content-Type"]
    if header_value is not None:
        request.headers["X-Vault-AWS-IAM-Server-ID"] = header_value
    auth = AtThatTime(Credentials("AKIDEXAMPLE", secret, token), "sts", region or "us-east-1")
    auth.at = at
    auth.add_auth(request)
    assert ours["Authorization"] == request.headers["Authorization"]


def test_hosts_are_those_that_botocore_knows() -> None:
    session = get_session()
    resolver = EndpointResolver(session.get_data("endpoints"))
    compared = 0
    for partition in session.get_available_partitions():
        for region in session.get_available_regions("sts", partition, allow_non_regional=False):
            compared += 1
            assert host(region) == resolver.construct_endpoint("sts", region)["hostname"]
    assert compared > 30
    assert host(None) == "sts.amazonaws.com"
