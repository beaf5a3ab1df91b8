from __future__ import annotations

import pytest
from freshkey.core.model.faults import Fault, FaultKind, Operation, Trouble
from freshkey.core.model.secret import Secret
from freshkey.core.model.state import (
    AgentState,
    BackingOff,
    Credential,
    Cycle,
    Exchanging,
    Idle,
    KeyState,
    Link,
    Minting,
    Reason,
    Refreshing,
    Wanted,
)
from freshkey.core.model.state import Testing as BeingTested
from freshkey.core.model.token import TokenCall, Tokens
from freshkey.daemon.missing_keys import why_missing

from tests.core.keys.held import lease

ADDRESS = "http://vault:8200"
FIRST = Reason.FIRST
NEW = Credential(lease(), Secret("sk-1"))
SEALED = Fault(FaultKind.SEALED, "Vault is sealed")


def why(cycle: Cycle, agent: AgentState | None = None, trouble: Trouble | None = None) -> str:
    key = KeyState("billing", cycle=cycle, trouble=trouble)
    return why_missing(key, agent or AgentState(), ADDRESS)


@pytest.mark.parametrize("call", TokenCall)
def test_a_token_is_waited_for(call: TokenCall) -> None:
    told = why(Wanted(FIRST), AgentState(tokens=Tokens(call=call)))
    assert told.startswith("Vault at http://vault:8200 has not answered the ")
    assert ("the login yet" in told) is (call is TokenCall.LOGIN)


@pytest.mark.parametrize(
    ("cycle", "told"),
    [
        (Wanted(FIRST), "nothing was asked for yet"),
        (Wanted(FIRST, over_budget=True), "vault.max_mints_per_minute allows no other mint yet"),
        (Minting(FIRST, 1, 0.0), "Vault at http://vault:8200 has not answered the mint yet"),
        (Refreshing(FIRST), "Vault at http://vault:8200 has not answered the read yet"),
        (Exchanging(FIRST), "the exchange of the identity token has not come to an end yet"),
        (
            BeingTested(FIRST, NEW, 0.0, 0.0),
            "the new key has not passed its test at OpenAI yet: no test was answered",
        ),
        (BackingOff(FIRST, 0.0, 9.0, SEALED), "Vault is sealed"),
        (Idle(), "Vault at http://vault:8200 has not said yet whether the key's lease lives"),
    ],
)
def test_what_is_under_way_is_named(cycle: Cycle, told: str) -> None:
    assert why(cycle) == told


def test_a_fault_says_more() -> None:
    trouble = Trouble(Operation.MINT, SEALED, 0.0)
    assert why(Minting(FIRST, 1, 0.0), trouble=trouble) == "Vault is sealed"
    assert why(Wanted(FIRST), AgentState(link=Link(away=True, fault=SEALED))) == "Vault is sealed"
