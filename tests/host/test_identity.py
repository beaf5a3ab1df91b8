from pathlib import Path

import pytest
from freshkey.host.identity import boot_id, machine_id


def test_a_boot_has_an_id_that_stays() -> None:
    first = boot_id()
    assert first is not None
    assert first == boot_id()
    assert len(first) == 32


def test_a_machine_id_is_read(tmp_path: Path) -> None:
    path = tmp_path / "machine-id"
    path.write_text("3d1219c7c4c5404aaa1f6d2a48adfda4\n")
    assert machine_id(path) == "3d1219c7c4c5404aaa1f6d2a48adfda4"


@pytest.mark.parametrize("content", [b"", b"\n", b"uninitialized\n", b"3d1219\n", b"\xff" * 32])
def test_one_that_is_not_set_is_none(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "machine-id"
    path.write_bytes(content)
    assert machine_id(path) is None


def test_a_missing_one_is_none(tmp_path: Path) -> None:
    assert machine_id(tmp_path / "missing") is None
    assert boot_id(tmp_path / "missing") is None


def test_the_boot_id_that_a_unit_passes_counts_where_proc_hides_it(tmp_path: Path) -> None:
    digits = "0123456789abcdef" * 2
    passed = {"FRESHKEY_BOOT_ID": f"{digits[:8]}-{digits[8:]}"}
    assert boot_id(tmp_path / "missing", passed) == digits
    assert boot_id(environ=passed) == boot_id(environ={})
    assert boot_id(tmp_path / "missing", {"FRESHKEY_BOOT_ID": "%b"}) is None
