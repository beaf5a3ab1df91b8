"""Who logs in by another method pays nothing for these."""

import subprocess
import sys


def test_modules_of_clouds_are_imported_by_those_alone_who_use_them() -> None:
    script = "import sys, freshkey.vault.client\nprint(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", script], check=True, capture_output=True, text=True, timeout=60
    )
    imported = done.stdout.split()
    assert "freshkey.vault.login.approle" in imported
    clouds = ("aws", "gcp", "azure", "identity_http")
    assert not {"httpx", *(f"freshkey.vault.login.{name}" for name in clouds)} & {*imported}
