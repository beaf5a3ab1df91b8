"""The journal's entries: of many keys, only those that changed get a new one."""

from __future__ import annotations

from freshkey.core.model.ledger import Entries, Source
from freshkey.core.model.state import KeyState
from freshkey.core.model.struct import replace

ONE, OTHER = KeyState("one"), KeyState("other")
SOURCE = Source("openai/creds/one", "api_key")


def test_a_key_that_is_the_same_keeps_its_entry() -> None:
    entries = Entries()
    first = entries.of((ONE, OTHER), {"one": SOURCE})
    changed = replace(OTHER, generation=1)
    second = entries.of((ONE, changed), {"one": SOURCE})
    assert second[0] is first[0]
    assert (second[0].source, second[1].generation) == (SOURCE, 1)


def test_another_source_is_another_entry() -> None:
    entries = Entries()
    entries.of((ONE,), {})
    assert entries.of((ONE,), {"one": SOURCE})[0].source == SOURCE


def test_a_key_that_is_gone_leaves_no_entry() -> None:
    entries = Entries()
    entries.of((ONE, OTHER), {})
    assert [entry.name for entry in entries.of((OTHER,), {})] == ["other"]
