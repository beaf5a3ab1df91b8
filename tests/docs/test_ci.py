"""docs/ci.md from the first step to the last, with an issuer of our own in a platform's place."""

from __future__ import annotations

import os
import re
import shutil
import sys
import sysconfig
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from testbed.emulator.organization import ADMIN_API_KEY
from testbed.vault import VaultServer
from tests.docs.ci_jobs import SHARED, Runner, identity_service
from tests.docs.pages import DOCS, commands, tables
from tests.logins.issuer import REPOSITORY, Issuer
from tests.support.documented import run_commands
from tests.support.fresh_vault import operator_fills_in
from tests.support.packages import copy, make_dist

if TYPE_CHECKING:
    from collections.abc import Iterator

    from testbed.emulator.process import OpenAIServer

pytestmark = [
    pytest.mark.packages,
    pytest.mark.skipif(
        not (shutil.which("curl") and shutil.which("jq")), reason="curl or jq is missing"
    ),
]

# Its key is replaced while it runs. A restart would come 5 s after the start, so it takes longer.
EVALUATE = """
import http.client, os, subprocess, sys, time
print("begins", flush=True)
subprocess.run(
    ["freshkey-venv/bin/freshkey", "rotate", "evaluations", "--config", "freshkey.toml"], check=True
)
time.sleep(6)
connection = http.client.HTTPConnection("127.0.0.1", int(os.environ["OPENAI_PORT"]), timeout=10)
headers = {"Authorization": "Bearer " + os.environ["OPENAI_API_KEY"]}
connection.request("GET", "/v1/models", headers=headers)
print("ends with", connection.getresponse().status)
"""


ENVIRONMENT = {
    "PATH": f"{sys.base_prefix}/bin{os.pathsep}{os.defpath}",
    # What pip would bring from the network is here already.
    "PIP_NO_INDEX": "1",
    "PIP_NO_DEPS": "1",
    "PYTHONPATH": sysconfig.get_path("purelib"),
}


@pytest.fixture(scope="module")
def issuer() -> Issuer:
    return Issuer()


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    tree = copy(tmp_path_factory.mktemp("wheel") / "freshkey")
    (found,) = make_dist(tree, 1_700_000_000).glob("*.whl")
    return found


@pytest.fixture(scope="module")
def checkout(
    openai_server: OpenAIServer,
    wheel: Path,
    issuer: Issuer,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Path]:
    """A repository for which the first three steps were done."""
    directory = tmp_path_factory.mktemp("ci") / "checkout"
    directory.mkdir()
    shutil.copy(wheel, directory)
    (directory / "evaluate.py").write_text(EVALUATE)
    openai_server.reset()
    with VaultServer() as vault, issuer.serve_keys() as url:
        (table,) = tables("ci.md")
        text = table.replace("https://vault.example:8200", vault.address)
        emulator = f'[keys.evaluations.verify]\nbase_url = "{openai_server.base_url}"\n'
        (directory / "freshkey.toml").write_text(text + emulator)
        administrator = Runner(directory, directory, ENVIRONMENT)
        install = commands("ci-install").splitlines()
        assert [line.split()[0] for line in install[:2]] == ["make", "cp"]  # see tests/packaging
        assert administrator.script("\n".join(install[2:])) == 0, administrator.output
        assert administrator.script(commands("ci-setup")) == 0, administrator.output
        run_setup(vault, openai_server, directory, url)
        shutil.rmtree(directory / "freshkey-venv")
        yield directory


@pytest.fixture
def runner(checkout: Path, openai_server: OpenAIServer, tmpfs_path: Path, tmp_path: Path) -> Runner:
    """A runner that has checked the repository out."""
    directory = shutil.copytree(checkout, tmp_path / "checkout")
    config = directory / "freshkey.toml"
    config.write_text(config.read_text().replace(SHARED, f"{tmpfs_path}/freshkey"))
    port = {"OPENAI_PORT": str(openai_server.port)}
    return Runner(directory, tmpfs_path / "freshkey", ENVIRONMENT | port)


def run_setup(vault: VaultServer, openai: OpenAIServer, directory: Path, url: str) -> None:
    """Fill in what the page's table says for GitHub, and run it."""
    page = (DOCS / "ci.md").read_text()
    rows = re.findall(r"^ *\| `(<[A-Z]+>)` \| `([^`]+)`", page, re.MULTILINE)
    known = {**operator_fills_in(openai), **dict(rows), "OWNER/REPOSITORY": REPOSITORY}
    text = (directory / "setup.sh").read_text()
    # An issuer that is asked for its discovery document has to speak https.
    text = text.replace("oidc_discovery_url='<ISSUER>'", f"jwks_url={url}")
    for name, value in known.items():
        text = text.replace(name, value)
    assert "'<" not in text
    run_commands(vault, text, directory, OPENAI_ADMIN_KEY=ADMIN_API_KEY)


def github_token(issuer: Issuer, audience: str, **claims: object) -> str:
    return issuer.token(iss="https://token.actions.githubusercontent.com", aud=audience, **claims)


def test_a_job_at_github(runner: Runner, issuer: Issuer, openai_server: OpenAIServer) -> None:
    with identity_service(partial(github_token, issuer)) as url:
        assert runner.github(url) == 0, runner.output
    assert_one_run_and_nothing_left(runner, openai_server)


def test_a_job_at_gitlab(runner: Runner, issuer: Issuer, openai_server: OpenAIServer) -> None:
    """The same role lets it in: the issuer here signs for both platforms."""
    assert runner.gitlab(partial(github_token, issuer)) == 0, runner.output
    assert_one_run_and_nothing_left(runner, openai_server)


def assert_one_run_and_nothing_left(runner: Runner, openai: OpenAIServer) -> None:
    said = re.findall(r"^(?:begins|ends with \d+)$", runner.output, re.MULTILINE)
    assert said == ["begins", "ends with 200"], runner.output
    assert openai.state()["live"] == []
    assert runner.script(f"test ! -e {SHARED} && test ! -e identity-token") == 0


def test_a_job_elsewhere(runner: Runner, issuer: Issuer, openai_server: OpenAIServer) -> None:
    (runner.directory / "identity-token").write_text(github_token(issuer, "vault"))
    programs = Path(sys.executable).parent
    (runner.directory / "freshkey-venv" / "bin").mkdir(parents=True)
    (runner.directory / "freshkey-venv" / "bin" / "freshkey").symlink_to(programs / "freshkey")
    path = f"{programs}{os.pathsep}{os.defpath}"
    assert runner.script(commands("ci"), {"PATH": path}) == 0, runner.output
    assert "ends with 200" in runner.output
    assert openai_server.state()["live"] == []


@pytest.mark.parametrize(
    ("claims", "told"),
    [
        ({"repository": "shop/else"}, "set the role's bound_claims to what the token claims"),
        ({"iss": "https://else.example"}, "set bound_issuer in the mount's config"),
        (None, ""),
    ],
    ids=["another repository", "another issuer", "no token"],
)
def test_a_job_that_may_not_log_in_ends_at_once(
    runner: Runner, issuer: Issuer, claims: dict[str, object] | None, told: str
) -> None:
    def token(audience: str) -> str | None:
        usual = {"iss": "https://token.actions.githubusercontent.com", "aud": audience}
        return None if claims is None else issuer.token(**(usual | claims))

    with identity_service(token) as url:
        assert runner.github(url) != 0
    assert told in runner.output
    assert ("✗" in runner.output) == (claims is not None), "without a token nobody asks Vault"
    assert "begins" not in runner.output
    assert runner.script(f"test ! -e {SHARED} && test ! -e identity-token") == 0


def test_a_job_without_the_permission_ends_at_once(runner: Runner) -> None:
    """GitHub gives no URL then."""
    assert runner.github("") != 0
    assert "curl: " in runner.output
    assert "✗" not in runner.output
