"""The image of this clone, built once for a run, and containers of it."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from testbed.container import Container, ContainerProcess, Identity, Volume
from testbed.debian import UnavailableError
from testbed.image import Config, ImageBuilder
from tests.agent.conftest import engine  # noqa: F401 - a fixture
from tests.agent.harness import Agent, Engine
from tests.support.packages import copy

if TYPE_CHECKING:
    from collections.abc import Iterator

TIME = 1_700_000_000
FS_GROUP = 2000
OWN = Identity(65532, 65532, (FS_GROUP,))
CONFIG = """
[vault]
address = "{address}"
[auth]
mount = "{mount}"
role_id = "{role_id}"
secret_id_file = "/etc/freshkey/secret_id"
[keys.billing]
path = "{path}"
{more}
[keys.billing.verify]
base_url = "{base_url}"
[[keys.billing.files]]
path = "/run/freshkey/keys/billing"
"""


@dataclass(frozen=True)
class Image:
    """An image: its root directory, and what it says of its containers."""

    builder: ImageBuilder
    tree: Path
    root: Path
    config: Config


@pytest.fixture(scope="session")
def image(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Image]:
    try:
        with ImageBuilder() as builder:
            tree = copy(tmp_path_factory.mktemp("image") / "clone")
            builder.build(tree, TIME)
            yield Image(builder, tree, builder.mount(), builder.config())
    except UnavailableError as error:
        pytest.skip(f"no image: {error}")


@dataclass
class Deployment:
    """A container of the image with its two volumes: configuration, and what is on tmpfs."""

    image: Image
    engine: Engine
    directory: Path
    log: Path
    running: list[ContainerProcess] = field(default_factory=list)

    @property
    def etc(self) -> Path:
        return self.directory / "etc"

    @property
    def runtime(self) -> Path:
        return self.directory / "run"

    @property
    def agent(self) -> Agent:
        """The agent as this computer sees it."""
        return Agent(self.runtime)

    @property
    def key_file(self) -> Path:
        return self.runtime / "keys" / "billing"

    def configure(self, **options: str) -> None:
        """Write configuration and credentials, and make the volumes, as Kubernetes does."""
        more = "\n".join(f"{name} = {value}" for name, value in options.items())
        self.etc.mkdir()
        (self.etc / "config.toml").write_text(
            CONFIG.format(
                address=self.engine.vault.address,
                mount=self.engine.mount,
                role_id=self.engine.role_id,
                path=self.engine.path,
                base_url=self.engine.openai.base_url,
                more=more,
            )
        )
        (self.etc / "secret_id").write_text(self.engine.secret_id)
        self.runtime.mkdir()
        self.give_volumes(FS_GROUP)
        self.runtime.chmod(0o2777)

    def give_volumes(self, group: int) -> None:
        """Give the credentials, and the volume, to a group."""
        for file in self.etc.iterdir():
            os.chown(file, 0, group)
            file.chmod(0o440)
        os.chown(self.runtime, 0, group)

    def container(self, identity: Identity = OWN) -> Container:
        volumes = (
            Volume(self.etc, "/etc/freshkey", read_only=True),
            Volume(self.runtime, "/run/freshkey"),
        )
        environment = self.image.config.environment
        return Container(self.image.root, self.log, identity, volumes, environment)

    def start(self, identity: Identity = OWN) -> ContainerProcess:
        process = self.container(identity).start(*self.image.config.command)
        self.running.append(process)
        return process

    def is_healthy(self, identity: Identity = OWN) -> bool:
        """What the image's own health check says."""
        return self.container(identity).run(*self.image.config.health_check).returncode == 0


@pytest.fixture
def deployment(
    image: Image,
    engine: Engine,  # noqa: F811 - the fixture
    tmpfs_path: Path,
    tmp_path: Path,
) -> Iterator[Deployment]:
    made = Deployment(image, engine, tmpfs_path, tmp_path / "log")
    yield made
    for process in made.running:
        process.kill()
