"""The commands of `freshkey policy --setup` for each login method.

Sources: the pages of https://developer.hashicorp.com/vault/api-docs/auth, and docs/auth/.
"""

from __future__ import annotations

from shlex import quote
from typing import TYPE_CHECKING, assert_never

from freshkey.core.model.text import one_line
from freshkey.settings.auth import (
    AppRoleAuth,
    AwsAuth,
    AzureAuth,
    CertAuth,
    GcpAuth,
    GcpType,
    JwtAuth,
    KubernetesAuth,
    LdapAuth,
    TokenAuth,
    UserpassAuth,
)
from freshkey.settings.file_names import path_text

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from freshkey.settings.auth import AuthSettings


def login_commands(auth: AuthSettings, policy: str, *, period: str) -> Iterator[str]:
    """Set the method up so that it gives tokens with that policy alone, renewed within `period`.

    A role that the configuration does not name has the policy's name.
    """
    lasting = f"token_no_default_policy=true token_period={period}"
    terms = f"token_policies={policy} {lasting}"
    if isinstance(auth, TokenAuth):
        yield from _token(auth, policy, period)
        return
    yield f"# The login: method {auth.method}. Its tokens last for as long as they are renewed."
    yield "# Leave the next line out if the method is enabled already."
    yield f"vault auth enable -path={quote(auth.mount)} {auth.method}"
    at = quote(f"auth/{auth.mount}")
    match auth:
        case AppRoleAuth():
            yield from _approle(auth, at, policy, terms)
        case KubernetesAuth():
            yield from _kubernetes(auth, at, terms)
        case JwtAuth():
            yield from _jwt(auth, at, policy, terms)
        case CertAuth():
            yield f"vault write {at}/certs/{quote(auth.role or policy)} {terms} \\"
            yield "    certificate='@<CA_CERTIFICATE.pem>' allowed_common_names='<AGENT_NAME>'"
        case UserpassAuth() | LdapAuth():
            yield from _password(auth, at, lasting, policy)
        case AwsAuth():
            yield from _aws(auth, at, terms)
        case GcpAuth():
            yield from _gcp(auth, at, terms)
        case AzureAuth():
            yield f"vault write {at}/config tenant_id='<TENANT_ID>' resource={quote(auth.resource)}"
            yield f"vault write {at}/role/{quote(auth.role)} {terms} \\"
            yield "    bound_subscription_ids='<SUBSCRIPTION_ID>' \\"
            yield "    bound_service_principal_ids='<OBJECT_ID_OF_THE_IDENTITY>'"
        case _:
            assert_never(auth)


def _named(file: Path | None) -> str:
    """Name a file in a comment, which is one line."""
    return "" if file is None else quote(one_line(path_text(file)))


def _token(auth: TokenAuth, policy: str, period: str) -> Iterator[str]:
    yield "# The token: an orphan, and valid for as long as it is renewed."
    yield (
        f"(umask 077; vault token create -orphan -no-default-policy -policy={policy} "
        f"-period={period} -field=token > token)"
    )
    target = "in the variable VAULT_TOKEN"
    if auth.token_file is not None:
        target = f"as {_named(auth.token_file)}"
    yield f"# Give the agent: token, {target}"


def _approle(auth: AppRoleAuth, at: str, role: str, terms: str) -> Iterator[str]:
    yield f"vault write {at}/role/{role} {terms}"
    if auth.role_id is not None:
        yield f"vault write {at}/role/{role}/role-id role_id={quote(auth.role_id)}"
    else:
        yield f"vault read -field=role_id {at}/role/{role}/role-id > role_id"
        yield f"# Give the agent: role_id, as {_named(auth.role_id_file)}"
    wrapped = "-wrap-ttl=5m -field=wrapping_token" if auth.secret_id_wrapped else "-field=secret_id"
    yield f"(umask 077; vault write -force {wrapped} {at}/role/{role}/secret-id > secret_id)"
    when = ", within 5 minutes" if auth.secret_id_wrapped else ""
    yield f"# Give the agent{when}: secret_id, as {_named(auth.secret_id_file)}"


def _password(auth: UserpassAuth | LdapAuth, at: str, lasting: str, policy: str) -> Iterator[str]:
    user = f"{at}/users/{quote(auth.username)}"
    if isinstance(auth, UserpassAuth):
        yield "(umask 077; head -c 24 /dev/urandom | base64 | tr -d '\\n' > password)"
        yield f"vault write {user} token_policies={policy} {lasting} password=@password"
        yield f"# Give the agent: password, as {_named(auth.password_file)}"
        return
    # What the config says holds for whoever logs in: a policy there would be everybody's.
    yield f"vault write {at}/config {lasting} \\"
    yield "    url='<LDAPS_URL>' userdn='<OU=SERVICES,DC=EXAMPLE>' userattr='<CN>'"
    yield f"vault write {user} policies={policy}"
    yield f"# Give the agent: the account's password, as {_named(auth.password_file)}"


def _kubernetes(auth: KubernetesAuth, at: str, terms: str) -> Iterator[str]:
    yield "# The reviewer may create TokenReviews (ClusterRole system:auth-delegator). A Vault in"
    yield "# the cluster can be its own: leave out kubernetes_ca_cert and token_reviewer_jwt."
    yield f"vault write {at}/config kubernetes_host='<https://API_SERVER>' \\"
    yield "    kubernetes_ca_cert='@<CA.crt>' token_reviewer_jwt='@<REVIEWER.jwt>'"
    yield f"vault write {at}/role/{quote(auth.role)} {terms} audience='<AUDIENCE>' \\"
    yield "    bound_service_account_names='<SERVICE_ACCOUNT>' \\"
    yield "    bound_service_account_namespaces='<NAMESPACE>'"


def _jwt(auth: JwtAuth, at: str, name: str, terms: str) -> Iterator[str]:
    default = "" if auth.role else f" default_role={name}"
    yield "# Instead of oidc_discovery_url: jwks_url, or jwt_validation_pubkeys=@FILE."
    yield f"vault write {at}/config{default} bound_issuer='<ISSUER>' \\"
    yield "    oidc_discovery_url='<ISSUER>'"
    yield "# Who may log in: whose token has this claim. For one workload <CLAIM> is sub, <VALUE>"
    yield "# its subject. A CI platform's subject differs from branch to branch: there <CLAIM> is"
    yield "# repository (GitHub) or project_path (GitLab), and <VALUE> is OWNER/REPOSITORY."
    claims = """'{"bound_claims": {"<CLAIM>": "<VALUE>"}}'"""
    # Only JSON can give a map, and the command line merges it with the other fields.
    yield f"echo {claims} | vault write {at}/role/{quote(auth.role or name)} - \\"
    yield f"    {terms} role_type=jwt \\"
    yield "    user_claim=sub bound_audiences='<AUDIENCE>'"


def _aws(auth: AwsAuth, at: str, terms: str) -> Iterator[str]:
    config = []
    if auth.header_value is not None:
        config.append(f"iam_server_id_header_value={quote(auth.header_value)}")
    if auth.sts_region is not None:
        endpoint = f"https://sts.{auth.sts_region}.amazonaws.com"
        config.append(f"sts_region={auth.sts_region} sts_endpoint={endpoint}")
    if config:
        yield f"vault write {at}/config/client {' '.join(config)}"
    role = quote(auth.role) if auth.role else "'<NAME_OF_THE_IAM_ROLE>'"
    yield f"vault write {at}/role/{role} {terms} auth_type=iam \\"
    yield "    bound_iam_principal_arn='<ARN_OF_THE_IAM_ROLE>' resolve_aws_unique_ids=false"


def _gcp(auth: GcpAuth, at: str, terms: str) -> Iterator[str]:
    account = quote(auth.service_account) if auth.service_account else "'<SERVICE_ACCOUNT>'"
    yield f"vault write {at}/role/{quote(auth.role)} {terms} type={auth.type} \\"
    if auth.type is GcpType.IAM:
        yield f"    bound_service_accounts={account}"
    else:
        yield f"    bound_service_accounts={account} bound_projects='<PROJECT>'"
