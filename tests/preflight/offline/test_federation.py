"""What `init` wrote in place of OpenAI's id, and nobody has replaced."""

from __future__ import annotations

from typing import TYPE_CHECKING

from freshkey.preflight.offline.federation import federation_findings
from freshkey.settings import load

if TYPE_CHECKING:
    from pathlib import Path

CONFIGURATION = """
[keys.billing]
source = "federation"
[keys.billing.federation]
identity_provider_id = "{provider}"
service_account_id = "svc_acct_1"
subject = "file"
subject_token_file = "token"
"""


def test_the_id_of_the_provider(tmp_path: Path) -> None:
    config = tmp_path / "config.toml"
    for provider, number in (("IDENTITY_PROVIDER_ID", 1), ("idp_1", 0)):
        config.write_text(CONFIGURATION.format(provider=provider))
        config.chmod(0o600)
        assert len([*federation_findings(load(config, {}))]) == number
