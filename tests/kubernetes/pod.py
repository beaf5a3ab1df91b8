"""A pod without a kubelet: its containers started here by the very spec of a manifest.

Each has a root of its own, read-only, its users, processes, and mounts; they share the pod's
volumes. The network is this computer's. User ids are the same inside and outside, unless the spec
says `hostUsers: false`.
"""

from __future__ import annotations

import http.client
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from testbed.container import Container, ContainerProcess, Identity, Ids, Volume
from tests.agent.harness import eventually
from tests.image.conftest import Image
from tests.kubernetes.manifests import Object

OWN_USERS = Ids(first=100_000, count=65_536)
"""As many as the kubelet gives: kubernetes.io/docs/concepts/workloads/pods/user-namespaces."""
_ROTATE = r"""
import socket, sys, tomllib
with open("/etc/freshkey/config.toml", "rb") as config:
    server = tomllib.load(config).get("server", {})
with socket.socket(socket.AF_UNIX) as agent:
    agent.connect(server.get("socket", "/run/freshkey/freshkey.sock"))
    agent.sendall(b"POST /v1/keys/billing/rotate HTTP/1.1\r\nHost: localhost\r\n"
                  b"Connection: close\r\nContent-Length: 2\r\n\r\n{}")
    print(agent.makefile().readline())
"""


@dataclass
class Pod:
    """`config` is what the config map holds, `token` what the API server has issued."""

    spec: Object
    image: Image
    directory: Path
    logs: Path
    config: str
    token: str
    port: int
    variables: dict[str, str] = field(default_factory=dict)
    node: Path | None = None
    processes: dict[str, ContainerProcess] = field(default_factory=dict)

    def __post_init__(self) -> None:
        context = self.spec.get("securityContext", {})
        self.group = context.get("fsGroup")
        self.ids = Ids() if self.spec.get("hostUsers", True) else OWN_USERS
        self.volumes = {each["name"]: self._volume(each) for each in self.spec["volumes"]}

    def start(self) -> None:
        """Start what the kubelet would: init containers in turn, then all others."""
        for container in self.spec.get("initContainers", ()):
            if container.get("restartPolicy") == "Always":
                self.start_container(container)
                self.wait_for(container["startupProbe"], container["name"])
            else:
                done = self._container(container).run(*self._command(container))
                assert done.returncode == 0, done.stderr
        for container in self.spec["containers"]:
            self.start_container(container)

    def start_container(self, container: Object) -> None:
        process = self._container(container).start(*self._command(container))
        self.processes[container["name"]] = process

    def rotate(self) -> None:
        """Have the key replaced, as the agent's user, who may do so even where `allow` is."""
        containers = (*self.spec.get("initContainers", ()), *self.spec["containers"])
        agent = next(each for each in containers if each["name"].startswith("freshkey"))
        done = self._container(agent).run("python3", "-c", _ROTATE)
        assert " 202 " in done.stdout, done

    def wait_for(self, probe: Object, name: str) -> None:
        """Ask as the kubelet does until the answer is good."""
        eventually(lambda: self.probe(probe, name) or None, f"{name}: {probe['httpGet']['path']}")

    def probe(self, probe: Object, name: str) -> bool:
        assert self.processes[name].running, self.processes[name].tail()
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=5)
        try:
            connection.request("GET", probe["httpGet"]["path"])
            return connection.getresponse().status < 400
        except OSError:
            return False
        finally:
            connection.close()

    def stop(self) -> None:
        """End the application, then the sidecars, within the grace period."""
        for name in reversed(self.processes):
            process = self.processes[name]
            assert process.end(seconds=self.spec["terminationGracePeriodSeconds"]) == 0

    def close(self) -> None:
        for process in self.processes.values():
            process.kill()

    def namespaces(self, kind: str) -> list[str]:
        """What each running container has of a kind; see namespaces(7)."""
        pids = [process.pid_here for process in self.processes.values()]
        return [str(Path(f"/proc/{pid}/ns/{kind}").readlink()) for pid in pids]

    def log(self, name: str) -> str:
        return (self.logs / name).read_text()

    def _volume(self, volume: Object) -> Path:
        if "hostPath" in volume or "persistentVolumeClaim" in volume:
            assert self.node is not None
            return self.node if "hostPath" in volume else self.node / "socket"
        place = self.directory / str(volume["name"])
        place.mkdir()
        match volume:
            case {"emptyDir": {"medium": "Memory"}}:
                place.chmod(0o777)
            case {"configMap": _}:
                (place / "config.toml").write_text(self.config)
            case {"projected": {"sources": [{"serviceAccountToken": token}]}}:
                (place / token["path"]).write_text(self.token)
        for path in (place, *place.iterdir()):
            if self.group is not None:  # as the kubelet does
                os.chown(path, self.ids.first, self.ids.first + self.group)
                path.chmod(0o2777 if path.is_dir() and "emptyDir" in volume else 0o755)
            if path.is_file():
                path.chmod(0o640 if self.group is not None else 0o644)
        return place

    def _container(self, container: Object) -> Container:
        context = {**self.spec.get("securityContext", {}), **container["securityContext"]}
        assert context["readOnlyRootFilesystem"]
        groups = () if self.group is None else (self.group,)
        named = {each["name"]: each["value"] for each in container.get("env", ())}
        return Container(
            self.image.root,
            self.logs / container["name"],
            Identity(context["runAsUser"], context["runAsGroup"], groups),
            tuple(self._mount(each) for each in container["volumeMounts"]),
            {**self.image.config.environment, **named, **self.variables},
            self.ids,
        )

    def _mount(self, mount: Object) -> Volume:
        source = self.volumes[mount["name"]]
        return Volume(source, mount["mountPath"], mount.get("readOnly", False))

    def _command(self, container: Object) -> tuple[str, ...]:
        entrypoint, *arguments = self.image.config.command
        command: list[Any] = container.get("command") or [entrypoint]
        given = container.get("args") or ([] if container.get("command") else arguments)
        # The application's pauses are for people.
        return tuple(
            part.replace("time.sleep(10)", "time.sleep(0.05)") for part in (*command, *given)
        )
