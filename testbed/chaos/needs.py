"""What a scenario needs of this machine."""

import os
import platform
import shutil

from testbed.chaos.scenario import Scenario


def unmet(scenario: Scenario) -> str:
    """Say what is missing, and how to get it; nothing when all is there."""
    lacking: list[str] = []
    for need in scenario.needs:
        if need == "root":
            if os.geteuid():
                lacking.append(need)
        elif need == "x86_64":
            if platform.machine() != need:
                lacking.append(need)
        elif not shutil.which(need):
            lacking.append(f"{need} (apt-get install {need})")
    return " and ".join(lacking)
