"""Query parameters, and lists page by page.

Source: https://platform.openai.com/docs/api-reference/project-service-accounts/list
"""

from collections.abc import Callable, Sequence
from typing import TypeVar

from starlette.datastructures import QueryParams

from testbed.emulator.errors import api_error

T = TypeVar("T")
DEFAULT_LIMIT = 20
MAX_LIMIT = 100


def values(query: QueryParams, name: str) -> frozenset[str]:
    """Return all values of a parameter, sent as `name=a&name=b` or `name[]=a&name[]=b`."""
    return frozenset(query.getlist(name)) | frozenset(query.getlist(f"{name}[]"))


def integer(query: QueryParams, name: str, default: int | None = None) -> int:
    """Return an integer parameter; raises APIError (400) when it is none, or missing."""
    text = query.get(name)
    if text is None:
        if default is None:
            raise api_error(
                400,
                f"Missing required parameter: '{name}'.",
                param=name,
                code="missing_required_parameter",
            )
        return default
    try:
        return int(text)
    except ValueError:
        raise api_error(
            400,
            f"Invalid type for '{name}': expected an integer, but got a string instead.",
            param=name,
            code="invalid_type",
        ) from None


def limit(query: QueryParams, default: int = DEFAULT_LIMIT, maximum: int = MAX_LIMIT) -> int:
    """Return `limit`; raises APIError (400) when it is not between 1 and the maximum."""
    number = integer(query, "limit", default)
    for wrong, side, sign, bound in (
        (number < 1, "below min", ">=", 1),
        (number > maximum, "above max", "<=", maximum),
    ):
        if wrong:
            raise api_error(
                400,
                f"Invalid 'limit': integer {side}imum value. "
                f"Expected a value {sign} {bound}, but got {number} instead.",
                param="limit",
                code=f"integer_{side.replace(' ', '_')}_value",
            )
    return number


def page(
    query: QueryParams,
    items: Sequence[T],
    identity: Callable[[T], str],
    body: Callable[[T], object],
) -> dict[str, object]:
    """Return the list that follows the id `after`, with at most `limit` items."""
    size = limit(query)
    after = query.get("after")
    start = 0
    if after is not None:
        start = 1 + next((i for i, item in enumerate(items) if identity(item) == after), -2)
        if start < 0:
            raise api_error(
                400, f"No object found with id '{after}'.", param="after", code="invalid_cursor"
            )
    shown = items[start : start + size]
    return {
        "object": "list",
        "data": [body(item) for item in shown],
        "first_id": identity(shown[0]) if shown else None,
        "last_id": identity(shown[-1]) if shown else None,
        "has_more": start + size < len(items),
    }
