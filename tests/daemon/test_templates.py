"""Files that show several keys: written when any of them changes, gone when one of them is."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from freshkey.core.model.actions import Publish, Withdraw
from freshkey.core.model.secret import Secret
from freshkey.core.model.view import Publication
from freshkey.daemon.publisher import Publisher
from freshkey.host.clock import WallClock
from freshkey.settings import load

from tests.settings.files import NO_VARIABLES, config, written

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

KEYS = """
[[keys.billing.files]]
path = "keys/both"
format = "template"
template = "{{ key }} {{ keys.search.key }} {{ keys.search.generation }}"
[[keys.billing.files]]
path = "keys/billing"
[keys.search]
path = "openai/creds/search"
[[keys.search.files]]
path = "keys/search"
[keys.third]
path = "openai/creds/third"
[[keys.third.files]]
path = "keys/all"
format = "template"
template = "{% for name in keys %}{{ name }}={{ keys[name].key }} {% endfor %}until {{ not_after }}"
[state]
allow_disk = true
"""
MISSING = "keys.search has no key yet: wait until it has"


def publish(name: str, generation: int = 1) -> Publish:
    return Publish(name, Publication(generation, Secret(f"sk-{name}-{generation}"), 0.0))


@pytest.fixture
def publisher(tmp_path: Path) -> Publisher:
    settings = load(written(tmp_path, config(more=KEYS)), NO_VARIABLES)
    return Publisher(settings, WallClock(wall=lambda: 0.0, boot=lambda: 0.0))


@pytest.fixture
def content(tmp_path: Path) -> Callable[[str], str | None]:
    """What a file holds, or None when it is not there."""

    def read(name: str) -> str | None:
        path = tmp_path / "keys" / name
        return path.read_text() if path.exists() else None

    return read


def test_a_file_waits_for_the_keys_that_it_uses(
    tmp_path: Path, publisher: Publisher, content: Callable[[str], str | None]
) -> None:
    (fault,) = publisher.perform(publish("billing")).faults
    assert fault.message == f"{tmp_path}/keys/both: {MISSING}"
    assert content("both") is None
    assert content("billing") == "sk-billing-1", "the others are not held back"
    assert publisher.perform(publish("search")).faults == (), "of keys/all it is no fault"
    assert content("both") == "sk-billing-1 sk-search-1 1"
    assert [ok for _, ok, _ in publisher.files("billing")] == [True, True]
    assert publisher.perform(publish("billing", 2)).faults == ()
    assert content("both") == "sk-billing-2 sk-search-1 1"


def test_a_file_is_written_when_any_of_its_keys_changes(
    publisher: Publisher, content: Callable[[str], str | None]
) -> None:
    for name in ("third", "search", "billing"):
        publisher.perform(publish(name))
    end = "until 1970-01-01T00:00:00Z"
    assert content("all") == f"billing=sk-billing-1 search=sk-search-1 third=sk-third-1 {end}"
    publisher.perform(publish("search", 2))
    assert content("both") == "sk-billing-1 sk-search-2 2"
    assert content("all") == f"billing=sk-billing-1 search=sk-search-2 third=sk-third-1 {end}"


def test_a_file_goes_with_any_of_its_keys(
    tmp_path: Path, publisher: Publisher, content: Callable[[str], str | None]
) -> None:
    for name in ("search", "billing"):
        publisher.perform(publish(name))
    publisher.perform(Withdraw("search"))
    assert (content("both"), content("search")) == (None, None)
    assert content("billing") == "sk-billing-1"
    assert publisher.files("billing") == [
        (tmp_path / "keys/both", False, MISSING),
        (tmp_path / "keys/billing", True, None),
    ]
    (fault,) = publisher.perform(publish("billing", 2)).faults
    assert fault.message.endswith(MISSING)
    assert content("both") is None
    publisher.perform(Withdraw("billing"))
    publisher.perform(publish("search", 2))
    assert content("both") is None, "its own key is withdrawn"
    publisher.perform(publish("billing", 3))
    assert content("both") == "sk-billing-3 sk-search-2 2"


def test_the_readers_of_a_file_that_fails_hold_the_old_key(
    tmp_path: Path, publisher: Publisher, content: Callable[[str], str | None]
) -> None:
    """So that the overlap of that key waits for it, as for any other of its files."""
    for name in ("search", "billing"):
        publisher.perform(publish(name))
    both = tmp_path / "keys" / "both"
    both.unlink()
    both.mkdir()
    (fault,) = publisher.perform(publish("search", 2)).faults
    assert fault.message.startswith(f"{both}: ")
    assert content("search") == "sk-search-2"
    both.rmdir()
    assert publisher.perform(publish("search", 2)).faults == ()
    assert content("both") == "sk-billing-1 sk-search-2 2"


def test_what_was_published_before_this_agent_began_is_remembered(
    publisher: Publisher, content: Callable[[str], str | None]
) -> None:
    publisher.remember("search", publish("search").publication)
    publisher.remember("third", None)
    assert publisher.perform(publish("billing")).faults == ()
    assert content("both") == "sk-billing-1 sk-search-1 1"


def test_a_template_that_can_not_be_used(tmp_path: Path) -> None:
    """It was changed since it was checked; the key's other files are written."""
    template = tmp_path / "template"
    more = f"""
        [[keys.billing.files]]
        path = "keys/filled"
        format = "template"
        template_file = "{template}"
        [[keys.billing.files]]
        path = "keys/billing"
        [state]
        allow_disk = true
    """
    settings = load(written(tmp_path, config(more=more)), NO_VARIABLES)
    publisher = Publisher(settings, WallClock())
    where = f"{tmp_path}/keys/filled: its template can't be used: "
    (fault,) = publisher.perform(publish("billing")).faults
    assert fault.message == f"{where}there is no such file: make it, or name another"
    assert (tmp_path / "keys/billing").exists()
    template.write_text("{{ key | json }}\n{{ name < 1 }}")
    template.chmod(0o600)
    (fault,) = publisher.perform(publish("billing")).faults
    assert fault.message.startswith(f"{where}line 2: compares what can't be compared")
    assert "sk-" not in fault.message


def test_a_file_keeps_its_content_while_its_template_fails(tmp_path: Path) -> None:
    more = """
        [[keys.billing.files]]
        path = "keys/include"
        format = "template"
        template = "set {{ key | nginx }};"
        [state]
        allow_disk = true
    """
    settings = load(written(tmp_path, config(more=more)), NO_VARIABLES)
    publisher = Publisher(settings, WallClock())
    publisher.perform(publish("billing"))
    odd = Publication(2, Secret("sk-$odd"), None)
    (fault,) = publisher.perform(Publish("billing", odd)).faults
    assert "rotate the key" in fault.message
    assert (tmp_path / "keys/include").read_text() == 'set "sk-billing-1";'
