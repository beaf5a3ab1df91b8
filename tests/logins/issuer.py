"""An issuer of identity tokens, with a key of its own and, if wanted, a URL to have it from."""

from __future__ import annotations

import json
import time
from base64 import urlsafe_b64encode
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import TYPE_CHECKING, Any, Final

from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

if TYPE_CHECKING:
    from collections.abc import Iterator

ISSUER: Final = "https://ci.example"
REPOSITORY: Final = "shop/billing"
SUBJECT: Final = f"repo:{REPOSITORY}:ref:refs/heads/main"
"""As GitHub writes it."""
AUDIENCE: Final = "vault"
LIFE: Final = 600
"""Seconds for which a token is good, unless a test wants another end."""


class Issuer:
    """Signs RS256, as Kubernetes and CI systems do (RFC 7518, section 3.3)."""

    def __init__(self, key: RSAPrivateKey | None = None) -> None:
        self._key = key or generate_private_key(public_exponent=65537, key_size=2048)

    def token(self, **claims: object) -> str:
        """Issue a token; a claim of None is left out."""
        now = int(time.time())
        usual: dict[str, object] = {
            "iss": ISSUER,
            "sub": SUBJECT,
            "repository": REPOSITORY,
            "aud": AUDIENCE,
            "iat": now,
            "exp": now + LIFE,
        }
        payload = {name: value for name, value in (usual | claims).items() if value is not None}
        signed = f"{_base64(_json({'alg': 'RS256', 'kid': 'one'}))}.{_base64(_json(payload))}"
        signature = self._key.sign(signed.encode(), PKCS1v15(), SHA256())
        return f"{signed}.{_base64(signature)}"

    @property
    def public_key(self) -> str:
        """The public key as PEM."""
        public = self._key.public_key()
        return public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()

    @property
    def jwks(self) -> dict[str, Any]:
        """The public key as a JWKS (RFC 7517)."""
        numbers = self._key.public_key().public_numbers()
        key: dict[str, Any] = {"kty": "RSA", "kid": "one", "use": "sig", "alg": "RS256"}
        for name, number in (("n", numbers.n), ("e", numbers.e)):
            key[name] = _base64(number.to_bytes((number.bit_length() + 7) // 8, "big"))
        return {"keys": [key]}

    @contextmanager
    def serve_keys(self) -> Iterator[str]:
        """Serve the public key as a JWKS; yields its URL."""
        answer = _json(self.jwks)

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self.send_response(200)
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            def log_message(self, *_: object) -> None:
                pass

        with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
            thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
            thread.start()
            try:
                yield f"http://127.0.0.1:{server.server_port}/keys"
            finally:
                server.shutdown()
                thread.join()


def _json(value: object) -> bytes:
    return json.dumps(value).encode()


def _base64(data: bytes) -> str:
    return urlsafe_b64encode(data).rstrip(b"=").decode()
