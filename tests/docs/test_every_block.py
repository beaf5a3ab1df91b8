"""No block of code on a page that no test runs or reads: a new one needs a test, or a reason."""

from __future__ import annotations

import ast
from functools import cache
from typing import TYPE_CHECKING

import pytest

from tests.docs.pages import PAGES, ROOT, blocks

if TYPE_CHECKING:
    from tests.docs.pages import Block

# Pages whose blocks a test takes from them without a name, other than those of TOML.
READ_WHOLE = {
    "docs/applications.md": "tests/apps/page.py",
    "docs/auth/approle.md": "tests/vault/login/test_documented_logins.py",
    "docs/auth/aws.md": "tests/logins/cloud/test_pages.py",
    "docs/auth/cert.md": "tests/vault/login/test_login_cert.py",
    "docs/auth/gcp.md": "tests/logins/cloud/test_pages.py",
    "docs/auth/jwt.md": "tests/logins/test_jwt.py",
    "docs/auth/kubernetes.md": "tests/logins/test_kubernetes.py",
    "docs/auth/ldap.md": "tests/logins/test_ldap.py",
    "docs/auth/token.md": "tests/vault/login/test_documented_logins.py",
    "docs/auth/userpass.md": "tests/vault/login/test_documented_logins.py",
    "docs/gateway.md": "tests/apps/page.py",
    "docs/static-keys.md": "tests/vault/test_static_keys_doc.py",
    "docs/templates.md": "tests/outputs/test_templates_doc.py",
}
# Whose blocks have names for the programs that they are run as.
PROGRAMS = {"docs/applications.md", "docs/gateway.md"}
# Blocks that no test runs, by their first line, with the reason.
NOT_RUN = {
    "Vault ◄──── login, mint, renew, revoke ────┐        ┌──► /run/freshkey/keys/billing   "
    "(raw, env, or json)": "a drawing",
    "make demo": "tests/testbed/test_demo.py runs it, with less output",
    "docker build -t freshkey .": "there is no Docker: tests/image builds with buildah instead",
    "docker build -t registry.example/freshkey:0.1.0 .": "as above",
    "docker compose -f configs/compose.yaml up": "as above: tests/image/test_compose.py starts "
    "what the file describes",
    "vault auth enable azure": "its plugin builds in eight minutes, and trusts Microsoft alone",
}
# Those of people who work on the project: tests/docs/test_development.py looks at them.
OF_DEVELOPERS = {"CONTRIBUTING.md", "DESIGN.md", "CHANGELOG.md", "docs/measurements.md"}

BLOCKS = [
    block
    for page in PAGES
    if str(page.relative_to(ROOT)) not in OF_DEVELOPERS
    for block in blocks(page)
    if block.language != "toml"  # test_examples.py loads every one
]


@cache
def names_in_tests() -> set[str]:
    """Every name that a test asks a block by: `commands("NAME")`."""
    found = set()
    for path in (ROOT / "tests").rglob("*.py"):
        if "node_modules" not in path.parts:
            for node in ast.walk(ast.parse(path.read_text())):
                match node:
                    case ast.Call(ast.Name("commands"), [ast.Constant(str(name)), *_]):
                        found.add(name)
    return found


@pytest.mark.parametrize("block", BLOCKS, ids=lambda block: f"{block.page}: {block.first}")
def test_it_is_run_or_there_is_a_reason(block: Block) -> None:
    if block.first in NOT_RUN:
        assert block.name is None
    elif block.page in READ_WHOLE and (block.name is None or block.page in PROGRAMS):
        stem = block.page.rpartition("/")[2].removesuffix(".md")
        reader = ROOT / READ_WHOLE[block.page]
        assert f'"{stem}"' in reader.read_text() or f"{stem}.md" in reader.read_text()
    else:
        assert block.name is not None, (
            "give it a name, `<!-- runs: NAME -->`, and a test that runs it"
        )
        assert block.name in names_in_tests(), f"no test names {block.name}"


def test_no_reason_is_left_over() -> None:
    assert {block.first for block in BLOCKS} >= NOT_RUN.keys()
    assert {block.page for block in BLOCKS} >= READ_WHOLE.keys()
