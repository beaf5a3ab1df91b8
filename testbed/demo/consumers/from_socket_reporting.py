"""An application that reports a 401 to the agent: `from_socket_reporting.py SOCKET`.

Its key is one that the agent neither checks nor probes: nobody else would notice.
"""

import contextlib
import sys

import httpx2
from openai import OpenAI

from testbed.demo.consumers.traffic import send_until_stopped

PATH = "/v1/keys/unprobed"


class Key:
    """Asks for the key at every attempt, and knows which one was used last."""

    def __init__(self, socket: str) -> None:
        self._tag = ""
        self._agent = httpx2.Client(
            transport=httpx2.HTTPTransport(uds=socket), base_url="http://freshkey"
        )

    def __call__(self) -> str:
        """Return the key that is published now."""
        published_key = self._agent.get(PATH).raise_for_status().json()
        self._tag = published_key["tag"]
        return str(published_key["key"])

    def report(self) -> None:
        """Say that OpenAI refused it; one report that is lost is followed by the next one."""
        with contextlib.suppress(httpx2.HTTPError):
            self._agent.post(f"{PATH}/rejected", json={"tag": self._tag})


key = Key(sys.argv[1])
send_until_stopped(OpenAI(api_key=key), key.report)
