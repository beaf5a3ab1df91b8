"""What users are told about a refused login."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from freshkey.core.faults import Fault, FaultKind, Operation
from freshkey.vault.faults import Refusal, RefusedError, Request
from freshkey.vault.login import aws, azure, gcp, jwt, kubernetes
from freshkey.vault.login.advice import Advice, explain

from tests.logins.pages import PAGES

if TYPE_CHECKING:
    from collections.abc import Sequence

REQUEST = Request(Operation.LOG_IN, "auth/any/login")


@pytest.mark.parametrize(
    ("page", "table"),
    [
        ("jwt", jwt.ADVICE),
        ("kubernetes", kubernetes.ADVICE),
        ("aws", aws.ADVICE),
        ("gcp", gcp.GCE_ADVICE),
        ("azure", azure.ADVICE),
    ],
)
def test_the_page_has_every_advice(page: str, table: Sequence[Advice]) -> None:
    text = (PAGES / f"{page}.md").read_text()
    assert not [advice for advice in table if f"): {advice.todo.partition(',')[0]}" not in text]


def test_the_first_advice_that_fits_is_given() -> None:
    fault = Fault(FaultKind.UNREACHABLE, "Vault failed", retry_after=3)
    error = RefusedError(fault, Refusal(500, ("it is\nbroken",)))
    table = (
        Advice("whole", "leave it"),
        Advice("broken", "mend it", FaultKind.FORBIDDEN),
        Advice("it", "look"),
    )
    told = explain(error, REQUEST, table, "it was new").fault
    assert told.message == "Vault refuses auth/any/login (it is broken): mend it; it was new"
    assert (told.kind, told.retry_after) == (FaultKind.FORBIDDEN, 3)


@pytest.mark.parametrize("errors", [None, (), ("Vault is sealed",)])
def test_a_refusal_without_advice_stays(errors: tuple[str, ...] | None) -> None:
    error = RefusedError(Fault(FaultKind.SEALED, "sealed"), Refusal(503, errors))
    assert explain(error, REQUEST, jwt.ADVICE, "") is error
