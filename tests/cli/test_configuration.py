from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from freshkey.cli import configuration
from freshkey.settings import Settings, SettingsError

if TYPE_CHECKING:
    from freshkey.settings import SettingsFault

CONFIG = Path("configs/freshkey.toml")


def test_a_machine_that_can_not_be_looked_at_is_one_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    """Such as by an agent that has no descriptor left when it is to reload."""

    def fail(_: Settings) -> tuple[SettingsFault, ...]:
        raise OSError(24, "Too many open files", "/proc/self/status")

    monkeypatch.setattr(configuration, "host_faults", fail)
    with pytest.raises(SettingsError) as told:
        configuration.fitting_settings(CONFIG)
    (fault,) = told.value.faults
    assert "Too many open files: '/proc/self/status': try again" in str(fault)
