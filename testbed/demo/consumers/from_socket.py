"""An application that asks the agent at every attempt: `from_socket.py SOCKET`."""

import sys

import httpx2
from openai import OpenAI

from testbed.demo.consumers.traffic import send_until_stopped

agent = httpx2.Client(
    transport=httpx2.HTTPTransport(uds=sys.argv[1]),
    base_url="http://freshkey",
    headers={"Accept": "text/plain"},
)


def key() -> str:
    """Return the key that is published now."""
    return agent.get("/v1/keys/demo").raise_for_status().text


send_until_stopped(OpenAI(api_key=key))
