import re
from collections.abc import Callable

import pytest
from freshkey.settings import urls, values
from freshkey.settings.values import WrongValueError
from hypothesis import given
from hypothesis import strategies as st

TEN_YEARS = 3650 * 24 * 3600


COUNTS = st.integers(0, 999)


@given(days=COUNTS, hours=COUNTS, minutes=COUNTS, seconds=COUNTS)
def test_durations_add_up_in_every_writing(
    days: int, hours: int, minutes: int, seconds: int
) -> None:
    total = ((days * 24 + hours) * 60 + minutes) * 60 + seconds
    written = f"{days}d{hours}h{minutes}m{seconds}s"
    counts = ((days, "d"), (hours, "h"), (minutes, "m"), (seconds, "s"))
    shortest = "".join(f"{count}{unit}" for count, unit in counts if count)
    assert values.duration(written) == values.duration(shortest or "0s") == total
    assert values.duration(total) == total


@given(st.integers(max_value=-1) | st.integers(min_value=TEN_YEARS + 1))
def test_durations_have_bounds(seconds: int) -> None:
    with pytest.raises(WrongValueError):
        values.duration(seconds)


@given(st.text().filter(lambda text: not text.endswith(("d", "h", "m", "s"))))
def test_a_duration_ends_with_its_unit(text: str) -> None:
    with pytest.raises(WrongValueError):
        values.duration(text)


@pytest.mark.parametrize(
    "wrong",
    [
        "",
        "s",
        "1",
        "1.5h",
        "-1s",
        "1s2m",
        "1m 30s",
        "1M",
        "1h1d",
        "d",
        "1w",
        "90s\n",
        "٣s",
        1.0,
        True,
    ],
)
def test_what_is_no_duration(wrong: object) -> None:
    with pytest.raises(WrongValueError):
        values.duration(wrong)


def test_a_duration_that_may_not_be_zero() -> None:
    assert values.positive_duration("1s") == 1
    with pytest.raises(WrongValueError, match=r"^is 0, and must be at least"):
        values.positive_duration("0s")


@given(st.integers(0, 0o777))
def test_modes_are_octal_strings(mode: int) -> None:
    assert values.mode(f"{mode:03o}") == values.mode(f"0{mode:03o}") == mode
    with pytest.raises(WrongValueError, match="octal string"):
        values.mode(mode)


@pytest.mark.parametrize("wrong", ["", "44", "0o440", "4755", "0999", "-440", "440 ", 0.0, None])
def test_what_is_no_mode(wrong: object) -> None:
    with pytest.raises(WrongValueError, match="octal string"):
        values.mode(wrong)


@pytest.mark.parametrize(
    ("given_url", "taken"),
    [
        ("https://vault.example:8200", "https://vault.example:8200"),
        ("http://127.0.0.1:8200/", "http://127.0.0.1:8200"),
        ("https://[::1]/proxied/vault/", "https://[::1]/proxied/vault"),
    ],
)
def test_urls(given_url: str, taken: str) -> None:
    assert urls.url(given_url) == taken


@pytest.mark.parametrize(
    "wrong",
    [
        "vault.example:8200",
        "https://",
        "https://:8200",
        "https://vault:port",
        "https://vault:0",
        "https://vault:65536",
        "https://[::1",
        "https://user@vault",
        "https://user:pw@vault",
        "https://vault?x=1",
        "https://vault#top",
        "unix:///run/vault.sock",
        "https://vault .example",
        "https://vaült.example",
        8200,
    ],
)
def test_what_is_no_url(wrong: object) -> None:
    with pytest.raises(WrongValueError):
        urls.url(wrong)


@pytest.mark.parametrize(
    ("given_url", "better"),
    [
        ("https://vault.example:8200/v1", "https://vault.example:8200"),
        ("https://vault.example:8200/v1/", "https://vault.example:8200"),
        ("https://vault.example/proxied/v1/sys/health", "https://vault.example/proxied"),
        ("https://vault.example/ui/vault/secrets", "https://vault.example"),
    ],
)
def test_an_address_of_vault_ends_before_its_api(given_url: str, better: str) -> None:
    with pytest.raises(WrongValueError, match=re.escape(f'write "{better}"')):
        urls.vault_url(given_url)
    assert urls.vault_url(better) == better


@pytest.mark.parametrize("taken", ["https://ui", "https://v1/", "https://x/ui-2", "https://x/v10"])
def test_an_address_of_vault_that_only_looks_alike(taken: str) -> None:
    assert urls.vault_url(taken) == taken.rstrip("/")


@pytest.mark.parametrize(
    "wrong",
    ["https://api.openai.com", "https://api.openai.com/", "https://api.openai.com/v1/models"],
)
def test_where_the_api_of_openai_begins(wrong: str) -> None:
    with pytest.raises(WrongValueError, match=r'write "https://api\.openai\.com/v1"'):
        urls.api_url(wrong)


@pytest.mark.parametrize("host", ["localhost:1", "127.0.0.1", "127.8.9.10:80", "[::1]:8080"])
def test_keys_go_to_loopback_over_plain_http(host: str) -> None:
    assert urls.api_url(f"http://{host}/v1") == f"http://{host}/v1"


@pytest.mark.parametrize("host", ["api.openai.com", "127.0.0.1.example", "0.0.0.0", "[::2]"])  # noqa: S104 - not bound to
def test_keys_go_nowhere_else_over_plain_http(host: str) -> None:
    assert urls.api_url(f"https://{host}/v1") == f"https://{host}/v1"
    with pytest.raises(WrongValueError, match="plain http"):
        urls.api_url(f"http://{host}/v1")


@pytest.mark.parametrize(
    ("parse", "wrong"),
    [
        (values.string, "two\nlines"),
        (values.string, "nul\0"),
        (values.string, 7),
        (values.boolean, 1),
        (values.boolean, "true"),
        (values.count, -1),
        (values.count, True),
        (values.count, "6"),
        (values.count, 6.0),
        (values.positive_count, 0),
        (values.renew_at, 0.49),
        (values.renew_at, 0.96),
        (values.renew_at, float("nan")),
        (values.renew_at, True),
        (values.jitter, -0.1),
        (values.jitter, 1),
        (values.jitter, float("nan")),
        (values.account, str(2**32 - 1)),
        (values.variable_name, "OPENAI-KEY"),
        (values.variable_name, "1KEY"),
        (urls.host_name, "a..b"),
        (urls.host_name, ".vault"),
        (urls.host_name, "x" * 64 + ".example"),
        (urls.host_name, "."),
        (values.word, "tëam"),
        (values.word, " "),
        (values.visible, "a\xa0b"),
        (values.visible, " a"),
        (values.visible, 1),
        (values.region, "eu-central"),
        (values.region, "eu-central-1/"),
        (values.region, "eu-central-1\n"),
    ],
)
def test_what_is_refused(parse: Callable[[object], object], wrong: object) -> None:
    with pytest.raises(WrongValueError):
        parse(wrong)


def test_what_lies_on_the_border_is_taken() -> None:
    for name in ("vault", "vault.example.", "x" * 63 + ".example"):
        assert urls.host_name(name) == name
    assert values.renew_at(0.95) == 0.95
    assert values.jitter(0) == 0
    assert values.account(str(2**32 - 2)) == str(2**32 - 2)
    assert values.region("us-gov-west-1") == "us-gov-west-1"
    assert values.count(0) == 0
    assert values.duration(TEN_YEARS) == TEN_YEARS


@pytest.mark.parametrize("text", ["1h30m", "90m", "15m", "1s", "48h", "1h1s"])
def test_a_duration_is_written_as_it_is_read(text: str) -> None:
    assert values.duration(values.as_duration(values.duration(text))) == values.duration(text)


def test_durations_are_written_in_the_largest_units() -> None:
    assert [values.as_duration(seconds) for seconds in (0, 59, 60, 5400, 86400.9)] == [
        "0s",
        "59s",
        "1m",
        "1h30m",
        "24h",
    ]
