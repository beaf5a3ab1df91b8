"""What a check found out, a line each."""

from __future__ import annotations

from enum import StrEnum

from freshkey.core.model.struct import Struct


class Outcome(StrEnum):
    """How it bears on `run`: not at all, later, or now."""

    FINE = "fine"
    WARNING = "warning"
    FAILURE = "failure"


class Result(Struct, frozen=True):
    """`place` is the option or table that it is about; `message` is a line without secrets."""

    outcome: Outcome
    place: str
    message: str


def fine(place: str, message: str) -> Result:
    """Return what is as it should be."""
    return Result(Outcome.FINE, place, message)


def warning(place: str, message: str) -> Result:
    """Return what will hurt later, or can't be known; the message says what to do."""
    return Result(Outcome.WARNING, place, message)


def failure(place: str, message: str) -> Result:
    """Return what `run` would stumble over; the message says what to do."""
    return Result(Outcome.FAILURE, place, message)
