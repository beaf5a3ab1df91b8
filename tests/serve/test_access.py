"""Who may read which key."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from freshkey.core.model.faults import Fault, FaultKind
from freshkey.core.model.secret import Secret
from freshkey.core.model.view import KeyStatus, KeyView, Publication
from freshkey.serve.access import Access
from freshkey.settings.keys import AllowSettings, KeySettings
from freshkey.sockets.peers import Peer, overflow_gid, overflow_uid
from freshkey.sockets.rules import Rule

from tests.serve.asker import Asker
from tests.serve.client import get
from tests.serve.publication import FRESH

if TYPE_CHECKING:
    from tests.serve.site import Site

OWN, AGENT = 500, Peer(1, 500, 500)
BILLING = Peer(7, 1000, 100, "/usr/bin/billing", "billing.service", (8, 80), (300, 301))
PYTHON = Path(sys.executable)


def program_of(path: Path) -> tuple[int, int]:
    found = path.stat()
    return found.st_dev, found.st_ino


@pytest.mark.parametrize(
    ("rule", "matches"),
    [
        (Rule(uid=1000), True),
        (Rule(uid=1001), False),
        (Rule(gid=100), True),
        (Rule(gid=301), True),
        (Rule(gid=302), False),
        (Rule(unit="billing.service"), True),
        (Rule(unit="other.service"), False),
        (Rule(uid=1000, gid=300, unit="billing.service"), True),
        (Rule(uid=1000, gid=300, unit="other.service"), False),
        (Rule(uid=1001, unit="billing.service"), False),
    ],
)
def test_a_peer_must_match_all_of_a_rule(rule: Rule, *, matches: bool) -> None:
    assert rule.matches(BILLING) is matches


def test_a_program_is_its_file_and_not_its_name(tmp_path: Path) -> None:
    program, other = tmp_path / "billing", tmp_path / "other"
    program.write_text("")
    other.write_text("")
    rule = Rule(executable=program)
    peer = BILLING._replace(executable=str(other), program=program_of(program))
    assert rule.matches(peer)
    assert not rule.matches(peer._replace(executable=str(program), program=program_of(other)))
    assert not rule.matches(peer._replace(executable=str(program), program=None))
    link = tmp_path / "link"
    link.hardlink_to(program)
    assert Rule(executable=link).matches(peer)
    program.unlink()
    link.unlink()
    assert not rule.matches(peer), "a program that is not there matches nobody"


def test_ids_of_other_user_namespaces_are_nobodys() -> None:
    foreign = Peer(7, overflow_uid(), overflow_gid(), groups=(overflow_gid(),))
    assert not Rule(uid=overflow_uid()).matches(foreign)
    assert not Rule(gid=overflow_gid()).matches(foreign)
    assert Rule(gid=100).matches(foreign._replace(groups=(100,)))


def test_without_rules_the_sockets_mode_decides() -> None:
    access = Access({"billing": (), "search": ()}, OWN)
    assert access.may_read(BILLING, "billing")
    assert access.may_read(Peer(9, overflow_uid(), 1), "search")


def test_beside_a_key_with_rules_one_without_is_for_operators() -> None:
    access = Access({"billing": [Rule(uid=1000), Rule(uid=7)], "search": ()}, OWN)
    assert access.may_read(BILLING, "billing")
    assert not access.may_read(BILLING, "search")
    for operator in (AGENT, Peer(1, 0, 0)):
        assert access.may_read(operator, "search")
        assert not access.may_read(operator, "billing"), "the rules name who may, and nobody else"


def test_the_agent_as_the_overflow_user_is_not_everybody_of_another_namespace() -> None:
    access = Access({"billing": [Rule(uid=1000)], "search": ()}, overflow_uid())
    assert not access.may_read(Peer(1, overflow_uid(), 1), "search")
    assert not access.is_operator(Peer(1, overflow_uid(), 1))


def test_names_are_looked_up() -> None:
    allow = AllowSettings(user="root", group="root", unit="x.service", executable=PYTHON)
    assert Rule.of(allow) == Rule(0, 0, "x.service", PYTHON)
    assert Rule.of(AllowSettings(user="1234")) == Rule(uid=1234)
    keys = {"billing": KeySettings(path="a/b", allow=(AllowSettings(user="no-such-user"),))}
    with pytest.raises(KeyError, match="no user 'no-such-user'"):
        Access.of(keys)


def view(name: str) -> KeyView:
    return KeyView(name, KeyStatus.FRESH, Publication(1, Secret(f"sk-{name}"), 1000.0))


def test_what_is_not_for_a_peer_is_neither_read_nor_listed() -> None:
    asker = Asker(view("billing"), view("search"), rules={"billing": [Rule(uid=4711)]})
    refused = asker.ask("/v1/keys/billing")
    content = json.loads(refused.body)
    assert (refused.status, content["code"]) == (403, "peer_not_allowed")
    assert "sk-" not in refused.body.decode()
    assert asker.ask("/v1/keys/billing?wait=30s").status == 403
    assert json.loads(asker.ask("/v1/keys").body) == []
    assert json.loads(asker.ask("/v1/status").body)["keys"] == []
    assert asker.reads.outcomes == ["peer_not_allowed"] * 2
    assert asker.ask("/v1/keys/unknown").status == 404
    assert asker.ask("/readyz/billing").status == 200


def test_a_stranger_learns_nothing_from_readyz() -> None:
    fault = Fault(FaultKind.FORBIDDEN, "openai/creds/payroll: permission denied")
    hidden = KeyView("payroll", KeyStatus.WITHDRAWN, fault=fault)
    asker = Asker(view("billing"), hidden, rules={"billing": [Rule(uid=1000)]})
    for path in ("/readyz", "/readyz/payroll"):
        answer = asker.ask(path)
        assert answer.status == 503
        assert json.loads(answer.body)["detail"] == "a key that is not for you can't be had now"
        assert b"openai/creds" not in answer.body


async def test_a_real_peer_is_known_by_its_groups_and_program(site: Site) -> None:
    site.rules = {"billing": [Rule(os.geteuid(), os.getegid(), executable=PYTHON)]}
    await site.start()
    with site.connect() as client:
        assert (await client.ask(get("/v1/keys/billing"))).status == 200
        assert [key["name"] for key in (await client.ask(get("/v1/keys"))).json] == ["billing"]
    assert FRESH.name == "billing"


async def test_a_real_peer_that_is_another_program(site: Site, tmp_path: Path) -> None:
    other = tmp_path / PYTHON.name
    other.write_text("")
    site.rules = {"billing": [Rule(executable=other)]}
    await site.start()
    with site.connect() as client:
        reply = await client.ask(get("/v1/keys/billing"))
        assert (reply.status, reply.code) == (403, "peer_not_allowed")
