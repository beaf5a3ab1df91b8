"""The image: what is in it, and the agent in containers of it, as strict as engines make them."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import stat
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from testbed.container import Container, Identity, Volume
from testbed.image import BASE
from tests.agent.harness import eventually
from tests.docs.pages import commands
from tests.image.conftest import FS_GROUP, OWN, TIME, Deployment, Image
from tests.support.packages import ROOT, assert_texts
from tools.audit.bill import BILL

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = [pytest.mark.image, pytest.mark.timeout(300)]

MOST_ADDED = 25  # MB; docs/containers.md says 19


def files(root: Path) -> Iterator[tuple[Path, os.stat_result]]:
    """Everything in a root directory."""
    for directory, names, others in os.walk(root):
        for name in (*names, *others):
            path = Path(directory, name)
            yield path.relative_to(root), path.lstat()


def size(root: Path) -> int:
    return sum(status.st_size for _, status in files(root) if stat.S_ISREG(status.st_mode))


def test_it_says_what_engines_need_to_know(image: Image) -> None:
    config = image.config
    assert re.fullmatch(r"[1-9]\d*:[1-9]\d*", config.user), "a number, which Kubernetes can check"
    assert config.stop_signal == "SIGTERM"
    assert config.command == ("freshkey", "run")
    assert config.labels["org.opencontainers.image.title"] == "freshkey"


def test_nothing_in_it_builds_or_installs_or_can_be_changed(image: Image) -> None:
    for path, status in files(image.root):
        program = path.parent.name in {"bin", "sbin"}
        assert not (program and re.fullmatch(r"(pip|gcc|cc|make)[\d.-]*", path.name)), path
        assert path.name not in {"pip", "ensurepip"}, path
        ours = str(path).startswith("opt/freshkey")
        assert not (ours and status.st_uid), path
        assert not (ours and stat.S_ISREG(status.st_mode) and status.st_mode & 0o022), path


def test_it_tells_what_it_consists_of_and_under_which_licences(image: Image) -> None:
    docs = image.root / "usr" / "share" / "doc" / "freshkey"
    assert (docs / BILL.name).read_bytes() == BILL.read_bytes()
    assert (docs / "LICENSE").read_bytes() == (ROOT / "LICENSE").read_bytes()
    assert_texts(docs / "third-party")


def test_it_adds_little_to_its_base(image: Image) -> None:
    added = (size(image.root) - size(BASE.path())) / 1e6
    print(f"added to the base: {added:.1f} MB")
    assert added <= MOST_ADDED


def content(root: Path) -> dict[Path, tuple[int, str]]:
    """Mode and content of everything that is of the image, and no device."""
    found = {}
    for path, status in files(root):
        if stat.S_ISREG(status.st_mode):
            data = sha256((root / path).read_bytes()).hexdigest()
            found[path] = (status.st_mode, data)
        elif stat.S_ISLNK(status.st_mode):
            found[path] = (status.st_mode, str((root / path).readlink()))
    return found


def test_two_builds_hold_the_same(image: Image) -> None:
    """An engine names a container in the configuration of an image, so that their ids differ."""
    image.builder.build(image.tree, TIME)
    again, before = content(image.builder.mount()), content(image.root)
    assert {path for path in again | before if again.get(path) != before.get(path)} == set()


@pytest.mark.parametrize(
    "identity", [OWN, Identity(1_000_650_000, 0, (FS_GROUP,))], ids=["own", "openshift"]
)
def test_it_serves_a_key_and_stops(identity: Identity, deployment: Deployment) -> None:
    """With a read-only root, without HOME, and, on OpenShift, as a user that nobody knows."""
    deployment.configure(on_stop='"revoke"')
    assert not deployment.is_healthy(identity), "there is no agent yet"
    process = deployment.start(identity)
    key = eventually(lambda: deployment.key_file.exists() or None, "a key file")
    assert deployment.engine.works(deployment.key_file.read_text()), key
    assert deployment.is_healthy(identity)
    assert process.end() == 0
    assert deployment.engine.counts()["live"] == 0
    assert not deployment.is_healthy(identity)
    events = [json.loads(line)["event"] for line in deployment.log.read_text().splitlines()]
    assert "key.published" in events


def test_it_is_not_healthy_before_there_is_a_key(deployment: Deployment) -> None:
    deployment.configure()
    deployment.engine.vault.process.freeze()
    try:
        deployment.start()
        eventually(lambda: (deployment.runtime / "freshkey.sock").exists() or None, "its socket")
        assert not deployment.is_healthy()
    finally:
        deployment.engine.vault.process.thaw()
    eventually(lambda: deployment.is_healthy() or None, "health")


def test_a_killed_container_goes_on_with_its_key(deployment: Deployment) -> None:
    """The volume outlives a container: what the kubelet restarts mints nothing."""
    deployment.configure()
    first = deployment.start()
    eventually(lambda: deployment.is_healthy() or None, "health")
    tag = (deployment.agent.key() or {})["tag"]
    first.kill()
    deployment.start()
    assert eventually(deployment.agent.key, "an answer")["tag"] == tag
    assert deployment.engine.counts()["mints"] == 1


def test_other_commands_run_in_it_too(deployment: Deployment) -> None:
    deployment.configure()
    done = deployment.container().run("freshkey", "check")
    assert (done.returncode, done.stdout) == (0, "no fault found\n"), done.stderr
    assert deployment.container().run("freshkey", "version").stdout.startswith("freshkey ")
    assert deployment.container().run("python3", "-m", "pip").returncode != 0
    refused = deployment.container().run("touch", "/opt/freshkey/file")
    assert "Read-only file system" in refused.stderr


def test_the_page_on_kubernetes_prints_the_setup_with_it(image: Image, tmp_path: Path) -> None:
    """As any user: a checkout may be readable for nobody else."""
    words = shlex.split(commands("kubernetes-setup").partition(" >")[0].replace("\\\n", ""))
    (mounted,) = re.findall(r" -v \$PWD/(\S+) ", " ".join(words))
    source, place, mode = mounted.split(":")
    assert (words[:5], mode) == (["docker", "run", "--rm", "--user", "$(id -u)"], "ro")
    named = words.index("registry.example/freshkey:0.1.0")
    directory = shutil.copytree(ROOT / source, tmp_path / "sidecar")
    user = 12345
    for path in (directory, *directory.iterdir()):
        os.chown(path, user, user)
        path.chmod(0o700)
    volume = Volume(directory, place, read_only=True)
    environment = image.config.environment
    container = Container(image.root, tmp_path / "log", Identity(user, 0), (volume,), environment)
    done = container.run(image.config.command[0], *words[named + 1 :])
    assert (done.returncode, done.stderr) == (0, "")
    assert "auth/kubernetes/role/billing " in done.stdout
