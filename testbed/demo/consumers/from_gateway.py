"""An application behind the agent's gateway, which holds no key: `from_gateway.py SOCKET`."""

import sys

import httpx2
from openai import OpenAI

from testbed.demo.consumers.traffic import send_until_stopped

gateway = httpx2.Client(transport=httpx2.HTTPTransport(uds=sys.argv[1]))
send_until_stopped(
    OpenAI(api_key="none", base_url="http://localhost/v1", http_client=gateway, max_retries=0)
)
