"""`KeyAuth` for httpx2 and what is built on it: the official client, openai >= 3."""

from __future__ import annotations

from freshkey.client.healing import HealingFlows

try:
    import httpx2
except ModuleNotFoundError as error:
    if error.name != "httpx2":
        raise
    raise ImportError(
        "freshkey.client.httpx2 needs httpx2: `pip install httpx2`; for openai before 3, and for "
        "httpx, there is freshkey.client.httpx"
    ) from None


class KeyAuth(HealingFlows[httpx2.Request, httpx2.Response], httpx2.Auth):
    """Puts the key into requests; reports one that is refused, and sends once more with the next.

    With the official client, give the same callable to both:
    `OpenAI(api_key=key, http_client=DefaultHttpx2Client(auth=KeyAuth(key)))`.
    """
