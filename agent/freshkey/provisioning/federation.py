"""The commands of `freshkey policy --setup` for keys that are exchanged at OpenAI.

Sources: https://developer.hashicorp.com/vault/api-docs/secret/identity/tokens, and the types of
openai-python under `openai/types/admin/organization/workload_identity_provider*`.
"""

from __future__ import annotations

from shlex import quote
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from freshkey.core.model.policy import Subject
from freshkey.core.model.text import one_line
from freshkey.settings.auth import (
    AppRoleAuth,
    CertAuth,
    JwtAuth,
    KubernetesAuth,
    LdapAuth,
    TokenAuth,
    UserpassAuth,
)
from freshkey.settings.file_names import path_text
from freshkey.settings.keys import VerifySettings
from freshkey.settings.urls import is_loopback

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from freshkey.settings.auth import AuthSettings
    from freshkey.settings.keys import FederationSettings, KeySettings
    from freshkey.settings.model import Settings

AUDIENCE: Final = "https://api.openai.com/v1"
"""For whom identity tokens are issued, as OpenAI's own guides have it."""

_PROVIDERS: Final = "organization/workload_identity_providers"
_DISCOVERY: Final = '"$VAULT_ADDR/v1/identity/oidc/.well-known/openid-configuration"'
_OF_VAULT: Final = (
    '${VAULT_CACERT:+--cacert "$VAULT_CACERT"} '
    '${VAULT_NAMESPACE:+-H "X-Vault-Namespace: $VAULT_NAMESPACE"}'
)


def vault_commands(settings: Settings, name: str) -> Iterator[str]:
    """Have Vault sign identity tokens for whoever logs in as the agent, called `name`."""
    roles = {
        key.federation.vault_oidc_role: place
        for place, key in _federated(settings).items()
        if key.federation is not None and key.subject is Subject.VAULT
    }
    if not roles or settings.auth is None:
        return
    yield ""
    yield "# Identity tokens: Vault signs them for the agent, and OpenAI exchanges them. An access"
    yield "# token ends with the identity token that it was given for, so a ttl of 1h suits both."
    yield f"vault write identity/oidc/key/{name} allowed_client_ids={AUDIENCE} \\"
    yield "    rotation_period=24h verification_ttl=24h"
    for role in roles:
        path = quote(f"identity/oidc/role/{role}")
        yield f"vault write {path} key={name} client_id={AUDIENCE} ttl=1h"
    yield from _entity(settings.auth, name)


def openai_commands(settings: Settings) -> Iterator[str]:
    """Have OpenAI trust the issuer, and let its tokens act as the service accounts."""
    federated = _federated(settings)
    if not federated:
        return
    providers: dict[tuple[str, Subject], dict[str, KeySettings]] = {}
    for name, key in federated.items():
        if key.federation is not None:
            whose = key.federation.identity_provider_id, key.federation.subject
            providers.setdefault(whose, {})[name] = key
    yield ""
    yield "# OpenAI's side, by its admin API. The admin key goes through a pipe: in a command's"
    yield "# arguments every user could read it."
    yield "openai() {"
    yield "    printf 'Authorization: Bearer %s\\n' \"$OPENAI_ADMIN_KEY\" |"
    yield "        curl -sS --fail-with-body -H @- -H 'Content-Type: application/json' \"$@\""
    yield "}"
    for (_, subject), keys in providers.items():
        yield from _provider(subject, keys)


def _federated(settings: Settings) -> dict[str, KeySettings]:
    return {name: key for name, key in settings.keys.items() if key.subject is not None}


def _entity(auth: AuthSettings, name: str) -> Iterator[str]:
    """Give the agent a known entity: its id is the subject of its identity tokens."""
    if isinstance(auth, TokenAuth):
        yield "# A token that is made by hand belongs to no entity, and Vault vouches for nobody:"
        yield "echo 'log in by another method than token, such as approle' >&2; exit 1"
        return
    at = quote(f"auth/{auth.mount}")
    yield "# The agent's entity, whose id is the subject of its identity tokens."
    yield f"vault write -force identity/entity/name/{name}"
    yield f'entity="$(vault read -field=id identity/entity/name/{name})"'
    yield f'accessor="$(vault read -field=accessor sys/{at})"'
    yield f"alias={_alias(auth, at, name)}"
    yield 'vault write identity/entity-alias name="$alias" canonical_id="$entity" \\'
    yield '    mount_accessor="$accessor"'


def _alias(auth: AuthSettings, at: str, name: str) -> str:
    """Return how the method names the agent, as a word of a shell."""
    match auth:
        case AppRoleAuth():
            return f'"$(vault read -field=role_id {at}/role/{name}/role-id)"'
        case UserpassAuth() | LdapAuth():
            return quote(auth.username)
        case CertAuth():
            return "'<AGENT_NAME>'"
        case JwtAuth():
            return "'<SUBJECT>'"
        case KubernetesAuth():
            return "'<UID_OF_THE_SERVICE_ACCOUNT>'"
        case _:
            return "'<ALIAS_AS_THE_METHOD_NAMES_IT>'"


def _provider(subject: Subject, keys: Mapping[str, KeySettings]) -> Iterator[str]:
    first = next(iter(keys.values()))
    url = _admin_api(first)
    yield ""
    yield f"# The provider of identities, for {', '.join(f'keys.{name}' for name in keys)}."
    if subject is Subject.VAULT:
        yield "# OpenAI asks Vault for its public keys, which needs no login, over https. Where it"
        yield "# can't, upload them, and again after each rotation of the key:"
        yield "# verification: {type: uploaded_jwks, jwks: what …/.well-known/keys answers}."
        yield f'answer="$(curl -sSf {_OF_VAULT} \\'
        yield f'    {_DISCOVERY})"'
        yield f'issuer="$({_field("issuer")})"'
        yield f"audience={AUDIENCE}"
        yield 'subject="$entity"'
    else:
        for federation in {_file_of(key.federation): None for key in keys.values()}:
            yield f"# The claims of the token in {federation}:"
        yield "issuer='<ISSUER>'"
        yield "audience='<AUDIENCE>'"
        yield "subject='<SUBJECT>'"
    yield 'case "$project$issuer$audience$subject" in'
    yield "*\\<*) echo 'fill in what stands in <…>, here and above' >&2; exit 1 ;;"
    yield "esac"
    yield f"providers={url}"
    yield 'answer="$(openai "$providers" -d "{\\"type\\": \\"oidc\\", \\"name\\": \\"freshkey\\",'
    yield '    \\"issuer\\": \\"$issuer\\", \\"audience\\": \\"$audience\\",'
    yield '    \\"verification\\": {\\"type\\": \\"discovery\\", \\"discovery_url\\": null}}")"'
    yield f'provider="$({_field("id")})"'
    for key in keys.values():
        if key.federation is not None:
            yield from _rule(key.federation)
    tables = ", ".join(f"keys.{name}.federation" for name in keys)
    yield f'echo "identity_provider_id = \\"$provider\\" goes into {tables}"'


def _rule(federation: FederationSettings) -> Iterator[str]:
    account = federation.service_account_id
    shown = account if account.replace("_", "").replace("-", "").isalnum() else "<SERVICE_ACCOUNT>"
    yield "# The service account is there already: the agent acts as it, and needs no key of it."
    yield f"account='{shown}'"
    yield 'openai "$providers/$provider/federation_rules" -d "{\\"project_id\\": \\"$project\\",'
    yield '    \\"service_account_id\\": \\"$account\\",'
    yield '    \\"attribute_matchers\\": {\\"sub\\": \\"$subject\\"}}" > /dev/null'


def _field(name: str) -> str:
    """Return a command that takes a text out of the JSON in $answer."""
    found = f's/.*"{name}": *"\\([^"]*\\)".*/\\1/'
    return f"printf %s \"$answer\" | tr -d '\\n' | sed '{found}'"


def _admin_api(key: KeySettings) -> str:
    """Return where providers are made; an emulator on this machine is asked, no gateway."""
    base = key.verify.base_url
    near = is_loopback(urlsplit(base).hostname or "")
    return f"{base if near else VerifySettings().base_url}/{_PROVIDERS}"


def _file_of(federation: FederationSettings | None) -> str:
    file = None if federation is None else federation.subject_token_file
    return "" if file is None else quote(one_line(path_text(file)))
