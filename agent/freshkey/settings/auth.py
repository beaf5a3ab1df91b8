"""[auth]: one class per login method, with the file's own names; docs/auth.md explains them.

`identity` is what tells two logins of one method and mount apart, known without a credential;
`files` are read at each login. The texts below the options are what freshkey.toml(5) and
docs/configuration.md say of them.
"""

from enum import StrEnum
from pathlib import Path
from typing import Annotated, Final, Literal

from freshkey.core.model.secret import Secret
from freshkey.core.model.struct import Struct
from freshkey.settings import values
from freshkey.settings.file_names import path_text
from freshkey.settings.option_types import MountPath, Name, Region, Word


class LoginFile(Struct, frozen=True):
    """The file that an option of [auth] names, and what a login that worked does with it."""

    option: str
    path: Path
    is_removed: bool = False
    is_unwrapped: bool = False  # what it stood for is in the journal from then on

    @property
    def may_be_gone(self) -> bool:
        """Whether a login before may have made it needless."""
        return self.is_removed or self.is_unwrapped


class TokenAuth(Struct, frozen=True, kw_only=True):
    """Method token: the token in `token_file`, or in the variable VAULT_TOKEN."""

    method: Literal["token"] = "token"
    mount: MountPath = "token"
    token_file: Path | None = None
    """The file with the token; the variable VAULT_TOKEN when unset."""
    token: Annotated[Secret | None, values.token] = None

    @property
    def identity(self) -> str | None:
        """The file that the token comes from; of a variable's token, its fingerprint."""
        if self.token_file is not None:
            return path_text(self.token_file)
        return None if self.token is None else self.token.fingerprint

    @property
    def files(self) -> tuple[LoginFile, ...]:
        """The file with the token, if there is one."""
        return () if self.token_file is None else (LoginFile("token_file", self.token_file),)


class AppRoleAuth(Struct, frozen=True, kw_only=True):
    """Method approle: it needs `role_id` or `role_id_file`."""

    method: Literal["approle"] = "approle"
    mount: MountPath = "approle"
    """Where the method is mounted in Vault."""
    role_id: Word | None = None
    """The role-id."""
    role_id_file: Path | None = None
    """The file with the role-id, in place of `role_id`."""
    secret_id_file: Path
    """The file with the secret-id, read at each login."""
    secret_id_wrapped: bool = False
    """true: the file holds a response-wrapping token, which is unwrapped once."""
    remove_secret_id_file: bool = False
    """true: remove the file after a successful login."""

    @property
    def identity(self) -> str | None:
        """The role-id, or the file that it comes from."""
        return self.role_id or (path_text(self.role_id_file) if self.role_id_file else None)

    @property
    def files(self) -> tuple[LoginFile, ...]:
        """The files with the role-id, if it is in one, and the secret-id."""
        removed, wrapped = self.remove_secret_id_file, self.secret_id_wrapped
        secret_id = LoginFile("secret_id_file", self.secret_id_file, removed, wrapped)
        if self.role_id_file is None:
            return (secret_id,)
        return LoginFile("role_id_file", self.role_id_file), secret_id


class _WithoutFile(Struct, frozen=True):
    @property
    def files(self) -> tuple[LoginFile, ...]:
        """None: its credential is no file of [auth]."""
        return ()


class _WithRole(Struct, frozen=True, kw_only=True):
    role: Word
    """The role in Vault."""

    @property
    def identity(self) -> str | None:
        """The role in Vault."""
        return self.role


class _WithOptionalRole(Struct, frozen=True, kw_only=True):
    role: Word | None = None
    """The role in Vault; its own choice when unset."""

    @property
    def identity(self) -> str | None:
        """The role in Vault, which may choose one by itself."""
        return self.role


class _WithPassword(Struct, frozen=True, kw_only=True):
    username: Name
    """The user."""
    password_file: Path
    """The file with the password, read at each login."""
    remove_password_file: bool = False
    """true: remove the file after a successful login."""

    @property
    def identity(self) -> str | None:
        """The user."""
        return self.username

    @property
    def files(self) -> tuple[LoginFile, ...]:
        """The file with the password."""
        return (LoginFile("password_file", self.password_file, self.remove_password_file),)


class JwtAuth(_WithOptionalRole, frozen=True, kw_only=True):
    """Method jwt: without a role, the mount's `default_role`."""

    method: Literal["jwt"] = "jwt"
    mount: MountPath = "jwt"
    jwt_file: Path
    """The file with the signed token, read at each login."""
    remove_jwt_file: bool = False
    """true: remove the file after a successful login."""

    @property
    def files(self) -> tuple[LoginFile, ...]:
        """The file with the signed token."""
        return (LoginFile("jwt_file", self.jwt_file, self.remove_jwt_file),)


class KubernetesAuth(_WithRole, frozen=True, kw_only=True):
    """Method kubernetes: the service account of a pod."""

    method: Literal["kubernetes"] = "kubernetes"
    mount: MountPath = "kubernetes"
    token_file: Path = Path("/var/run/secrets/kubernetes.io/serviceaccount/token")
    """The token of the pod's service account, read at each login."""

    @property
    def files(self) -> tuple[LoginFile, ...]:
        """The file with the token."""
        return (LoginFile("token_file", self.token_file),)


class CertAuth(_WithOptionalRole, _WithoutFile, frozen=True, kw_only=True):
    """Method cert: the client certificate of [vault]; without a role, whichever accepts it."""

    method: Literal["cert"] = "cert"
    mount: MountPath = "cert"


class UserpassAuth(_WithPassword, frozen=True, kw_only=True):
    """Method userpass."""

    method: Literal["userpass"] = "userpass"
    mount: MountPath = "userpass"


class LdapAuth(_WithPassword, frozen=True, kw_only=True):
    """Method ldap."""

    method: Literal["ldap"] = "ldap"
    mount: MountPath = "ldap"


class AwsAuth(_WithOptionalRole, _WithoutFile, frozen=True, kw_only=True):
    """Method aws, by IAM: without a role, the one named as the caller's own in AWS."""

    method: Literal["aws"] = "aws"
    mount: MountPath = "aws"
    header_value: Word | None = None
    """What Vault's `iam_server_id_header_value` is set to."""
    sts_region: Region | None = None
    """The region in which STS is asked; globally when unset."""


class GcpType(StrEnum):
    """Who signs the identity: the metadata server, or IAM."""

    GCE = "gce"
    IAM = "iam"


class GcpAuth(_WithRole, _WithoutFile, frozen=True, kw_only=True):
    """Method gcp: an identity of Google's cloud."""

    method: Literal["gcp"] = "gcp"
    mount: MountPath = "gcp"
    type: GcpType = GcpType.GCE
    """Who signs the identity: `gce` is the metadata server, `iam` is IAM."""
    service_account: Word | None = None
    """The address of the service account; the instance's own when unset."""


class AzureAuth(_WithRole, _WithoutFile, frozen=True, kw_only=True):
    """Method azure: a managed identity, or one of a workload in Kubernetes."""

    method: Literal["azure"] = "azure"
    mount: MountPath = "azure"
    resource: Word = "https://management.azure.com/"
    """What the identity's token is for, as the role in Vault expects it."""
    client_id: Word | None = None
    """Picks a user-assigned identity; the system's own when unset."""


AuthSettings = (
    TokenAuth
    | AppRoleAuth
    | JwtAuth
    | KubernetesAuth
    | CertAuth
    | UserpassAuth
    | LdapAuth
    | AwsAuth
    | GcpAuth
    | AzureAuth
)
AUTH_METHODS: Final[dict[str, type[AuthSettings]]] = {
    "token": TokenAuth,
    "approle": AppRoleAuth,
    "kubernetes": KubernetesAuth,
    "jwt": JwtAuth,
    "cert": CertAuth,
    "userpass": UserpassAuth,
    "ldap": LdapAuth,
    "aws": AwsAuth,
    "gcp": GcpAuth,
    "azure": AzureAuth,
}
DEFAULT_AUTH_METHOD: Final = "approle"
