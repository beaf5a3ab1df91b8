from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from freshkey.core.model.faults import FaultError
from freshkey.daemon.assembly import Before, ProcessParts, assemble

from tests.daemon.on_disk import settings

if TYPE_CHECKING:
    from pathlib import Path

    from tests.daemon.on_disk import OnDisk


def test_a_journal_that_can_not_be_removed_is_kept_at_a_reload(
    on_disk: OnDisk, tmpfs_path: Path
) -> None:
    """The agent does not end for it, and the journal does not get old."""
    process = ProcessParts.of(on_disk.directory)
    before = Before.of(assemble(settings(tmpfs_path), process))
    process.journal.path.mkdir()
    without = settings(tmpfs_path, persist=False)
    with pytest.raises(FaultError):
        assemble(without, process)  # a start says so, and ends
    kept = assemble(without, process, before=before)
    assert [line["event"] for line in on_disk.told] == ["journal.kept"]
    process.journal.path.rmdir()
    kept.environment.keeper.write_journal(kept.loop.state)
    assert process.journal.path.is_file()
    assemble(without, process, before=before)
    assert not process.journal.path.exists()
