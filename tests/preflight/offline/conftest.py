from __future__ import annotations

import pytest
from freshkey.preflight.offline import host as host_check
from freshkey.preflight.offline import owners


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine whose memory is everywhere but below `disk`, and an agent that may chown."""
    monkeypatch.setattr(host_check, "is_memory_backed", lambda path: "disk" not in path.parts)
    monkeypatch.setattr(owners, "can_give_to_user", lambda _: True)
    monkeypatch.setattr(owners, "can_give_to_group", lambda _: True)
