"""What the tests of AWS credentials share."""

from __future__ import annotations

import pytest
from freshkey.core.model.faults import FaultError, FaultKind
from freshkey.core.model.secret import Secret
from freshkey.vault.login.aws_credentials import find_credentials
from freshkey.vault.login.aws_signing import AwsCredentials

FOUND = AwsCredentials("ASIAEXAMPLE", Secret("secret-of-the-role"), Secret("token-of-the-role"))


async def fault_of(region: str | None = None) -> tuple[FaultKind, str]:
    with pytest.raises(FaultError) as caught:
        await find_credentials(region)
    fault = caught.value.fault
    assert "\n" not in fault.message
    return fault.kind, fault.message
