"""A real Kubernetes API server with its etcd: signs and reviews tokens; no node, no controller.

https://kubernetes.io/docs/reference/command-line-tools-reference/kube-apiserver/
"""

import http.client
import os
import secrets
import shutil
import tempfile
import time
from pathlib import Path
from typing import Self

from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from testbed.binaries import ETCD, KUBE_APISERVER, binary
from testbed.kubernetes_api import KubernetesAPI, KubernetesError
from testbed.process import ReservedPort, ServerProcess, StartError

START_TIMEOUT = 60
"""Seconds; usual is three."""

ISSUER = "https://kubernetes.default.svc"
"""Whose tokens these are, and the audience of the API server itself."""


class KubernetesServer(KubernetesAPI):
    """The API server, in a directory of its own that `stop` removes.

    `signing_key` signs the tokens of service accounts. `with KubernetesServer() as kubernetes:`
    starts and stops.
    """

    def __init__(self) -> None:
        self._port, self._etcd_port, self._peer_port = (ReservedPort() for _ in range(3))
        super().__init__(f"https://127.0.0.1:{self._port.number}", secrets.token_hex(16))
        self.signing_key = generate_private_key(public_exponent=65537, key_size=2048)
        self._directory: Path | None = None
        self.processes: list[ServerProcess] = []

    @property
    def directory(self) -> Path:
        """Where its files are while it runs."""
        if self._directory is None:
            raise RuntimeError("Kubernetes is not running")
        return self._directory

    @property
    def ca_file(self) -> Path:
        """What signs its certificate, as PEM."""
        return self.directory / "apiserver.crt"

    def start(self) -> None:
        """Start both and wait until they are ready; StartError when they aren't."""
        commands = {ETCD: binary(ETCD), KUBE_APISERVER: binary(KUBE_APISERVER)}
        self._directory = Path(tempfile.mkdtemp(prefix="freshkey-kubernetes-"))
        try:
            self._write_keys()
            for name, options in ((ETCD, self._etcd()), (KUBE_APISERVER, self._apiserver())):
                arguments = [f"--{option}={value}" for option, value in options.items()]
                log = self._directory / f"{name}.log"
                environment = {"PATH": os.defpath, "HOME": str(self._directory)}
                self.processes.append(
                    ServerProcess([commands[name], *arguments], log=log, environment=environment)
                )
            self._wait_until_ready()
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """End both and remove the directory. May be called twice."""
        while self.processes:  # the API server first: it would complain about a lost etcd
            self.processes.pop().stop()
        for port in (self._port, self._etcd_port, self._peer_port):
            port.close()
        if self._directory is not None:
            shutil.rmtree(self._directory)
            self._directory = None

    def _write_keys(self) -> None:
        pem = self.signing_key.private_bytes(
            Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption()
        )
        (self.directory / "signing.key").write_bytes(pem)
        # In a file, because nothing secret belongs into an argv.
        (self.directory / "tokens").write_text(f"{self.token},admin,admin,system:masters\n")

    def _etcd(self) -> dict[str, str]:
        client = f"http://127.0.0.1:{self._etcd_port.number}"
        peer = f"http://127.0.0.1:{self._peer_port.number}"
        return {
            "data-dir": str(self.directory / "etcd"),
            "listen-client-urls": client,
            "advertise-client-urls": client,
            "listen-peer-urls": peer,
            "initial-advertise-peer-urls": peer,
            "initial-cluster": f"default={peer}",
            "unsafe-no-fsync": "true",
            "log-level": "warn",
        }

    def _apiserver(self) -> dict[str, str]:
        key = str(self.directory / "signing.key")
        return {
            "etcd-servers": f"http://127.0.0.1:{self._etcd_port.number}",
            "bind-address": "127.0.0.1",
            "secure-port": str(self._port.number),
            "cert-dir": str(self.directory),
            "service-account-issuer": ISSUER,
            # By default it is at an address of this machine's that the certificate is not for.
            "service-account-jwks-uri": f"{self.address}/openid/v1/jwks",
            "service-account-key-file": key,
            "service-account-signing-key-file": key,
            "token-auth-file": str(self.directory / "tokens"),
            "authorization-mode": "RBAC",
            "service-cluster-ip-range": "10.0.0.0/24",
            # No controller makes the `default` accounts that it wants for every namespace.
            "disable-admission-plugins": "ServiceAccount",
            "endpoint-reconciler-type": "none",
        }

    def _wait_until_ready(self) -> None:
        deadline = time.monotonic() + START_TIMEOUT
        while not self._ready():
            ended = [process for process in self.processes if not process.running]
            if ended or time.monotonic() > deadline:
                output = (ended or self.processes)[0].tail()
                raise StartError(f"Kubernetes did not start: {output}")
            time.sleep(0.05)

    def _ready(self) -> bool:
        try:
            self.request("GET", "/readyz")
        except (OSError, http.client.HTTPException, KubernetesError):
            return False
        return True

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
