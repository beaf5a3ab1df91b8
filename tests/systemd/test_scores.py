"""What `systemd-analyze security` says of the unit, as shipped and with each drop-in."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

UNITS = Path(__file__).resolve().parents[2] / "systemd"
PAGE = UNITS.parent / "docs" / "systemd.md"
WORST = {"": 1.2, "peers": 1.7, "owners": 1.8, "hooks": 1.8}

pytestmark = [
    pytest.mark.systemd,
    pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="systemd-analyze is missing"),
]


def score(directory: Path, unit: str, drop_in: str = "") -> float:
    """Score a unit; a drop-in's settings are put at its end, because it is read alone."""
    text = (UNITS / unit).read_text()
    if drop_in:
        added = (UNITS / "drop-ins" / f"{drop_in}.conf").read_text().partition("[Service]\n")[2]
        text = text.replace("[Install]", f"{added}\n[Install]")
    path = directory / unit.replace("@", "")
    path.write_text(text)
    command = ["systemd-analyze", "security", "--offline=true", "--no-pager", str(path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    found = re.search(r"Overall exposure level for [^:]*: ([0-9.]+)", done.stdout)
    assert found is not None, done.stderr
    return float(found[1])


@pytest.mark.parametrize(("drop_in", "worst"), WORST.items())
def test_the_score_is_what_the_page_says(tmp_path: Path, drop_in: str, worst: float) -> None:
    found = score(tmp_path, "freshkey.service", drop_in)
    assert found <= worst
    name = f"drop-ins/{drop_in}.conf" if drop_in else "freshkey.service"
    assert re.search(rf"^\| `{name}` \|.*\| {found} \|$", PAGE.read_text(), re.MULTILINE)


def test_the_template_differs_in_its_names_only() -> None:
    unit = (UNITS / "freshkey.service").read_text().splitlines()
    template = (UNITS / "freshkey@.service").read_text().splitlines()
    changed = [line for line in template if line not in unit and not line.startswith("#")]
    assert changed == [
        "Description=Freshkey, fresh OpenAI keys from Vault, for %i",
        "ExecStart=/opt/freshkey/bin/freshkey run --config /etc/freshkey/%i.toml",
        "RuntimeDirectory=freshkey-%i",
        "LoadCredential=secret_id:/etc/freshkey/%i.secret_id",
    ]
    settings = [line for line in unit if line and not line.startswith("#")]
    assert len(settings) == len([line for line in template if line and not line.startswith("#")])
