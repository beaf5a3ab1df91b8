from dataclasses import dataclass

import pytest

from testbed.binaries import OPENAI_PLUGIN, override
from testbed.emulator.process import OpenAIServer
from testbed.emulator.snapshot import GroupState

stand_in_only = pytest.mark.skipif(
    override(OPENAI_PLUGIN) is not None, reason="not in the public engine"
)


@dataclass(frozen=True)
class Engine:
    """One mount of the OpenAI engine, with a project of its own at the emulator."""

    mount: str
    project_id: str
    openai: OpenAIServer

    def counts(self) -> GroupState:
        none = GroupState(live=0, high_water=0, mints=0, deletions=0)
        return self.openai.state()["projects"].get(self.project_id, none)

    def answers(self, endpoint: str) -> dict[str, int]:
        return self.openai.state()["answers"].get(endpoint, {})
