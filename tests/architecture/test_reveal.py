"""A secret leaves its type in few places, and each has a reason."""

from pathlib import Path

import freshkey

PACKAGE = Path(freshkey.__file__).parent

REASONS = {
    "exec/agent_stream.py": "the agent is shown the token of a run",
    "exec/key_names.py": "a command is given keys in its environment",
    "gateway/clients.py": "a client's token is compared with the one that it has to send",
    "gateway/exchange.py": "an answer that repeats the key is masked",
    "gateway/headers.py": "OpenAI is sent the key with every request",
    "host/proxies.py": "a proxy is shown the password that it wants",
    "logs/redact.py": "to recognise a secret in text and mask it",
    "openai/exchange.py": "OpenAI is shown the identity token",
    "openai/probe.py": "OpenAI is asked with the key",
    "outputs/codec.py": "the journal keeps secrets for the next start",
    "outputs/formats.py": "a key file is for readers",
    "serve/keys.py": "an answer on the socket is for a reader",
    "vault/transport/adapter.py": "the token goes with every request",
    "vault/login/approle.py": "a login shows Vault the credentials",
    "vault/login/aws_metadata.py": "metadata services are asked with a token",
    "vault/login/aws_signing.py": "a signature is made with the secret key",
    "vault/login/aws_sts.py": "STS is shown a web identity token",
    "vault/login/azure.py": "a login shows Vault the credentials",
    "vault/login/azure_identity.py": "Entra ID and an app's endpoint are shown credentials",
    "vault/login/gcp.py": "a login shows Vault the credentials, and IAM a token",
    "vault/login/claims.py": "a JWT's claims, which are public, are for error lines",
    "vault/login/jwt.py": "a login shows Vault the credentials",
    "vault/login/kubernetes.py": "a login shows Vault the credentials",
    "vault/login/password.py": "a login shows Vault the password",
    "vault/login/wrapping.py": "a wrapping token is looked up by itself",
}


def test_secrets_are_revealed_only_where_they_have_to_leave() -> None:
    files = [path for path in PACKAGE.rglob("*.py") if ".reveal" in path.read_text()]
    assert {str(path.relative_to(PACKAGE)) for path in files} == set(REASONS)
