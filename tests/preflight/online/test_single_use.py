from collections.abc import Iterator
from pathlib import Path

import pytest
from freshkey.preflight.online.single_use import was_removed
from freshkey.settings import load

from tests.settings.files import NO_VARIABLES, config, written
from tests.support.other_user import as_other_user

AUTH = """
method = "{method}"
{options}
remove_{kind}_file = true
{kind}_file = "shut/credential"
"""


@pytest.fixture
def shut(tmp_path: Path) -> Iterator[Path]:
    directory = tmp_path / "shut"
    directory.mkdir()
    yield directory
    directory.chmod(0o700)


@pytest.mark.parametrize(
    ("kind", "method", "options"),
    [("jwt", "jwt", 'role = "agent"'), ("password", "userpass", 'username = "agent"')],
)
def test_what_can_not_be_seen_was_not_removed(
    tmp_path: Path, shut: Path, kind: str, method: str, options: str
) -> None:
    auth = AUTH.format(kind=kind, method=method, options=options)
    settings = load(written(tmp_path, config(auth=auth)), NO_VARIABLES)
    assert settings.auth is not None
    assert was_removed(settings.auth)
    with as_other_user(shut):
        assert not was_removed(settings.auth)
    (shut / "credential").write_text("secret")
    assert not was_removed(settings.auth)
