from __future__ import annotations

import pytest
from freshkey.core.model.secret import Secret
from freshkey.logs.redact import add_secret
from freshkey.vault.answers.quoting import LONGEST, quote


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("1 error occurred:\n\t* permission denied\n\n", "permission denied"),
        (
            "2 errors occurred:\n\t* permission denied\n\t* invalid token\n\n",
            "permission denied; invalid token",
        ),
        ("a\x1b[31mred\x00\u202eword", "a [31mred word"),
        ("token hvs.CAESIP0Qjx-_x is bad", "token *** is bad"),
        ("token s.4Fd8sKaPq0wErTyUiOpAsDfG", "token ***"),
        ("provided: sk-svcac********1234. You can", "provided: ***. You can"),
        ("Authorization: Bearer abc/def=", "Authorization: Bearer ***"),
        ("jwt eyJhbGciOi.eyJzdWIiOi.c2ln", "jwt ***"),
        ("secret_id c1ca4602-c3fd-de1b-8c77-fdcf29b56dfd", "secret_id ***"),
        ('role "nope" does not exist', 'role "nope" does not exist'),
        ("openai/creds/billing/fWPCZMbn5q98xRiF754aYSZ6", None),
    ],
)
def test_words_are_one_line_without_secrets(text: str, line: str | None) -> None:
    assert quote([text]) == (text if line is None else line)


def test_words_are_cut() -> None:
    assert quote(["x" * 1000]) == "x" * (LONGEST - 1) + "…"


def test_a_secret_on_the_cut_is_masked_whole() -> None:
    assert "hvs" not in quote(["x " * 148 + "hvs.CAESIP0Qjx"])


def test_a_secret_without_a_look_is_masked_by_value() -> None:
    add_secret(Secret("correct-horse-battery-staple"))
    assert quote(["wrong: correct-horse-battery-staple!"]) == "wrong: ***!"
    assert "horse" not in quote(["x" * (LONGEST - 20) + " correct-horse-battery-staple"])


def test_several_texts_make_one_line() -> None:
    assert quote(["one\n", " two"]) == "one; two"
