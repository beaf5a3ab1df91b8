"""Google as an instance and as Vault's gcp plugin see it, stood in for as documented.

One server is the metadata server, IAM, Compute Engine, the token endpoint, and the certificates;
what it signs is signed with a key of its own, whose certificate Vault fetches here.
"""

from __future__ import annotations

import json
import time
from base64 import urlsafe_b64encode
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from tests.vault.login.cloud.standin import Cloud
from tests.vault.servers import answer

if TYPE_CHECKING:
    from tests.vault.servers import Request

PROJECT: Final = "project-1"
ZONE: Final = "europe-west1-b"
ACCOUNT: Final = f"billing@{PROJECT}.iam.gserviceaccount.com"
ACCOUNTS: Final = "/computeMetadata/v1/instance/service-accounts"
_UNIQUE_ID: Final = "100000000000000000001"
_CREATED: Final = datetime(2026, 1, 1, tzinfo=UTC)
_INSTANCE: Final = {
    "project_id": PROJECT,
    "project_number": 42,
    "zone": ZONE,
    "instance_id": "7",
    "instance_name": "vm-7",
    "instance_creation_timestamp": int(_CREATED.timestamp()),
}


class Google(Cloud):
    """`with Google() as google:`; `install` it for the role `billing`."""

    def install(self) -> None:
        """Put every answer in its place."""
        self._key = generate_private_key(public_exponent=65537, key_size=2048)
        flavor = {"Metadata-Flavor": "Google"}
        token = answer(body={"access_token": "ya29.token-of-google", "expires_in": 3600})
        account = {"email": ACCOUNT, "uniqueId": _UNIQUE_ID, "projectId": PROJECT}
        instance = {
            "id": "7",
            "name": "vm-7",
            "status": "RUNNING",
            "creationTimestamp": _CREATED.isoformat(),
            "zone": f"https://www.googleapis.com/compute/v1/projects/{PROJECT}/zones/{ZONE}",
        }
        identity = "identity?audience=http%3A%2F%2Fvault%2Fbilling&format=full"
        query = "alt=json&prettyPrint=false"
        fields = "alt=json&fields=uniqueId%2Cemail&prettyPrint=false"
        self.routes |= {
            f"GET {ACCOUNTS}/default/{identity}": lambda _: answer(
                200, self.identity().encode(), content_type="text/html", headers=flavor
            ),
            f"GET {ACCOUNTS}/default/token": answer(
                body={"access_token": "ya29.token-of-the-instance"}, headers=flavor
            ),
            f"GET {ACCOUNTS}/default/email": answer(200, ACCOUNT.encode(), headers=flavor),
            f"POST /v1/projects/-/serviceAccounts/{ACCOUNT}:signJwt": self._sign,
            "POST /token": token,
            "GET /oauth2/v1/certs": answer(body={"key-1": self._certificate()}),
            f"GET /v1/projects/-/serviceAccounts/{_UNIQUE_ID}?{query}": answer(body=account),
            f"GET /v1/projects/-/serviceAccounts/{_UNIQUE_ID}?{fields}": answer(body=account),
            f"GET /v1/projects/-/serviceAccounts/{ACCOUNT}?{query}": answer(body=account),
            f"GET /projects/{PROJECT}/zones/{ZONE}/instances/vm-7?{query}": answer(body=instance),
        }

    def application_credentials(self) -> str:
        """Return the file by which Vault's plugin is known to Google."""
        form = (Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        return json.dumps(
            {
                "type": "service_account",
                "client_email": f"vault@{PROJECT}.iam.gserviceaccount.com",
                "private_key_id": "key-1",
                "private_key": self._key.private_bytes(*form).decode(),
                "token_uri": f"{self.address}/token",
            }
        )

    def identity(self, **claims: object) -> str:
        """Return an instance's identity token, in the format `full`."""
        usual: dict[str, object] = {
            "iss": "https://accounts.google.com",
            "aud": "http://vault/billing",
            "sub": _UNIQUE_ID,
            "email": ACCOUNT,
            "exp": int(time.time()) + 3600,
            "google": {"compute_engine": _INSTANCE},
        }
        return self.sign(usual | claims)

    def sign(self, claims: dict[str, object]) -> str:
        """Return a JWT."""
        head = {"alg": "RS256", "kid": "key-1", "typ": "JWT"}
        signed = ".".join(_encode(json.dumps(part).encode()) for part in (head, claims))
        return f"{signed}.{_encode(self._key.sign(signed.encode(), PKCS1v15(), SHA256()))}"

    def _sign(self, request: Request) -> bytes:
        if request.headers["authorization"] != "Bearer ya29.token-of-the-instance":
            return answer(401, {"error": {"code": 401, "message": "no such token"}})
        jwt = self.sign(json.loads(json.loads(request.body)["payload"]))
        return answer(body={"keyId": "key-1", "signedJwt": jwt})

    def _certificate(self) -> str:
        name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "google")])
        now = datetime.now(tz=UTC)
        made = x509.CertificateBuilder(
            name, name, self._key.public_key(), 1, now - timedelta(1), now + timedelta(1)
        ).sign(self._key, SHA256())
        return made.public_bytes(Encoding.PEM).decode()


def _encode(content: bytes) -> str:
    return urlsafe_b64encode(content).decode().rstrip("=")
