"""Wheel, source archive, and Debian package: the same wherever they are made, and of use."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tarfile
import zipfile
from typing import TYPE_CHECKING

import pytest
from freshkey import __version__

from tests.docs.pages import commands, links
from tests.support.packages import ROOT, assert_texts, copy, make_deb, make_dist
from tools.audit.bill import BILL

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = [pytest.mark.packages, pytest.mark.timeout(300)]

DIST = ROOT / "dist"
TIME = int(os.environ.get("SOURCE_DATE_EPOCH", "0"))
WHEEL = DIST / f"freshkey-{__version__}-py3-none-any.whl"
ARCHIVE = DIST / f"freshkey-{__version__}.tar.gz"


@pytest.fixture(scope="module", autouse=True)
def made() -> None:
    if not (TIME and WHEEL.exists() and ARCHIVE.exists()):
        pytest.fail("`make test-packages` makes what is tested here")


def run(*command: str | Path, **variables: str) -> str:
    """Run a command, which has to succeed; return what it printed."""
    done = subprocess.run(
        command,
        env={**os.environ, **variables},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    return done.stdout


def test_they_are_the_same_wherever_they_are_made(tmp_path: Path) -> None:
    package = make_deb(copy(tmp_path / "elsewhere"), TIME, umask=0o077)
    (here,) = DIST.glob("*.deb")
    for path in (WHEEL, ARCHIVE, here):
        assert (package.parent / path.name).read_bytes() == path.read_bytes(), path.name


def test_a_wheel_of_the_source_archive_is_the_same(tmp_path: Path) -> None:
    with tarfile.open(ARCHIVE) as archive:
        archive.extractall(tmp_path, filter="data")
    again = make_dist(tmp_path / f"freshkey-{__version__}", TIME) / WHEEL.name
    assert again.read_bytes() == WHEEL.read_bytes()


def contents() -> Iterator[tuple[str, bytes]]:
    """Every file of the packages."""
    with zipfile.ZipFile(WHEEL) as wheel:
        for name in wheel.namelist():
            yield name, wheel.read(name)
    with tarfile.open(ARCHIVE) as archive:
        for member in archive.getmembers():
            if (file := archive.extractfile(member)) is not None:
                yield member.name, file.read()
    (package,) = DIST.glob("*.deb")
    unpacked = subprocess.run(
        ["dpkg-deb", "--fsys-tarfile", package], capture_output=True, check=True
    )
    yield package.name, unpacked.stdout


def test_nothing_in_them_is_of_this_machine() -> None:
    for name, content in contents():
        assert sys.prefix.encode() not in content, name
        assert f"file://{ROOT}".encode() not in content, name
        assert re.search(rb"/tmp/tmp\w{8}/", content) is None, name


def test_links_of_the_packaged_docs_lead_somewhere(tmp_path: Path) -> None:
    (package,) = DIST.glob("*.deb")
    run("dpkg-deb", "--extract", package, tmp_path)
    docs = tmp_path / "usr" / "share" / "doc" / "freshkey" / "docs"
    pages = list(docs.rglob("*.md"))
    assert len(pages) > 30
    for page in pages:
        for link in links(page):
            if not re.match(r"[a-z]+:|#", link):
                assert (page.parent / link.partition("#")[0]).exists(), f"{page.name}: {link}"


def test_the_bill_of_materials_lies_beside_them() -> None:
    assert (DIST / BILL.name).read_bytes() == BILL.read_bytes()


def test_the_debian_package_has_the_bill_and_a_licence_text_for_each_library(
    tmp_path: Path,
) -> None:
    (package,) = DIST.glob("*.deb")
    run("dpkg-deb", "--extract", package, tmp_path)
    docs = tmp_path / "usr" / "share" / "doc" / "freshkey"
    assert (docs / BILL.name).read_bytes() == BILL.read_bytes()
    assert_texts(docs / "third-party")


def test_pip_installs_the_wheel(tmp_path: Path) -> None:
    run(sys.executable, "-m", "venv", tmp_path / "venv")
    pip = (tmp_path / "venv" / "bin" / "pip", "install", "--quiet", "--disable-pip-version-check")
    run(*pip, "--require-hashes", "-r", ROOT / "requirements" / "run.txt")
    run(*pip, "--no-deps", WHEEL)
    said = run(tmp_path / "venv" / "bin" / "freshkey", "version")
    assert said.startswith(f"freshkey {__version__}\n")
    assert "is not installed" not in said
    for file in (
        "man/man1/freshkey.1",
        "man/man5/freshkey.toml.5",
        "bash-completion/completions/freshkey",
        "zsh/site-functions/_freshkey",
        "fish/vendor_completions.d/freshkey.fish",
    ):
        assert (tmp_path / "venv" / "share" / file).is_file()


def test_the_wheel_is_installed_as_the_page_on_ci_says(tmp_path: Path) -> None:
    make, _, rest = commands("ci-install").partition("\n")
    assert make == "make -C ../freshkey dist"  # which `make test-packages` has run
    (tmp_path / "repository").mkdir()
    (tmp_path / "freshkey").symlink_to(ROOT)
    said = run("sh", "-euc", f"cd {tmp_path}/repository\n{rest}freshkey-venv/bin/freshkey version")
    assert f"freshkey {__version__}\n" in said
    assert "is not installed" not in said


def test_pipx_installs_the_wheel(tmp_path: Path) -> None:
    places = {
        "PIPX_HOME": f"{tmp_path}/home",
        "PIPX_BIN_DIR": f"{tmp_path}/bin",
        "PIPX_MAN_DIR": f"{tmp_path}/man",
    }
    said = run(sys.executable, "-m", "pipx", "install", f"{WHEEL}", **places)
    assert re.search(r"^ *- freshkey$", said, re.MULTILINE)
    assert run(tmp_path / "bin" / "freshkey", "version").startswith(f"freshkey {__version__}\n")
    assert (tmp_path / "man" / "man1" / "freshkey.1").is_file()


def test_the_wheel_has_no_more_than_the_agent() -> None:
    with zipfile.ZipFile(WHEEL) as wheel:
        tops = {name.partition("/")[0] for name in wheel.namelist()}
    prefix = f"freshkey-{__version__}"
    assert tops == {"freshkey", f"{prefix}.data", f"{prefix}.dist-info"}
