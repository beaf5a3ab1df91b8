"""The agent's report beside OpenAI's own record of the same time."""

import json
import subprocess
import sys
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from testbed.demo.errors import DemoError
from testbed.emulator.process import OpenAIServer

ENDS_WITHIN: Final = 10
"""Seconds between the ends of a key in the report and at OpenAI, at most.

The agent learns within 5 s that a key was taken away behind its back, and Vault deletes a key whose
lease has ended when it runs again: the story stops it for 4 s beyond that.
"""


@dataclass(frozen=True)
class Comparison:
    """How many keys there were, how far their ends lie apart at most, and what does not fit."""

    keys: int
    furthest: float
    faults: tuple[str, ...]

    @property
    def summary(self) -> str:
        """Say it in a line."""
        return (
            f"report: {self.keys} keys, as many as OpenAI made; their ends are at most "
            f"{self.furthest:.0f} s from OpenAI's"
        )


def report(audit_file: Path) -> list[dict[str, Any]]:
    """Return the keys that `freshkey report` finds; DemoError when it fails."""
    program = Path(sys.executable).with_name("freshkey")
    command: list[str | Path] = [program, "report", "--format", "json", audit_file]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise DemoError(f"freshkey report: {done.stderr.strip()}")
    keys: list[dict[str, Any]] = json.loads(done.stdout)["keys"]
    return keys


def compare(
    keys: Iterable[Mapping[str, Any]], openai: OpenAIServer, made_by_hand: Collection[str] = ()
) -> Comparison:
    """Compare the keys of a report with those that OpenAI made and ended.

    Keys that people made are none of the agent's; access tokens have no id.
    """
    made = openai.audited("api_key.created")
    created = {id_: at for id_, at in made.items() if id_ not in made_by_hand}
    deleted = openai.audited("api_key.deleted")
    reported = {key["api_key_id"]: key for key in keys if key["api_key_id"]}
    faults = [f"report: {id_} was made, and is missing" for id_ in created.keys() - reported.keys()]
    faults += [f"report: {id_} was never made" for id_ in reported.keys() - created.keys()]
    furthest = 0.0
    for id_ in created.keys() & reported.keys():
        ended = reported[id_]["ended"]
        if (ended is None) != (id_ not in deleted):
            faults.append(f"report: {id_} is {reported[id_]['how']}, and at OpenAI it is not")
        elif ended is not None:
            apart = abs(datetime.fromisoformat(ended).timestamp() - deleted[id_])
            furthest = max(furthest, apart)
            if apart > ENDS_WITHIN:
                faults.append(f"report: {id_} ended {apart:.0f} s from its end at OpenAI")
    return Comparison(len(reported), furthest, tuple(faults))
