"""[auth]: one class per login method, with the file's own names; docs/auth.md explains them.

`identity` is what tells two logins of one method and mount apart, known without a credential.
"""

from enum import StrEnum
from pathlib import Path
from typing import Annotated, Final, Literal

from freshkey.core.model.secret import Secret
from freshkey.core.model.struct import Struct
from freshkey.settings import values
from freshkey.settings.file_names import path_text
from freshkey.settings.vault_paths import mount_path

Word = Annotated[str, values.word]
Name = Annotated[str, values.visible]
MountPath = Annotated[str, mount_path]


class TokenAuth(Struct, frozen=True, kw_only=True):
    """Method token: exactly one of `token_file` and `token` (VAULT_TOKEN) is set."""

    method: Literal["token"] = "token"
    mount: MountPath = "token"
    token_file: Path | None = None
    token: Annotated[Secret | None, values.token] = None

    @property
    def identity(self) -> str | None:
        """The file that the token comes from; of a variable's token, its fingerprint."""
        if self.token_file is not None:
            return path_text(self.token_file)
        return None if self.token is None else self.token.fingerprint


class AppRoleAuth(Struct, frozen=True, kw_only=True):
    """Method approle: exactly one of `role_id` and `role_id_file` is set."""

    method: Literal["approle"] = "approle"
    mount: MountPath = "approle"
    role_id: Word | None = None
    role_id_file: Path | None = None
    secret_id_file: Path
    secret_id_wrapped: bool = False
    remove_secret_id_file: bool = False

    @property
    def identity(self) -> str | None:
        """The role-id, or the file that it comes from."""
        return self.role_id or (path_text(self.role_id_file) if self.role_id_file else None)


class _WithRole(Struct, frozen=True, kw_only=True):
    role: Word

    @property
    def identity(self) -> str | None:
        """The role in Vault."""
        return self.role


class _WithOptionalRole(Struct, frozen=True, kw_only=True):
    role: Word | None = None

    @property
    def identity(self) -> str | None:
        """The role in Vault, which may choose one by itself."""
        return self.role


class _WithPassword(Struct, frozen=True, kw_only=True):
    username: Name
    password_file: Path
    remove_password_file: bool = False

    @property
    def identity(self) -> str | None:
        """The user."""
        return self.username


class JwtAuth(_WithOptionalRole, frozen=True, kw_only=True):
    """Method jwt: without a role, the mount's `default_role`."""

    method: Literal["jwt"] = "jwt"
    mount: MountPath = "jwt"
    jwt_file: Path
    remove_jwt_file: bool = False


class KubernetesAuth(_WithRole, frozen=True, kw_only=True):
    """Method kubernetes: the token of the pod's service account."""

    method: Literal["kubernetes"] = "kubernetes"
    mount: MountPath = "kubernetes"
    token_file: Path = Path("/var/run/secrets/kubernetes.io/serviceaccount/token")


class CertAuth(_WithOptionalRole, frozen=True, kw_only=True):
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


class AwsAuth(_WithOptionalRole, frozen=True, kw_only=True):
    """Method aws, by IAM: without a role, the one named as the caller's own in AWS.

    `header_value` is Vault's `iam_server_id_header_value`; `sts_region` is where STS is asked,
    globally when unset.
    """

    method: Literal["aws"] = "aws"
    mount: MountPath = "aws"
    header_value: Word | None = None
    sts_region: Annotated[str, values.region] | None = None


class GcpType(StrEnum):
    """Who signs the identity: the metadata server, or IAM."""

    GCE = "gce"
    IAM = "iam"


class GcpAuth(_WithRole, frozen=True, kw_only=True):
    """Method gcp: `service_account` is an address; the instance's own when unset."""

    method: Literal["gcp"] = "gcp"
    mount: MountPath = "gcp"
    type: GcpType = GcpType.GCE
    service_account: Word | None = None


class AzureAuth(_WithRole, frozen=True, kw_only=True):
    """Method azure: `client_id` picks a user-assigned identity, the system's own when unset."""

    method: Literal["azure"] = "azure"
    mount: MountPath = "azure"
    resource: Word = "https://management.azure.com/"
    client_id: Word | None = None


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
