from pathlib import Path

import pytest
from freshkey.host.swap import cgroup_v2, swap_devices, swap_in_reach

HEADINGS = "Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority\n"
ONE = HEADINGS + "/dev/dm-1                               partition\t8388604\t\t0\t\t-2\n"
TWO = ONE + "/swap\\040file                           file\t\t1048572\t\t12\t\t-3\n"
HYBRID = "4:memory:/user\n1:name=systemd:/a\n0::/system.slice/freshkey.service\n"


@pytest.mark.parametrize(
    ("table", "devices"),
    [
        ("", ()),
        (HEADINGS, ()),
        (ONE, ("/dev/dm-1",)),
        (TWO, ("/dev/dm-1", "/swap\\040file")),
    ],
)
def test_devices_in_proc_swaps(table: str, devices: tuple[str, ...]) -> None:
    assert swap_devices(table) == devices


@pytest.mark.parametrize(
    ("table", "path"),
    [
        ("0::/\n", "/"),
        (HYBRID, "/system.slice/freshkey.service"),
        ("0::/odd:name\n", "/odd:name"),
        ("10:memory:/only/version/1\n", None),
        ("", None),
    ],
)
def test_cgroup_of_version_2(table: str, path: str | None) -> None:
    assert cgroup_v2(table) == path


@pytest.fixture
def machine(tmp_path: Path) -> Path:
    """A machine with swap, and an agent in /system.slice/freshkey.service."""
    (tmp_path / "swaps").write_text(TWO)
    (tmp_path / "cgroup").write_text(HYBRID)
    (tmp_path / "fs/system.slice/freshkey.service").mkdir(parents=True)
    return tmp_path


def in_reach(machine: Path) -> tuple[str, ...]:
    return swap_in_reach(machine / "swaps", machine / "cgroup", machine / "fs")


def test_swap_that_nothing_forbids(machine: Path) -> None:
    assert in_reach(machine) == ("/dev/dm-1", "/swap\\040file")
    (machine / "fs/system.slice/memory.swap.max").write_text("max\n")
    (machine / "fs/system.slice/freshkey.service/memory.swap.max").write_text("4096\n")
    assert len(in_reach(machine)) == 2


@pytest.mark.parametrize("cgroup", ["system.slice/freshkey.service", "system.slice", "."])
def test_swap_that_a_cgroup_forbids(machine: Path, cgroup: str) -> None:
    (machine / "fs" / cgroup / "memory.swap.max").write_text("0\n")
    assert in_reach(machine) == ()


def test_limit_of_another_cgroup_says_nothing(machine: Path) -> None:
    for other in ("fs/other.slice", "fs/system.slice/freshkey.service/below"):
        (machine / other).mkdir()
        (machine / other / "memory.swap.max").write_text("0\n")
    (machine / "memory.swap.max").write_text("0\n")
    assert len(in_reach(machine)) == 2


def test_container_that_sees_the_end_of_its_path(machine: Path) -> None:
    (machine / "cgroup").write_text("0::/docker/4f1e\n")
    (machine / "fs/memory.swap.max").write_text("0\n")
    assert in_reach(machine) == ()


def test_cgroup_outside_of_what_is_mounted(machine: Path) -> None:
    (machine / "cgroup").write_text("0::/../elsewhere\n")
    (machine / "fs/memory.swap.max").write_text("0\n")
    assert len(in_reach(machine)) == 2


def test_version_1_can_not_forbid(machine: Path) -> None:
    (machine / "cgroup").write_text("4:memory:/\n")
    (machine / "fs/memory.swap.max").write_text("0\n")
    assert len(in_reach(machine)) == 2


def test_no_swap_needs_no_cgroup(machine: Path) -> None:
    (machine / "swaps").write_text(HEADINGS)
    (machine / "cgroup").unlink()
    assert in_reach(machine) == ()


def test_what_a_sandbox_hides_is_not_taken_to_be_away(machine: Path) -> None:
    (machine / "swaps").unlink()
    assert in_reach(machine) == ("swap that can't be seen from here",)
    (machine / "fs/memory.swap.max").write_text("0\n")
    assert in_reach(machine) == ()
