import base64
import json
from typing import NoReturn
from urllib.parse import quote, quote_plus

import pytest
from freshkey.core.model.secret import MASK, Secret
from freshkey.logs.redact import Redactor
from hypothesis import example, given
from hypothesis import strategies as st

JWT = "eyJhbGciOiJSUzI1NiJ9.eyJpc3MiOiJrdWJlIn0.c2lnbmF0dXJl"


@pytest.mark.parametrize(
    "secret",
    [
        "freshkey-run-AbC_123-xyz",
        "sk-svcacct-AbC_123-xyz",
        "sk-proj-0123456789",
        "sk-svcac****************wxyz",
        "hvs.CAESIJ0123456789abcdefghijkl",
        "hvs.CAESIJ0123456789abcdefghijkl.nsid",
        "hvb.AAAAAQ0123456789abcdefghijkl",
        "hvr.CAESIJ0123456789abcdefghijkl",
        "s.0123456789abcdefghijklmn",
        JWT,
    ],
)
@pytest.mark.parametrize(
    "around",
    ["{}", "Bearer {}", '{{"token": "{}"}}', "?token={}&x=1", "=%22{}%22", r"b'\n{}'", r"\u0022{}"],
)
def test_what_looks_like_a_secret_is_masked(secret: str, around: str) -> None:
    assert Redactor().text(around.format(secret)) == around.format(MASK)


@pytest.mark.parametrize(
    "text",
    [
        "task-runner-service-account",
        "disk-pressure-observed",
        "openai/creds/billing/2Yf8Zk0123456789abcdefghijkl",
        "sys.settings.model",
        "7-3fa9c2d1",
        "freshkey.outputs.files.write_file",
    ],
)
def test_what_only_resembles_one_is_left(text: str) -> None:
    assert Redactor().text(text) == text


secrets = st.text(min_size=6, max_size=40).filter(lambda text: len(set(text)) > 3)


@given(secrets, st.binary(max_size=7), st.binary(max_size=7))
@example('p@ss/w"ö r\\d\n', b"user:", b"")
def test_a_known_secret_is_masked_however_it_is_encoded(
    value: str, before: bytes, after: bytes
) -> None:
    redactor = Redactor()
    redactor.add_secret(Secret(value))
    data = value.encode()
    for form in (
        value,
        quote(value, safe=""),
        quote_plus(value),
        quote(value),
        quote(value, safe="").lower() if value.islower() else value,
        json.dumps(value)[1:-1],
        repr(value)[1:-1],
        repr(data)[2:-1],
    ):
        assert form not in redactor.text(f"<<{form}>>")
    whole = base64.b64encode(before + data + after).decode()
    assert MASK in redactor.text(whole)
    # What is left over decides at most the two characters at the edges.
    left = redactor.text(whole).replace(MASK, "")
    assert len(left) <= len(base64.b64encode(before + after)) + 6


def test_of_two_secrets_the_longer_one_leaves_no_tail() -> None:
    redactor = Redactor()
    redactor.add_secret(Secret("correct-horse"))
    redactor.add_secret(Secret("correct-horse-battery"))
    assert redactor.text("correct-horse-battery correct-horse") == "*** ***"


def test_a_short_secret_does_not_black_out_the_log() -> None:
    redactor = Redactor()
    redactor.add_secret(Secret("ab"))
    assert redactor.text("abba") == "abba"


def test_old_secrets_go_and_those_that_are_met_again_stay() -> None:
    redactor = Redactor(capacity=2)
    for value in ("first-one", "second-one", "first-one", "third-one"):
        redactor.add_secret(Secret(value))
    assert redactor.text("first-one second-one third-one") == "*** second-one ***"


def test_a_passing_secret_is_masked_until_it_is_forgotten() -> None:
    redactor = Redactor()
    redactor.add_secret(Secret("staying-one"))
    for value in ("passing-one", "staying-one", "promoted-one"):
        redactor.add_temporary(Secret(value))
    redactor.add_secret(Secret("promoted-one"))
    text = "staying-one passing-one promoted-one"
    assert redactor.text(text) == "*** *** ***"
    redactor.clear_temporary()
    assert redactor.text(text) == "*** passing-one ***"
    redactor.add_temporary(Secret("passing-one"))
    assert redactor.text(text) == "*** *** ***"


def test_passing_secrets_push_no_other_one_out_for_good() -> None:
    redactor = Redactor(capacity=2)
    for value in ("first-one", "second-one", "third-one"):
        redactor.add_temporary(Secret(value))
    redactor.add_secret(Secret("first-one"))
    redactor.clear_temporary()
    assert redactor.text("first-one second-one third-one") == "*** second-one third-one"


def test_secrets_that_end_alike_come_and_go_one_by_one() -> None:
    redactor = Redactor(capacity=3)
    values = [f"{'x' * number}-{number}-the-ending" for number in range(6)]
    for value in values:
        redactor.add_secret(Secret(value))
    assert redactor.text(" ".join(values)) == f"{values[0]} {values[1]} {values[2]} *** *** ***"
    redactor.add_temporary(Secret(values[0]))
    redactor.clear_temporary()
    assert redactor.text(" ".join(values[:5])) == f"{' '.join(values[:4])} ***"


def test_a_key_that_changes_often_pushes_no_other_secret_out() -> None:
    redactor = Redactor(capacity=2)
    redactor.add_secret(Secret("quiet-static-key"), "quiet")
    redactor.add_secret(Secret("some-token"))
    for number in range(300):
        redactor.add_secret(Secret(f"busy-key-{number}-"), "busy")
    text = "quiet-static-key some-token busy-key-295- busy-key-296- busy-key-299-"
    assert redactor.text(text) == "*** *** busy-key-295- *** ***"


def test_a_key_of_many_is_remembered_while_it_is_held() -> None:
    redactor = Redactor()
    values = [f"static-key-{number}-" for number in range(800)]
    for number, value in enumerate(values):
        redactor.add_secret(Secret(value), f"key-{number % 200}")
    assert redactor.text("".join(values)) == MASK * 800


class Holder:
    def __repr__(self) -> str:
        return "Holder(token=correct-horse)"


class Broken:
    def __repr__(self) -> NoReturn:
        raise RuntimeError("correct-horse")


def test_a_value_is_masked_all_the_way_down() -> None:
    redactor = Redactor()
    redactor.add_secret(Secret("correct-horse"))
    value = {
        "text": "a correct-horse",
        "bytes": b"\xffcorrect-horse",
        "secret": Secret("something else"),
        "nested": [{"deep": ("correct-horse", {"correct-horse": 1})}],
        "error": ValueError("correct-horse"),
        "object": Holder(),
        "broken": Broken(),
        "plain": [None, True, 1, 1.5],
    }
    assert redactor.value(value) == {
        "text": "a ***",
        "bytes": "\\xff***",
        "secret": MASK,
        "nested": [{"deep": ["***", {"***": 1}]}],
        "error": "ValueError('***')",
        "object": "Holder(token=***)",
        "broken": "<Broken: RuntimeError in repr>",
        "plain": [None, True, 1, 1.5],
    }


def test_a_secret_of_digits_is_masked_as_a_number_too() -> None:
    redactor = Redactor()
    redactor.add_secret(Secret("20261123"))
    assert redactor.value([20261123, 7]) == [MASK, 7]


def test_a_value_that_holds_itself_ends() -> None:
    value: list[object] = []
    value.append(value)
    assert "…" in json.dumps(Redactor().value(value), ensure_ascii=False)


def test_what_a_terminal_would_obey_is_shown_instead() -> None:
    assert Redactor().value("\x1b[2Jx\r\x9b1m\tand\n") == "\\x1b[2Jx\\x0d\\x9b1m\tand\n"


def test_numbers_that_json_does_not_know_are_text() -> None:
    assert Redactor().value([float("inf"), float("nan")]) == ["inf", "nan"]
