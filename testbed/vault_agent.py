"""Vault Agent with the template that a user would write for a key in a file."""

from pathlib import Path
from typing import Final

_TEMPLATE: Final = """
vault {{
  address = "{address}"
}}
auto_auth {{
  method "approle" {{
    mount_path = "auth/{mount}"
    config = {{
      role_id_file_path = "{role_id_file}"
      secret_id_file_path = "{secret_id_file}"
      remove_secret_id_file_after_reading = false
    }}
  }}
}}
template {{
  contents = "{{{{ with secret \\"{secret_path}\\" }}}}{{{{ .Data.api_key }}}}{{{{ end }}}}"
  destination = "{destination}"
  perms = "0440"
}}
"""


def configuration(
    *, address: str, mount: str, credentials: Path, secret_path: str, destination: Path
) -> str:
    """Return a configuration, in HCL; `mount` is AppRole's, `credentials` holds both its ids.

    https://developer.hashicorp.com/vault/docs/agent-and-proxy/agent/template
    """
    return _TEMPLATE.format(
        address=address,
        mount=mount,
        role_id_file=credentials / "role_id",
        secret_id_file=credentials / "secret_id",
        secret_path=secret_path,
        destination=destination,
    )
