"""The emulator's bookkeeping, with the time as an argument."""

from dataclasses import fields
from typing import Any

import pytest

from testbed.emulator.errors import mask
from testbed.emulator.limits import RateLimiter
from testbed.emulator.organization import ADMIN_API_KEY_ID, PROJECT_ID, Organization
from testbed.emulator.records import ServiceAccount, Validity
from testbed.emulator.settings import EmulatorSettings, SettingsError, SettingsFields, lookup, parse
from testbed.emulator.usage import Amount, Origin, Query, Usage


def mint(
    organization: Organization,
    name: str,
    now: float,
    *,
    validity: Validity | None = None,
    project: str = PROJECT_ID,
) -> tuple[ServiceAccount, str]:
    return organization.create_account(
        organization.projects[project],
        name,
        organization.admin_keys[ADMIN_API_KEY_ID],
        validity or Validity(now, now, None),
    )


def test_a_key_works_from_its_activation_to_its_expiry() -> None:
    organization = Organization(0)
    account, key = mint(organization, "a-1", 100, validity=Validity(100, 105, 160))
    works = [organization.authenticate(key, now) for now in (100, 104.9, 105, 159.9, 160)]
    assert works == [None, None, account, account, None]


def test_a_deleted_key_works_on_for_the_lag_but_lives_no_more() -> None:
    organization = Organization(0)
    account, key = mint(organization, "a-1", 0)
    organization.delete_account(account, None, 10, revocation_lag=3)
    assert organization.live(10) == []
    assert organization.authenticate(key, 12.9) == account
    assert organization.authenticate(key, 13) is None


def test_high_water_counts_keys_alive_together_by_project_and_name() -> None:
    organization = Organization(0)
    other = organization.create_project("other", 0).id
    first, _ = mint(organization, "vault-billing-1", 0)
    mint(organization, "vault-billing-2", 1)
    organization.delete_account(first, None, 2, revocation_lag=9)
    mint(organization, "vault-billing-3", 3)
    mint(organization, "vault-search-1", 4, project=other)
    account_counters = organization.account_counters
    assert account_counters.overall.high_water == 3
    assert account_counters.projects[PROJECT_ID].high_water == 2
    assert account_counters.projects[other].high_water == 1
    assert account_counters.prefixes["vault-billing"].high_water == 2
    assert account_counters.prefixes["vault-billing"].mints == 3
    assert account_counters.prefixes["vault-billing"].deletions == 1
    assert account_counters.prefixes["vault-search"].mints == 1


def test_an_expired_key_is_not_alive() -> None:
    organization = Organization(0)
    mint(organization, "a-1", 0, validity=Validity(0, 0, 10))
    mint(organization, "a-2", 10)
    assert [account.name for account in organization.live(10)] == ["a-2"]
    assert organization.account_counters.overall.high_water == 1


def test_keys_are_kept_as_digests_only() -> None:
    organization = Organization(0)
    account, key = mint(organization, "a-1", 0)
    assert key not in repr(account)
    assert key.startswith("sk-svcacct-")


@pytest.mark.parametrize(
    ("key", "shown"),
    [
        ("sk-svcacct-abcdefWXYZ", "sk-svcac*********WXYZ"),
        ("undefined", "undefined"),
        ("exactly12345", "exactly12345"),
    ],
)
def test_mask_hides_the_middle(key: str, shown: str) -> None:
    assert mask(key) == shown


def test_a_bucket_refills_evenly_within_a_minute() -> None:
    limiter = RateLimiter()
    assert [limiter.take("project.get", 6, 0) for _ in range(6)] == [0] * 6
    assert limiter.take("project.get", 6, 0) == pytest.approx(10)
    assert limiter.take("project.get", 6, 9) == pytest.approx(1)
    assert limiter.take("project.get", 6, 10) == 0
    assert limiter.take("audit_log.list", 6, 10) == 0, "each endpoint has a budget of its own"
    assert [limiter.take("project.get", 6, 70) for _ in range(6)] == [0] * 6
    assert limiter.take("project.get", 6, 70) > 0, "a budget doesn't grow past a minute's"


def test_a_limit_of_nought_lets_nothing_through() -> None:
    assert RateLimiter().take("models.list", 0, 0) > 0


def test_usage_is_grouped_filtered_and_cut_into_buckets() -> None:
    usage = Usage()
    for key, now in (("key_a", 30), ("key_a", 70), ("key_b", 70)):
        usage.record(Origin("proj", key, "m"), Amount(1, 10, 5), now)
    by_key = Query(0, 120, 60, 60, group_by=frozenset({"api_key_id"}))
    page: Any = usage.completions(by_key)
    buckets = [bucket["results"] for bucket in page["data"]]
    assert [[(r["api_key_id"], r["input_tokens"]) for r in results] for results in buckets] == [
        [("key_a", 10)],
        [("key_a", 10), ("key_b", 10)],
    ]
    only_b = Query(0, 86400, 86400, 7, api_key_ids=frozenset({"key_b"}))
    page = usage.costs(only_b)
    ((result,),) = [bucket["results"] for bucket in page["data"]]
    assert result["api_key_id"] is None, "not grouped by it"
    assert result["amount"] == {"value": pytest.approx(15e-6), "currency": "usd"}


def test_usage_goes_on_with_the_next_page() -> None:
    page: Any = Usage().completions(Query(0, 300, 60, 2))
    assert (page["has_more"], page["next_page"]) == (True, "page_120")
    assert [bucket["start_time"] for bucket in page["data"]] == [0, 60]


def test_knobs_that_go_by_endpoint_win_over_their_plane() -> None:
    settings = parse({"delay_before": {"organization": 1, "project.get": 2}})
    assert lookup(settings.delay_before, "project.get", 0) == 2
    assert lookup(settings.delay_before, "costs", 0) == 1
    assert lookup(settings.delay_before, "models.list", 0) == 0


def test_knobs_travel_whole() -> None:
    body = {
        "requests_per_minute": {"organization": 7},
        "errors": {"models.list": "missing_scopes"},
        "delay_before": {"service_account.create": 1.5},
        "delay_after": {"service_account.create": 0},
        "lost_answers": {"service_account.create": 1},
        "activation_delay": 2,
        "revocation_lag": 3,
        "key_lifetime": 60,
        "errors_left": {"data_plane": 1},
        "retry_after": 4,
        "stream_events": {"chat.completions": 1000},
        "stream_interval": {"chat.completions": 0.1},
        "stream_pause": {"realtime": 30},
        "stream_hold": {"responses": 2},
        "stream_break": {"audio.speech": 5},
        "image_bytes": 100,
        "realtime_refuses_late": True,
        "realtime_ends_with_key": False,
        "access_token_lifetime": 600,
        "clock_skew": -5,
        "issuer_ca_file": "/ca.pem",
    }
    assert parse(body).to_json() == body
    assert (
        set(SettingsFields.__annotations__)
        == {setting.name for setting in fields(EmulatorSettings)}
        == set(body)
    )


@pytest.mark.parametrize(
    ("body", "line"),
    [
        ([], "settings: expected a JSON object"),
        ({"delay": 1}, "delay: unknown setting; there are requests_per_minute, "),
        ({"activation_delay": "2s"}, "activation_delay: expected seconds"),
        ({"activation_delay": -1}, "activation_delay: expected seconds"),
        ({"activation_delay": float("nan")}, "activation_delay: expected seconds"),
        ({"activation_delay": None}, "activation_delay: expected seconds"),
        ({"key_lifetime": True}, "key_lifetime: expected seconds"),
        ({"errors": "forbidden"}, "errors: expected an object"),
        ({"errors": {"mint": "forbidden"}}, "errors.mint: unknown endpoint; there are "),
        ({"errors": {"costs": "teapot"}}, "errors.costs: unknown error 'teapot'; there are "),
        ({"errors": {"costs": 503}}, "errors.costs: unknown error 503; there are "),
        ({"lost_answers": {"costs": 1.5}}, "lost_answers.costs: expected a whole number"),
        ({"realtime_refuses_late": 1}, "realtime_refuses_late: expected true or false"),
        ({"requests_per_minute": {"costs": -7}}, "requests_per_minute.costs: expected a whole"),
    ],
)
def test_a_wrong_knob_is_named_in_one_line(body: object, line: str) -> None:
    with pytest.raises(SettingsError) as caught:
        parse(body)
    assert str(caught.value).startswith(line)
    assert "\n" not in str(caught.value)
