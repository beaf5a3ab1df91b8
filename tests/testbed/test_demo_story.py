"""The story: its chapters, and how they are judged."""

import io
from math import inf

import pytest
from rich.console import Console

from testbed.demo import acts
from testbed.demo.captions import caption, ending, summary
from testbed.demo.chapters import CHAPTERS, Chapter, pick
from testbed.demo.consumers.counts import MissKind
from testbed.demo.judgement import Bound, Excuse, Outcome, Refusal, Told, Verdict, judge
from testbed.demo.place import Place
from testbed.demo.scene import Scene
from testbed.demo.story import tell_story

FILE_REFUSED: frozenset[Excuse] = frozenset({("file", "refused")})
SEVEN = Bound(7)


def told(
    measured: float | None = 5.0,
    fault: str = "",
    *,
    most: Bound = SEVEN,
    began: float = 90.0,
) -> Told:
    """Return the chapter `revoked`, whose event is 10 s after its beginning."""
    faults = (fault,) if fault else ()
    return Told("revoked", most, FILE_REFUSED, began, Outcome(began + 10, measured, faults))


def refusal(at: float, reader: str = "file", kind: MissKind = "refused") -> Refusal:
    return Refusal(at, reader, kind)


def one(chapter: Told, *refusals: Refusal) -> Verdict:
    (verdict,) = judge([chapter], refusals)
    return verdict


@pytest.mark.parametrize(
    ("seen", "excused"),
    [
        (refusal(100.0), True),
        (refusal(107.0), True),
        (refusal(99.9), False),
        (refusal(107.1), False),
        (refusal(103.0, kind="failed"), False),
        (refusal(103.0, reader="socket"), False),
    ],
)
def test_only_what_the_bound_excuses_is_excused(seen: Refusal, *, excused: bool) -> None:
    verdict = one(told(), seen)
    assert verdict.within == ((seen,) if excused else ())
    assert verdict.elsewhere == (() if excused else (seen,))
    assert (verdict.faults == ()) == excused


def test_a_bound_that_is_no_time_excuses_nothing() -> None:
    verdict = one(told(1, most=Bound(3, "/min")), refusal(100.1), refusal(101.0))
    assert len(verdict.elsewhere) == 2


def test_every_refusal_is_in_one_chapter() -> None:
    chapters = [
        told(began=90),
        told(began=110),
        told(began=130),
    ]
    at = [*range(80, 160, 3), 109.9, 110.0]
    verdicts = judge(chapters, [refusal(instant) for instant in at])
    found = [[each.at for each in (*v.within, *v.elsewhere)] for v in verdicts]
    assert sorted(instant for instants in found for instant in instants) == sorted(at)
    for instants, first, last in zip(found, (-inf, 110, 130), (110, 130, inf), strict=True):
        assert all(first <= instant < last for instant in instants)
    assert [len(verdict.within) for verdict in verdicts] == [3, 2, 3]


@pytest.mark.parametrize(
    ("chapter", "measured", "faults"),
    [
        (told(7.0), "7 s", ()),
        (told(7.04), "7 s", ("revoked: 7 s, where 7 s is the bound",)),
        (told(8.25), "8.2 s", ("revoked: 8.2 s, where 7 s is the bound",)),
        (told(None), "never", ("revoked: it never came, where 7 s is the bound",)),
        (told(1.0, "a key was minted"), "1 s", ("revoked: a key was minted",)),
        (told(3, most=Bound(3, "/min")), "3/min", ()),
        (told(4, most=Bound(3, "/min")), "4/min", ("revoked: 4/min, where 3/min is the bound",)),
    ],
)
def test_a_chapter_holds_when_its_bound_does(
    chapter: Told, measured: str, faults: tuple[str, ...]
) -> None:
    verdict = one(chapter)
    assert verdict.measured == measured
    assert verdict.faults == faults


def test_the_first_refusal_elsewhere_is_named() -> None:
    verdict = one(told(), refusal(110.0), refusal(95.5, reader="socket", kind="failed"))
    assert verdict.faults == (
        "revoked: 2 refusals elsewhere, the first one to 'socket' -4.5 s from the event (failed)",
    )


def test_chapters_are_picked_by_name_and_told_in_order() -> None:
    assert [chapter.name for chapter in pick("1")] == list(CHAPTERS)
    assert [chapter.name for chapter in pick("reported,revoked")] == ["revoked", "reported"]
    with pytest.raises(ValueError, match="'' is no chapter"):
        pick("revoked,")


def test_bounds_are_those_that_the_configuration_can_hold() -> None:
    bounds = {name: str(chapter.bound) for name, chapter in CHAPTERS.items()}
    assert bounds == {
        "revoked": "7 s",
        "deleted": "7 s",
        "frozen": "5 s",
        "killed": "3 s",
        "limited": "3/min",
        "reported": "2 s",
    }
    assert not CHAPTERS["limited"].excused
    # The file is there while no agent runs: its reader has no excuse.
    assert not {excuse for excuse in CHAPTERS["killed"].excused if "file" in excuse}


def test_captions_say_what_is_done_and_how_it_came_out() -> None:
    console = Console(file=io.StringIO(), width=200)
    held, missed = judge([told(), told(None, began=110)], [refusal(101), refusal(119)])
    with console.capture() as drawn:
        console.print(caption(CHAPTERS["killed"], 4, 6))
        console.print(ending(held), ending(missed), summary([held, missed]))
    text = drawn.get()
    killed = CHAPTERS["killed"]
    for part in ("4 of 6: kill -9 of the agent", killed.done, killed.feared, killed.promised):
        assert part in text
    assert "held      5 s, where 7 s is the bound; refusals within it: 1, elsewhere: 0" in text
    assert "MISSED    revoked: it never came, where 7 s is the bound" in text
    rows = [row.split() for row in text.splitlines()[-2:]]
    assert rows == [
        ["revoked", "7", "s", "5", "s", "1", "0", "held"],
        ["revoked", "7", "s", "never", "0", "1", "MISSED"],
    ]


def never(scene: Scene, _bound: float) -> Outcome:
    return Outcome(scene.now(), None)


def refuse(scene: Scene, _bound: float) -> Outcome:
    event = scene.now()
    scene.delete_account(scene.in_file())
    return Outcome(event, 0.0)


def chapter(name: str, act: acts.Act) -> Chapter:
    return Chapter(name, name, "", "", "", Bound(0), frozenset(), act)


def test_a_story_fails_with_its_chapters(capsys: pytest.CaptureFixture[str]) -> None:
    with Place() as place:
        assert not tell_story(
            place, lambda: False, [chapter("late", never), chapter("loud", refuse)]
        )
    failed = [line for line in capsys.readouterr().out.splitlines() if line.startswith("FAILED")]
    assert failed[0] == "FAILED: late: it never came, where 0 s is the bound"
    assert failed[1].startswith("FAILED: loud: ")
    assert " refusals elsewhere, the first one to '" in failed[1]
    assert len(failed) == 2
