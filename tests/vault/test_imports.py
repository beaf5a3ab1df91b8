"""What is imported with the client of Vault: nothing slow that it may not need."""

from __future__ import annotations

import subprocess
import sys


def test_hvac_is_imported_when_it_is_first_needed() -> None:
    program = """
import sys
import freshkey.vault.client
print({"hvac", "requests", "urllib3"} & set(sys.modules))
"""
    command = [sys.executable, "-c", program]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout == "set()\n"
