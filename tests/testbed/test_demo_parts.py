"""The demo's parts: its configuration, its applications, its figures and views."""

import io
import json
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from freshkey.core.model.state import Lease
from freshkey.core.pacing.timing import renewal_time
from freshkey.settings.desired_state import desired_state
from freshkey.settings.loading import load
from openai import OpenAI
from rich.console import Console

from testbed.demo.agent import PublishedKey
from testbed.demo.consumer import FILE, OLD, SOCKET, Consumer, ConsumerKind
from testbed.demo.consumers.counts import Counts
from testbed.demo.environment import BASE_URL, DEMO, STORY, Profile
from testbed.demo.events import EventLog
from testbed.demo.measurements import Measurements, unserved_consumers
from testbed.demo.view import Lines, line, make_view, panel
from testbed.emulator.organization import ADMIN_API_KEY, PROJECT_ID
from testbed.emulator.process import OpenAIServer


def make_measurements(*counts: Counts, published_key: PublishedKey | None = None) -> Measurements:
    kinds = (FILE, SOCKET, OLD)
    return Measurements(
        seconds=61.2,
        published_key=published_key,
        lease=20,
        live_keys=1,
        max_live_keys=2,
        mints=7,
        published=7,
        consumers=tuple(zip(kinds, counts, strict=False)),
        events=("12:00:00 key.published generation=7",),
    )


SHOWN = PublishedKey("7-0123abcd", 13)
ALL = make_measurements(Counts(300), Counts(299), Counts(60, refused=240), published_key=SHOWN)


@pytest.mark.parametrize(
    ("profile", "earliest", "latest"), [(DEMO, 10, 10), (STORY, 30, 60 * 0.67)]
)
def test_configuration_is_whole(
    profile: Profile, earliest: float, latest: float, tmp_path: Path
) -> None:
    copy = tmp_path / profile.configuration.name
    copy.write_text(profile.configuration.read_text())
    copy.chmod(0o600)
    settings = load(copy, {"VAULT_ADDR": "http://127.0.0.1:8200"})
    assert tuple(settings.keys) == profile.keys
    assert {key.verify.base_url for key in settings.keys.values()} == {BASE_URL}
    policy = desired_state(settings).policy.keys["demo"]
    for draw, at in ((1.0, earliest), (0.0, latest)):
        lease = Lease("id", 1, profile.lease, False, 0.0, profile.lease, draw)  # noqa: FBT003 - renewable
        assert renewal_time(lease, policy) == pytest.approx(at)


def test_log_is_read_while_it_grows(tmp_path: Path) -> None:
    path = tmp_path / "agent.log"
    path.touch()
    log = EventLog(path, "demo")
    log.update()
    assert not log.recent
    at = "2030-01-01T10:00:00.5Z"
    of_demo = {"key": "demo", "tag": "1-ab", "lease_id": "a/b", "expires_in": 60}
    published = json.dumps({"timestamp": at, "event": "key.published", **of_demo})
    other = json.dumps({"timestamp": at, "event": "key.published", "key": "other"})
    read = json.dumps({"timestamp": at, "event": "key.read", "tag": "1-ab"})
    with path.open("w") as file:
        file.write(f"{read}\nnot of the log\n{published}\n{other}\n{published[:9]}")
        file.flush()
        log.update()
        assert (log.published, log.lease_id, log.lease) == (1, "a/b", 60)
        assert log.recent[0] == "not of the log"
        assert log.recent[1].endswith(":00:00 key.published tag=1-ab expires_in=60")
        file.write(f"{published[9:]}\n")
    log.update()
    assert log.published == 2
    assert len(log.recent) == 4


@pytest.mark.parametrize(
    ("counts", "kind", "messages"),
    [
        (Counts(9), FILE, []),
        (Counts(9, refused=9), OLD, []),
        (Counts(), FILE, ["the consumer 'file' made no request"]),
        (
            Counts(9, refused=1, failed=2, last_error="no key"),
            SOCKET,
            ["the consumer 'socket' had 1 requests refused and 2 failed, the last one: no key"],
        ),
    ],
)
def test_consumers_that_were_not_served_are_named(
    counts: Counts, kind: ConsumerKind, messages: list[str]
) -> None:
    made = make_measurements()
    assert (
        unserved_consumers(Measurements(**{**vars(made), "consumers": ((kind, counts),)}))
        == messages
    )


def test_line_has_the_figures() -> None:
    assert ALL.rotations == 6
    assert line(ALL) == (
        "   61 s  7-0123abcd expires in 13 s  keys alive 1  file 300/0  socket 299/0  old 60/240"
    )
    assert line(make_measurements(published_key=PublishedKey("1-ab", -3, stale=True))) == (
        "   61 s  1-ab stale, expires in -3 s  keys alive 1  "
    )
    assert (
        line(make_measurements(Counts(1, 2, 3)))
        == "   61 s  no key  keys alive 1  file 1/2 (3 failed)"
    )


def test_panel_has_the_figures() -> None:
    console = Console(file=io.StringIO(), width=100)
    with console.capture() as drawn:
        console.print(panel(ALL, 90))
        console.print(panel(make_measurements(), 90))
    text = drawn.get()
    assert {len(row) for row in text.splitlines()} == {90}
    for part in (
        "key 7-0123abcd  expires in 13 s",
        "alive at OpenAI 1   most at once 2   minted 7   rotations 6",
        "key.published generation=7",
        "1:01   Ctrl-C ends it",
        "the agent has no key",
    ):
        assert part in text
    assert "60      240       0" in text


def test_lines_come_every_few_seconds(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 100.0
    monkeypatch.setattr(time, "monotonic", lambda: now)
    with Lines() as view:
        for now in (100.0, 104.9, 105.1, 106.0):  # noqa: B007 - read by the lambda
            view.show(ALL)
    assert len(capsys.readouterr().out.splitlines()) == 3


def test_a_terminal_gets_the_panel() -> None:
    terminal = Console(file=io.StringIO(), force_terminal=True, width=100)
    with make_view(terminal) as view:
        view.show(ALL)
    assert isinstance(terminal.file, io.StringIO)
    assert "freshkey demo" in terminal.file.getvalue()
    assert isinstance(make_view(Console(file=io.StringIO())), Lines)


@pytest.fixture
def openai() -> Iterator[OpenAIServer]:
    with OpenAIServer() as server:
        yield server


def test_who_read_once_is_refused_when_the_key_goes(openai: OpenAIServer, tmp_path: Path) -> None:
    admin = OpenAI(api_key="", admin_api_key=ADMIN_API_KEY, base_url=openai.base_url)
    accounts = admin.admin.organization.projects.service_accounts
    old, new = (accounts.create(PROJECT_ID, name=name) for name in ("old", "new"))
    assert old.api_key
    assert new.api_key
    key_file = tmp_path / "key"
    key_file.write_text(old.api_key.value)
    with (
        admin,
        Consumer(FILE, key_file, openai.base_url, tmp_path) as fresh,
        Consumer(OLD, key_file, openai.base_url, tmp_path) as once,
    ):
        fresh.first_request(lambda: False)
        once.first_request(lambda: False)
        # A reader sees the old content or the new, never an empty file.
        key_file.with_name("next").write_text(new.api_key.value)
        key_file.with_name("next").replace(key_file)
        time.sleep(0.5)  # as an overlap: for requests that are under way with the old key
        deleted = time.monotonic()
        openai.delete_account(old.id)
        deadline = time.monotonic() + 10
        while not once.counts.refused:
            assert time.monotonic() < deadline
            once.update()
            time.sleep(0.02)
        fresh.stop()
        once.stop()
        assert fresh.counts.refused == fresh.counts.failed == once.counts.failed == 0
        assert once.counts.last_error == "HTTP 401: invalid_api_key"
        assert [failure.kind for failure in once.failures] == ["refused"] * once.counts.refused
        assert all(deleted < failure.at < time.monotonic() for failure in once.failures)
