"""The testbed's API server leaves nothing behind, and fails in one line."""

from pathlib import Path

import pytest

from testbed import binaries
from testbed.binaries import ETCD, KUBE_APISERVER
from testbed.kubernetes import KubernetesServer
from testbed.kubernetes_api import KubernetesError
from testbed.process import StartError


@pytest.mark.logins
def test_ended_server_leaves_nothing() -> None:
    server = KubernetesServer()
    with server:
        directory, pids = server.directory, [process.pid for process in server.processes]
        arguments = [Path(f"/proc/{pid}/cmdline").read_text() for pid in pids]
        assert [ETCD in line or KUBE_APISERVER in line for line in arguments] == [True, True]
        assert not [line for line in arguments if server.token in line]
        with pytest.raises(KubernetesError, match="HTTP 404"):
            server.issue("default", "nobody")
    assert not directory.exists()
    assert not [pid for pid in pids if Path(f"/proc/{pid}").exists()]
    server.stop()


@pytest.mark.parametrize("broken", [ETCD, KUBE_APISERVER])
def test_server_that_does_not_start(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, broken: str
) -> None:
    for name in (ETCD, KUBE_APISERVER):
        script = tmp_path / name
        script.write_text(
            "#!/bin/sh\n" + ("echo broken; exit 1" if name == broken else "exec sleep 60")
        )
        script.chmod(0o755)
    monkeypatch.setattr(binaries, "BUILT", tmp_path)
    server = KubernetesServer()
    with pytest.raises(StartError, match=r"^Kubernetes did not start: broken$"):
        server.start()
    with pytest.raises(RuntimeError, match="is not running"):
        print(server.directory)
