"""What all values are made of: immutable structs, compared by what they hold.

They are msgspec's, because `dataclasses` compiles six methods for each class: 80 of them took a
tenth of a start.
"""

from typing import TYPE_CHECKING

import msgspec
from msgspec import field

if TYPE_CHECKING:
    from dataclasses import replace  # mypy checks its arguments, and none of msgspec's
else:
    from msgspec.structs import replace


class Struct(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An immutable value; what it is read from may name its fields alone."""


__all__ = ["Struct", "field", "replace"]
