"""Chance as a value: one seed per step, and independent draws by label."""

from __future__ import annotations

from hashlib import blake2b

from freshkey.core.model.struct import Struct

_BYTES = 7  # 56 bits: a float in [0, 1) holds 53


class Chance(Struct, frozen=True):
    """The randomness of one step. The same seed gives the same draws: a run can be replayed."""

    seed: int

    def draw(self, *labels: str) -> float:
        """Return a number in [0, 1) that depends on the seed and the labels alone."""
        text = "/".join((str(self.seed), *labels)).encode()
        digest = blake2b(text, digest_size=_BYTES).digest()
        return int.from_bytes(digest, "big") / (1 << (8 * _BYTES))
