"""Vault's audit log and the agent's record for auditors, held against each other.

https://developer.hashicorp.com/vault/docs/audit/schema
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tests.cluster.deployment import Deployment

REVOKE = "sys/leases/revoke/"
RENEW = "sys/leases/renew"


def check(deployment: Deployment) -> None:
    """Every mint, renewal, and revocation is in both, under the agent's own entity and role."""
    lines = deployment.cluster.audit_file.read_text().splitlines()
    done = [entry for entry in map(json.loads, lines) if _is_done(entry, deployment)]
    for entry in done:
        auth = entry["auth"]
        assert auth["entity_id"], entry
        assert auth["display_name"] == deployment.mount
        assert auth["metadata"] == {"role_name": "agent"}
    # The last one's: a restored snapshot may not have known the entity of those before.
    assert done[-1]["auth"]["entity_id"] == deployment.entity()
    records = deployment.audit_records()
    _check_answered(
        _at(done, deployment.path), _of(records, "key.minted"), len(_of(records, "mint.abandoned"))
    )
    _check_answered(_at(done, RENEW), _of(records, "key.renewed"), 0)
    _check_revoked(_at(done, REVOKE), _of(records, "lease.revoked"))


def _check_answered(done: list[Any], records: list[Any], lost: int) -> None:
    """The agent names Vault's request id, and knows of every answer but those that were lost."""
    ids = {entry["request"]["id"]: entry for entry in done}
    known = {record["request_id"]: record for record in records}
    assert known.keys() <= ids.keys()
    assert len(ids.keys() - known.keys()) <= lost
    for request_id, record in known.items():
        secret = ids[request_id]["response"]["secret"]
        assert secret["lease_id"] == record["lease_id"]


def _check_revoked(done: list[Any], records: list[Any]) -> None:
    """A revocation is answered by nothing: both know it by the agent's correlation id."""
    ids = {entry["request"]["headers"]["x-correlation-id"][0]: entry for entry in done}
    leases = {entry["request"]["path"].removeprefix(REVOKE) for entry in done}
    for record in records:
        request = ids[record["correlation_id"]]["request"]
        assert request["path"] == f"{REVOKE}{record['lease_id']}"
    assert leases == {record["lease_id"] for record in records}


def _is_done(entry: dict[str, Any], deployment: Deployment) -> bool:
    """Whether it is the answer to a request of this agent that Vault granted."""
    if entry["type"] != "response" or "error" in entry:
        return False
    path: str = entry["request"]["path"]
    if path == RENEW:
        return bool(entry["auth"]["display_name"] == deployment.mount)
    return path == deployment.path or path.startswith(f"{REVOKE}{deployment.path}/")


def _at(done: Iterable[Any], path: str) -> list[Any]:
    return [entry for entry in done if entry["request"]["path"].startswith(path)]


def _of(records: Iterable[Any], event: str) -> list[Any]:
    return [record for record in records if record["event"] == event]
