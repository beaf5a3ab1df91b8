"""`KeyAuth` for httpx and what is built on it: the official client, openai < 3."""

from __future__ import annotations

from freshkey.client.healing import HealingFlows

try:
    import httpx
except ModuleNotFoundError as error:
    if error.name != "httpx":
        raise
    raise ImportError("freshkey.client.httpx needs httpx: `pip install httpx`") from None


class KeyAuth(HealingFlows[httpx.Request, httpx.Response], httpx.Auth):
    """Puts the key into requests; reports one that is refused, and sends once more with the next.

    With the official client, give the same callable to both:
    `OpenAI(api_key=key, http_client=DefaultHttpxClient(auth=KeyAuth(key)))`.
    """
