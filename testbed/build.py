"""Build the real parts: `python -m testbed.build [--logins] --into .testbed/bin`.

What was built is kept in $XDG_CACHE_HOME/freshkey-testbed, by the content of what it was built
from, and linked into the directory: another clone builds nothing again.
"""

import argparse
import errno
import os
import shutil
import signal
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from testbed.binaries import (
    AWS_PLUGIN,
    BENCH_GATEWAY_LOAD,
    BENCH_LOAD,
    BENCH_PEER,
    BENCH_UPSTREAM,
    ETCD,
    GCP_PLUGIN,
    HELM,
    KUBE_APISERVER,
    KUBECTL,
    KUBERNETES_PLUGIN,
    KUSTOMIZE,
    LDAP_PLUGIN,
    OPENAI_PLUGIN,
    OVERRIDES,
    TOXIPROXY,
    VAULT,
    BinaryError,
    override,
)
from testbed.cache import cache, locked
from testbed.compiling import DISK_SPACE_HINT, Compilation, print_progress
from testbed.signals import keep_from_children
from testbed.toolchain import BuildError, Go, find_go, install

SOURCES = Path(__file__).resolve().parent / "go"
BENCH = SOURCES.parent.parent / "bench"
FLAGS = ("-trimpath", "-ldflags=-s -w")


@dataclass(frozen=True)
class Part:
    """A binary and what it is built from; `usual_duration` is said before a first build."""

    name: str
    source: Path
    arguments: tuple[str, ...]
    usual_duration: str

    def digest(self, go: Go) -> str:
        """Name the content that the binary depends on: sources, locked modules, flags, and Go."""
        content = sha256("\0".join([self.name, *self.arguments, go.version]).encode())
        for path in sorted(self.source.iterdir()):
            if not path.name.endswith("_test.go"):
                content.update(f"\0{path.name}\0".encode() + path.read_bytes())
        return content.hexdigest()[:16]


PARTS = (
    Part(
        TOXIPROXY,
        SOURCES / "toxiproxy",
        (*FLAGS, "github.com/Shopify/toxiproxy/v2/cmd/server"),
        "half a minute",
    ),
    Part(OPENAI_PLUGIN, SOURCES / "openai", (*FLAGS, "."), "2 min"),
    Part(VAULT, SOURCES / "vault", ("-tags=minimal", *FLAGS, "."), "6 min"),
    Part(BENCH_LOAD, BENCH / "load", (*FLAGS, "."), "half a minute"),
    Part(BENCH_PEER, BENCH / "peer", (*FLAGS, "."), "half a minute"),
    Part(BENCH_UPSTREAM, BENCH / "upstream", (*FLAGS, "."), "half a minute"),
    Part(BENCH_GATEWAY_LOAD, BENCH / "gateway_load", (*FLAGS, "."), "half a minute"),
)
LOGIN_PARTS = (
    Part(ETCD, SOURCES / "etcd", (*FLAGS, "."), "half a minute"),
    Part(
        KUBERNETES_PLUGIN,
        SOURCES / "kubernetes-auth",
        (*FLAGS, "github.com/hashicorp/vault-plugin-auth-kubernetes/cmd/" + KUBERNETES_PLUGIN),
        "a minute",
    ),
    # These three are of Vault's own module and of its requirements.
    Part(
        LDAP_PLUGIN,
        SOURCES / "vault",
        (*FLAGS, "github.com/hashicorp/vault/builtin/credential/ldap/cmd/ldap"),
        "half a minute",
    ),
    Part(
        AWS_PLUGIN,
        SOURCES / "vault",
        (*FLAGS, "github.com/hashicorp/vault/builtin/credential/aws/cmd/aws"),
        "2 min",
    ),
    Part(
        GCP_PLUGIN,
        SOURCES / "vault",
        (*FLAGS, "github.com/hashicorp/vault-plugin-auth-gcp/cmd/" + GCP_PLUGIN),
        "half a minute",
    ),
    Part(KUSTOMIZE, SOURCES / "kustomize", (*FLAGS, "sigs.k8s.io/kustomize/kustomize/v5"), "10 s"),
    Part(KUBECTL, SOURCES / "kubectl", (*FLAGS, "."), "a minute"),
    Part(HELM, SOURCES / "helm", (*FLAGS, "helm.sh/helm/v4/cmd/helm"), "2 min"),
    Part(KUBE_APISERVER, SOURCES / "kube-apiserver", (*FLAGS, "."), "5 min"),
)
"""What the tests of login methods and of manifests need besides."""


def main() -> int:
    """Bring the directory up to date; return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m testbed.build", description=__doc__)
    parser.add_argument("--into", type=Path, required=True, help="where to link the binaries")
    help_ = "those too that only the tests of login methods need"
    parser.add_argument("--logins", action="store_true", help=help_)
    options = parser.parse_args()
    into: Path = options.into
    keep_from_children()
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        build_all(into, (*PARTS, *LOGIN_PARTS) if options.logins else PARTS)
    except (BinaryError, BuildError) as error:
        return _fail(str(error))
    except OSError as error:
        if error.errno == errno.ENOSPC:
            return _fail(f"the disk is full; {DISK_SPACE_HINT} ({error})")
        return _fail(str(error))
    except KeyboardInterrupt:
        return _fail("interrupted; the next run goes on with what is compiled")
    return 0


def build_all(into: Path, parts: Sequence[Part]) -> None:
    """Link the parts into the directory, built where it has to be."""
    into.mkdir(parents=True, exist_ok=True)
    kept = cache()
    wanted: list[Part] = []
    for part in parts:
        if own := override(part.name):
            print_progress(f"{part.name}: {OVERRIDES[part.name]} is used: {own}")
            _link(own, into / part.name)
        else:
            wanted.append(part)
    if not wanted:
        return
    go = find_go(kept)
    built = {part: kept / part.name / part.digest(go) / part.name for part in wanted}
    if not all(binary.exists() for binary in built.values()):
        with locked(kept) as lock:
            for part, binary in built.items():
                if not binary.exists():
                    _build(part, go, binary, lock)
            for directory in go.caches:
                shutil.rmtree(directory, ignore_errors=True)
    for part, binary in built.items():
        _link(binary, into / part.name)


def _build(part: Part, go: Go, binary: Path, lock: int) -> None:
    """Build into a temporary directory, then rename it, so that half a build is never found."""
    if go.home and not go.executable.exists():
        print_progress(
            "installing Go, because none on PATH is new enough: takes about half a minute"
        )
    install(go)
    print_progress(
        f"building {part.name}: takes about {part.usual_duration} on two cores with nothing cached"
    )
    directory = binary.parent
    partial_directory = directory.with_suffix(".part")
    shutil.rmtree(partial_directory, ignore_errors=True)
    partial_directory.mkdir(parents=True)
    output = partial_directory / part.name
    log = directory.with_suffix(".log")
    Compilation(go, part.source, part.arguments, output, log, lock).run()
    output.chmod(0o555)
    _sync(output)
    partial_directory.rename(directory)
    _sync(directory.parent)


def _link(target: Path, link: Path) -> None:
    """Make or replace a symbolic link at once."""
    new = link.with_name(f".{link.name}.{os.getpid()}")
    new.symlink_to(target)
    new.replace(link)


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _fail(text: str) -> int:
    print(f"testbed: {text}", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
