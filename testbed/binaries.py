"""Where the real parts are: .testbed/bin, or what VAULT_BIN and OPENAI_PLUGIN_BIN name."""

import os
from pathlib import Path

VAULT = "vault"
OPENAI_PLUGIN = "vault-plugin-secrets-openai"
TOXIPROXY = "toxiproxy-server"
BENCH_LOAD = "freshkey-bench-load"
BENCH_PEER = "freshkey-bench-peer"
BENCH_UPSTREAM = "freshkey-bench-upstream"
BENCH_GATEWAY_LOAD = "freshkey-bench-gateway-load"
ETCD = "etcd"
KUBE_APISERVER = "kube-apiserver"
KUSTOMIZE = "kustomize"
HELM = "helm"
KUBECTL = "kubectl"
KUBERNETES_PLUGIN = "vault-plugin-auth-kubernetes"
LDAP_PLUGIN = "vault-plugin-auth-ldap"
AWS_PLUGIN = "vault-plugin-auth-aws"
GCP_PLUGIN = "vault-plugin-auth-gcp"

FOR_LOGINS = (
    *(ETCD, KUBE_APISERVER, KUBERNETES_PLUGIN, LDAP_PLUGIN, AWS_PLUGIN, GCP_PLUGIN),
    *(HELM, KUBECTL, KUSTOMIZE),
)
"""What only the tests of login methods need: `make testbed-logins` builds it."""

BUILT = Path(__file__).resolve().parent.parent / ".testbed" / "bin"
OVERRIDES = {VAULT: "VAULT_BIN", OPENAI_PLUGIN: "OPENAI_PLUGIN_BIN"}


class BinaryError(Exception):
    """A part is missing or can't be used; the text is one line for the user."""


def override(name: str) -> Path | None:
    """Return the user's own binary of this name, None when the variable is unset or empty.

    Raises BinaryError when it names no executable file by an absolute path.
    """
    variable = OVERRIDES.get(name, "")
    value = os.environ.get(variable)
    if not value:
        return None
    path = Path(value)
    if not path.is_absolute():
        raise BinaryError(f"{variable}={value}: give an absolute path")
    if not path.is_file() or not os.access(path, os.X_OK):
        raise BinaryError(f"{variable}={value}: no executable file is there")
    return path.resolve()


def binary(name: str) -> Path:
    """Return where a part is; BinaryError when it has not been built."""
    path = override(name) or BUILT / name
    if not path.is_file():
        target = "testbed-logins" if name in FOR_LOGINS else "testbed"
        raise BinaryError(f"{path} is missing: run `make {target}`")
    return path.resolve()
