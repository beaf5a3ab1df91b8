"""STS: moto's server, behind a proxy that checks signatures, because moto checks none.

The proxy computes each signature anew with botocore, from what arrives. So a request that Vault
sends on has to be what was signed.
"""

from __future__ import annotations

import os
import re
import sys
import tempfile
import threading
import time
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Final, Self

from botocore.session import get_session

from testbed.process import ReservedPort, ServerProcess, StartError
from tests.logins.cloud.signatures import problem

START_TIMEOUT: Final = 30
ERROR: Final = """<ErrorResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/">
  <Error>
    <Type>Sender</Type>
    <Code>{}</Code>
    <Message>{}</Message>
  </Error>
  <RequestId>1</RequestId>
</ErrorResponse>
"""


class Sts:
    """`with Sts() as sts:`; `secrets` holds the secret of each access key that it knows."""

    def __init__(self) -> None:
        self.secrets: dict[str, str] = {}
        self.hosts: list[str] = []
        self._port = ReservedPort()
        self._directory = tempfile.TemporaryDirectory(prefix="freshkey-moto-")
        self._proxy = _SignatureProxy(self)
        self._thread = threading.Thread(target=self._proxy.serve_forever)

    @property
    def address(self) -> str:
        """The address of the proxy."""
        return f"http://127.0.0.1:{self._proxy.server_address[1]}"

    def __enter__(self) -> Self:
        command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1"]
        self._moto = ServerProcess(
            [*command, "-p", str(self._port.number)],
            log=Path(self._directory.name, "log"),
            environment={"PATH": os.defpath, "HOME": self._directory.name},
        )
        deadline = time.monotonic() + START_TIMEOUT
        while not self._answers():
            if not self._moto.running or time.monotonic() > deadline:
                raise StartError(f"moto did not start: {self._moto.tail()}")
            time.sleep(0.05)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._proxy.shutdown()
        self._thread.join()
        self._proxy.server_close()
        self._moto.stop()
        self._port.close()
        self._directory.cleanup()

    def make_user(self, name: str) -> tuple[str, str]:
        """Make an IAM user; return its access key's id and secret."""
        iam = get_session().create_client(
            "iam",
            "us-east-1",
            endpoint_url=f"http://127.0.0.1:{self._port.number}",
            aws_access_key_id="test",
            aws_secret_access_key="test",
        )
        iam.create_user(UserName=name)
        key = iam.create_access_key(UserName=name)["AccessKey"]
        iam.close()
        self.secrets[key["AccessKeyId"]] = key["SecretAccessKey"]
        return key["AccessKeyId"], key["SecretAccessKey"]

    def ask_moto(self, headers: dict[str, str], body: bytes) -> tuple[int, bytes]:
        connection = HTTPConnection("127.0.0.1", self._port.number, timeout=10)
        try:
            connection.request("POST", "/", body, headers)
            answer = connection.getresponse()
            return answer.status, answer.read()
        finally:
            connection.close()

    def _answers(self) -> bool:
        try:
            self.ask_moto({"Host": "sts.amazonaws.com"}, b"")
        except OSError:
            return False
        return True


class _SignatureProxy(ThreadingHTTPServer):
    def __init__(self, sts: Sts) -> None:
        super().__init__(("127.0.0.1", 0), _SignatureHandler)
        self.sts = sts


class _SignatureHandler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _SignatureProxy

    def do_POST(self) -> None:
        sts = self.server.sts
        body = self.rfile.read(int(self.headers["Content-Length"]))
        sts.hosts.append(self.headers["Host"])
        headers = {name: self.headers[name] for name in ("Host", "Content-Type")}
        if b"Action=AssumeRoleWithWebIdentity" in body:
            headers["Host"] = "sts.amazonaws.com"
            status, content = sts.ask_moto(headers, body)
            text = content.decode()
            sts.secrets[_element(text, "AccessKeyId")] = _element(text, "SecretAccessKey")
        elif refused := problem(sts.secrets, self.headers, self.path, body):
            status, content = 403, ERROR.format(*refused).encode()
        else:
            headers["Authorization"] = self.headers["Authorization"]
            status, content = sts.ask_moto(headers, body)
        self.send_response(status)
        self.send_header("Content-Type", "text/xml")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: Any) -> None:  # noqa: ANN401 - http.server's own signature
        pass


def _element(xml: str, name: str) -> str:
    found = re.search(f"<{name}>([^<]*)</{name}>", xml)
    assert found, xml
    return found[1]
