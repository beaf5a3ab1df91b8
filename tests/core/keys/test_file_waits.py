"""A file costs nothing to try, and its readers hold the old key."""

from __future__ import annotations

import pytest
from freshkey.core.keys.publishing import on_published, write
from freshkey.core.model.actions import Publish
from freshkey.core.model.events import Published
from freshkey.core.model.token import Tokens

from tests.core.contexts import NOW, at, token
from tests.core.keys.held import published
from tests.core.scripts import FULL_DISK


@pytest.mark.parametrize(("failures", "longest"), [(0, 1), (1, 2), (2, 4), (3, 5), (9, 5)])
def test_a_file_that_can_not_be_written_is_tried_every_few_seconds(
    failures: int, longest: float
) -> None:
    context = at(tokens=Tokens(token()))
    key = write(published(write_failures=failures), context)
    (order,) = context.actions
    assert isinstance(order, Publish)
    after = on_published(key, Published(order, (FULL_DISK,)), context)
    draw = context.chance.draw("billing", "write")
    assert draw > 0.1
    assert after.rewrite_at == NOW + longest * draw
