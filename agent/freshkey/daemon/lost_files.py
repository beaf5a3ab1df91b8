"""Key files that are gone while the journal has their keys: written at once, before slow imports.

Only what is certain is written: keys that this boot's journal has as published, or as about to be,
and that have not ended. All else is the daemon's, which reads the journal again, writes every file,
and tells faults. If it can't start, the files stay, as they do when an agent is killed.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from freshkey.core.keys.adoption import adopt
from freshkey.core.keys.publishing import publication
from freshkey.core.model.faults import FaultError
from freshkey.daemon.file_contents import FileContents
from freshkey.host.clock import WallClock, boot_time
from freshkey.host.identity import boot_id, machine_id
from freshkey.logs.redact import add_secret
from freshkey.outputs.codec import UnreadableError, decode
from freshkey.outputs.files import write_file
from freshkey.outputs.journal import Journal
from freshkey.settings.desired_state import desired_state

if TYPE_CHECKING:
    from freshkey.core.model.ledger import Ledger
    from freshkey.outputs.state_dir import StateDirectory
    from freshkey.settings.keys import FileSettings
    from freshkey.settings.model import Settings


def write_lost_files(settings: Settings, directory: StateDirectory) -> None:
    """Write those files of the configuration that are not there, if the journal has their keys."""
    lost = [
        (name, file) for name, key in settings.keys.items() for file in key.files if _is_lost(file)
    ]
    if not lost or not settings.state.persist or (ledger := _ledger(directory)) is None:
        return
    now = boot_time()
    state = adopt(ledger, desired_state(settings), now).state
    contents = FileContents(settings, WallClock())
    for key in state.keys:
        shown = publication(key, state.tokens)
        if shown is not None and (shown.expires_at is None or shown.expires_at > now):
            add_secret(shown.secret, key.name)
            contents.show(key.name, shown)
    for name, file in lost:
        if contents.is_ready(name, file):
            with suppress(FaultError):  # the daemon meets it again, and tells
                write_file(file, contents.of(name, file), allow_disk=settings.state.allow_disk)


def _is_lost(file: FileSettings) -> bool:
    try:
        return not file.path.exists()
    except OSError:
        return False


def _ledger(directory: StateDirectory) -> Ledger | None:
    """Return what the journal holds, if this boot of this machine wrote it."""
    try:
        content = Journal(directory).read()
        if content is None:
            return None
        header, ledger = decode(content)
    except (FaultError, UnreadableError):
        return None
    here, boot = machine_id(), boot_id()
    is_ours = boot is not None and (header.machine_id, header.boot_id) == (here, boot)
    return ledger if is_ours else None
