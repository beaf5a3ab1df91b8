"""Takes secrets out of text, wherever they come from: by their look, and by their value.

The look covers OpenAI keys, Vault tokens, the JSON web tokens that logins use, and the tokens of
runs: so many of these may come that they would push out others. The values are those that the agent
holds, for what has no look: secret-ids, passwords, custom token ids.
"""

from __future__ import annotations

import base64
import json
import math
import re
from collections import OrderedDict
from collections.abc import Collection, Mapping
from itertools import chain
from threading import Lock
from typing import Final
from urllib.parse import quote, quote_plus

from freshkey.core.model.secret import MASK, Secret
from freshkey.core.model.text import escaped

_CAPACITY: Final = 256  # secrets that belong to no key; the newest stay
_FOR_KEY: Final = 4  # secrets: the current one, the one before it, a candidate, and one more
_END: Final = 6  # characters; a shorter secret would black out half of every line
_DEPTH: Final = 8  # levels of nesting that are logged
_CONTROL: Final = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]")
_LOOKS: Final = re.compile(
    r"""
    # the start of a word, also after an escape: %0A, \x0a, \n, \u000a
    (?=[befhrs])
    (?: (?<![A-Za-z0-9]) | (?<=[%x][0-9A-Fa-f]{2}) | (?<=\\[nrt]) | (?<=\\u[0-9A-Fa-f]{4}) )
    (?:
        sk-[A-Za-z0-9_*-]{8,}                                      # OpenAI
      | freshkey-run-[A-Za-z0-9_-]{8,}                             # core.model.run_token
      | hv[sbr]\.[A-Za-z0-9_.-]{8,}                                # Vault, since 1.10
      | [sbr]\.[A-Za-z0-9]{24,}                                    # Vault before
      | eyJ[A-Za-z0-9_-]{8,}\.eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]* # RFC 7519
    )
    """,
    re.VERBOSE,
)


class Redactor:
    """Remembers secrets, and masks each, plain or encoded, in any text.

    Of those that belong to a key it remembers the last four, so that a key which changes often
    pushes no other one out; of the rest the last `capacity`.
    """

    def __init__(self, capacity: int = _CAPACITY) -> None:
        self._capacity = capacity
        self._lock = Lock()
        self._known: OrderedDict[Secret, frozenset[str]] = OrderedDict()
        self._of_key: dict[str, OrderedDict[Secret, None]] = {}
        self._passing: set[Secret] = set()  # those of the known that `clear_temporary` drops
        # Forms by their last characters, in which secrets of one kind differ. Replaced as a whole:
        # read without the lock.
        self._ends: dict[str, tuple[str, ...]] = {}

    def add_secret(self, secret: Secret, key: str = "") -> None:
        """Mask this secret, of a key or of none, from now on.

        One of less than 6 characters is not masked.
        """
        with self._lock:
            self._passing.discard(secret)
            self._remember(secret)
            if key:
                self._hold(secret, self._of_key.setdefault(key, OrderedDict()))
            self._drop_oldest()

    def add_temporary(self, secret: Secret) -> None:
        """Mask a credential until `clear_temporary`; one that is known anyway stays known."""
        with self._lock:
            if secret not in self._known:
                self._passing.add(secret)
            self._remember(secret)
            self._drop_oldest()

    def clear_temporary(self) -> None:
        """Keep nothing of credentials that served their purpose."""
        with self._lock:
            self._drop(self._passing)
            self._passing.clear()

    def _remember(self, secret: Secret) -> None:
        if secret in self._known:
            self._known.move_to_end(secret)
            return
        forms = self._known[secret] = _forms(secret.reveal())
        ends = self._ends.copy()
        for form in forms:
            ends[form[-_END:]] = (*ends.get(form[-_END:], ()), form)
        self._ends = ends

    def _hold(self, secret: Secret, held: OrderedDict[Secret, None]) -> None:
        held[secret] = None
        held.move_to_end(secret)
        if len(held) > _FOR_KEY:
            oldest, _ = held.popitem(last=False)
            if oldest not in self._held():
                self._drop([oldest])

    def _held(self) -> set[Secret]:
        return set(chain.from_iterable(self._of_key.values()))

    def _drop_oldest(self) -> None:
        """Drop the oldest of those that belong to no key, if there are too many."""
        if len(self._known) <= self._capacity:
            return
        held = self._held()
        free = [secret for secret in self._known if secret not in held]
        oldest = free[: max(0, len(free) - self._capacity)]
        self._drop(oldest)
        self._passing.difference_update(oldest)

    def _drop(self, secrets: Collection[Secret]) -> None:
        ends = self._ends.copy()
        for form in chain.from_iterable(self._known.pop(secret) for secret in secrets):
            same_end = list(ends.pop(form[-_END:]))
            same_end.remove(form)  # once: another secret may have it, too
            if same_end:
                ends[form[-_END:]] = tuple(same_end)
        self._ends = ends

    def text(self, text: str) -> str:
        """Mask what is secret in `text`, in time that does not grow with the secrets known."""
        ends = self._ends
        if ends:
            pieces = {text[i : i + _END] for i in range(len(text) - _END + 1)}
            found = [form for piece in pieces & ends.keys() for form in ends[piece]]
            for form in sorted(found, key=len, reverse=True):
                text = text.replace(form, MASK)
        return _LOOKS.sub(MASK, text)

    def value(self, value: object, depth: int = 0) -> object:
        """Rebuild `value` from what JSON knows, with all text in it masked and fit for a terminal.

        Bytes are decoded, other objects are shown by their repr.
        """
        match value:
            case None | bool():
                return value
            case int():  # a password may be digits only
                return value if self.text(str(value)) == str(value) else MASK
            case float() if math.isfinite(value):
                return value
            case _ if depth > _DEPTH:
                return "…"
            case str():
                shown = str(value)
            case bytes() | bytearray():
                shown = value.decode(errors="backslashreplace")
            case Mapping():
                return {
                    str(self.value(str(name), depth)): self.value(item, depth + 1)
                    for name, item in value.items()
                }
            case list() | tuple() | set() | frozenset():
                return [self.value(item, depth + 1) for item in value]
            case _:
                shown = _repr(value)
        return _CONTROL.sub(_visible, self.text(shown))


def _visible(match: re.Match[str]) -> str:
    char = match[0]
    return f"\\x{ord(char):02x}" if char <= "\xff" else escaped(char)


def _repr(value: object) -> str:
    try:
        return repr(value)
    except Exception as error:  # noqa: BLE001 - whatever an object does, its event is logged
        return f"<{type(value).__name__}: {type(error).__name__} in repr>"


def _forms(value: str) -> frozenset[str]:
    """How a secret looks in a URL, in JSON, in a repr, and inside base64."""
    data = value.encode(errors="surrogatepass")
    escaped = {quote(data, safe=""), quote_plus(data), quote(data)}
    lower = {re.sub("%..", lambda match: match[0].lower(), form) for form in escaped}
    quoted = {json.dumps(value)[1:-1], repr(value)[1:-1], repr(data)[2:-1]}
    forms = {value, *escaped, *lower, *quoted, *_in_base64(data)}
    return frozenset(form for form in forms if len(form) >= _END)


def _in_base64(data: bytes) -> set[str]:
    """The characters that `data` alone decides, at each of its three places in a base64 text."""
    forms = set()
    for before in range(3):
        first = (before * 8 + 5) // 6
        last = (before + len(data)) * 8 // 6
        padded = bytes(before) + data
        forms.add(base64.b64encode(padded).decode()[first:last])
        forms.add(base64.urlsafe_b64encode(padded).decode()[first:last])
    return forms


_REDACTOR: Final = Redactor()
add_secret: Final = _REDACTOR.add_secret
add_temporary: Final = _REDACTOR.add_temporary
clear_temporary: Final = _REDACTOR.clear_temporary
redact_text: Final = _REDACTOR.text
redact_value: Final = _REDACTOR.value
