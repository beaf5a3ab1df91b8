"""A machine that has what the agent needs, or does not."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest
from freshkey.preflight.offline.host import host_faults
from freshkey.settings import load

from tests.preflight.offline.checking import faults
from tests.settings.files import NO_VARIABLES, config, written
from tests.support.other_user import as_other_user

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.usefixtures("machine")


def test_a_machine_that_has_all_it_takes(tmp_path: Path) -> None:
    assert faults(tmp_path, key='files = [{path = "keys/billing"}]') == []


def test_secrets_on_a_disk(tmp_path: Path) -> None:
    key = 'files = [{path = "disk/billing"}]'
    state = '[state]\ndirectory = "disk/state"\n'
    message = "is not on tmpfs or ramfs: move it there, or set state.allow_disk = true"
    assert faults(tmp_path, key, state) == [
        f"keys.billing.files[0].path: {message}",
        f"state.directory: {message}",
    ]
    assert faults(tmp_path, key, f"{state}allow_disk = true") == []


def test_a_state_directory_that_can_not_be_made(tmp_path: Path) -> None:
    parent = tmp_path / "shut"
    parent.mkdir()
    text = config(more=f'[state]\ndirectory = "{parent}/state"\n')
    settings = load(written(tmp_path, text), NO_VARIABLES)
    tmp_path.chmod(0o711)
    with as_other_user(parent):
        user, found = os.geteuid(), host_faults(settings)
    (fault,) = found
    assert fault.path == "state.directory"
    # The nearest directory that this user can see; pytest's own may be shut to it.
    assert fault.message.startswith(f"can't be made: user {user} can't write in /")
    assert fault.message.endswith(": correct its owner or mode")
