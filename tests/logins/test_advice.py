"""What users are told about a refused login."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from freshkey.core.model.faults import Fault, FaultKind, Operation
from freshkey.vault.answers.faults import Refusal, RefusedError, Request
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
    fault = explain(error, REQUEST, table, "it was new").fault
    assert fault.message == "Vault refuses auth/any/login (it is broken): mend it; it was new"
    assert (fault.kind, fault.retry_after) == (FaultKind.FORBIDDEN, 3)


def test_advice_is_found_in_words_that_are_too_long_to_be_shown() -> None:
    principal_error = (
        f'IAM Principal "arn:{"division/" * 40}" does not belong to the role "billing"'
    )
    fault = Fault(FaultKind.BAD_REQUEST, "refused")
    fault = explain(
        RefusedError(fault, Refusal(400, (principal_error,))), REQUEST, aws.ADVICE, ""
    ).fault
    assert "…): put that ARN into the role's bound_iam_principal_arn" in fault.message


@pytest.mark.parametrize("errors", [None, (), ("Vault is sealed",)])
def test_a_refusal_without_advice_stays(errors: tuple[str, ...] | None) -> None:
    error = RefusedError(Fault(FaultKind.SEALED, "sealed"), Refusal(503, errors))
    assert explain(error, REQUEST, jwt.ADVICE, "") is error
