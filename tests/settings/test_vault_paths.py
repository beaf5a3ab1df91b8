import pytest
from freshkey.settings.values import WrongValueError
from freshkey.settings.vault_paths import mount_path, secret_path


@pytest.mark.parametrize(
    "path",
    [
        "openai/creds/billing",
        "kv1/with space/\u00fc",
        "kv/a%20b",
        "kv/a?b#c",
        "kv/+/*",
        'kv/"quoted"',
        "kv/back\\slash",
        "kv/{{x}}/${x",
        "kv/a.b",
        "kv/v1/x",
        "v10/x",
        "v1",
        "kv/\U0001f511",
    ],
)
def test_a_path_that_vault_can_hold(path: str) -> None:
    assert secret_path(path) == path


@pytest.mark.parametrize(
    ("path", "better"),
    [
        ("v1/openai/creds/demo", "openai/creds/demo"),
        ("/v1/openai/creds/demo", "openai/creds/demo"),
        ("/v1/openai/creds/demo/", "openai/creds/demo"),
        ("https://vault.example:8200/v1/openai/creds/demo", "openai/creds/demo"),
        ("/openai/creds/demo", "openai/creds/demo"),
        ("openai/creds/demo/", "openai/creds/demo"),
        ("openai//creds/demo", "openai/creds/demo"),
    ],
)
def test_a_path_that_is_nearly_right_is_corrected(path: str, better: str) -> None:
    with pytest.raises(WrongValueError) as caught:
        secret_path(path)
    assert str(caught.value).endswith(f': write "{better}"')
    assert ("without the API's v1/" in str(caught.value)) == ("v1/" in path)
    assert secret_path(better) == better


@pytest.mark.parametrize(
    ("path", "problem"),
    [
        ("https://vault.example:8200/ui/vault/secrets", "is a URL"),
        ("../sys", "no .. at all"),
        ("a/./b", "no dots alone"),
        ("kv/a..b", "no .. at all"),
        ("/", 'such as "openai/creds/billing"'),
        (" kv/x", "remove the space around it"),
        ("kv/x ", "remove the space around it"),
        ("kv/a\nb", "has a line feed at character 5 of 6: remove it"),
        ("kv/a\xa0b", "has a no-break space at character 5 of 6: remove it"),
        ("\ufeffkv/a", "has a byte order mark at character 1 of 5: remove it"),
        ("kv/a\u2028b", "(U+2028) at character 5 of 6: remove it"),
        (7, "must be a string"),
    ],
)
def test_a_path_that_vault_can_not_hold(path: object, problem: str) -> None:
    with pytest.raises(WrongValueError) as caught:
        secret_path(path)
    assert problem in str(caught.value)
    assert str(caught.value).isprintable()


@pytest.mark.parametrize(
    ("path", "better"),
    [("auth/approle", "approle"), ("/auth/team/approle/", "team/approle"), ("approle/", "approle")],
)
def test_a_mount_stands_without_auth(path: str, better: str) -> None:
    with pytest.raises(WrongValueError) as caught:
        mount_path(path)
    assert str(caught.value).endswith(f': write "{better}"')
    assert mount_path(better) == better
