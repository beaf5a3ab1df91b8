"""The journal's bytes: what one version wrote, the next one reads; what was damaged, none."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import TYPE_CHECKING

import pytest
from freshkey.core.model.events import RotateRequested
from freshkey.core.model.ledger import Federation, Source, to_ledger
from freshkey.core.model.struct import replace
from freshkey.outputs.codec import Header, UnreadableError, decode, encode, seal

from tests.core.scripts import ORIGIN, policy, sources
from tests.core.vault import Vault
from tests.core.world import World

if TYPE_CHECKING:
    from collections.abc import Iterable

    from freshkey.core.model.ledger import Ledger

HEADER = Header("machine", "boot", 1000.0, 2000.0)
SINCE_KV = ("outdated", "barred", "unannounced")  # fields of a key


def ledger() -> Ledger:
    """One key with a lease and one without, and a token."""
    world = World(
        policy("kept", "minted"), Vault(static_keys={"kept": "sk-kept"}, token_ttl=3600)
    ).start()
    world.run(10).send(RotateRequested("minted")).run(10)
    return to_ledger(world.state, ORIGIN, sources(world.policy))


def test_what_was_written_is_read() -> None:
    assert decode(encode(HEADER, ledger())) == (HEADER, ledger())


def written() -> bytes:
    return encode(HEADER, ledger())


def adopted(contents: Iterable[bytes]) -> list[bytes]:
    """Those that are taken for a journal."""
    found = []
    for content in contents:
        with suppress(UnreadableError):
            decode(content)
            found.append(content)
    return found


def without_digest(content: bytes) -> bytes:
    """The same as version 2 wrote it."""
    parsed = json.loads(content)
    return json.dumps(
        {"version": 2, "header": parsed["header"], "ledger": parsed["ledger"]}
    ).encode()


def test_no_flipped_bit_is_adopted() -> None:
    content = written()
    flipped = (
        content[:at] + bytes([content[at] ^ 1 << bit]) + content[at + 1 :]
        for at in range(len(content))
        for bit in range(8)
    )
    assert adopted(flipped) == []


@pytest.mark.parametrize("byte", [b"", b"\0", b"\n", b" ", b"0", b"a", b'"', b"{", b"}"])
def test_no_other_byte_is_adopted(byte: bytes) -> None:
    content = written()
    changed = {content[:at] + byte + content[at + 1 :] for at in range(len(content))}
    assert adopted(changed) == [content] * (content in changed)


def test_no_part_of_it_is_adopted() -> None:
    content = written()
    assert adopted(content[:length] for length in range(len(content))) == []
    assert adopted(content[start:] for start in range(1, len(content))) == []


def test_nothing_more_than_it_is_adopted() -> None:
    content = written()
    head, _, rest = content.partition(b"\n")
    longer = [content + more for more in (b"\0", b"\n", b" ", b"}", head, rest, content)]
    longer += [more + content for more in (b"\0", b"\n", b" ", b"\xef\xbb\xbf")]
    longer += [head + b"\n" + content, rest + content, b"[" + content + b"]"]
    assert adopted(longer) == []


def test_lines_of_two_journals_make_none() -> None:
    """A crash on a disk may leave the pages of two writes."""
    one, _, its_rest = written().partition(b"\n")
    other, _, other_rest = encode(Header("machine", "boot", 1001.0, 2001.0), ledger()).partition(
        b"\n"
    )
    assert adopted([one + b"\n" + other_rest, other + b"\n" + its_rest]) == []


def resealed(content: bytes, old: bytes, new: bytes) -> bytes:
    """Nonsense under the right digest."""
    assert old in content
    return seal(b"{" + content.partition(b"\n")[2].replace(old, new))


def test_what_is_wrong_is_told() -> None:
    content = written()
    for changed, why in [
        (content.replace(b"sk-kept", b"sk-kepu"), "its digest is that of another content"),
        (content.replace(b'"version": 3', b'"version": 2'), "its digest is that of another"),
        (content.replace(b'"version": 3', b'"version": 4'), "it has version 4, and this freshkey"),
        (content[:-1], "it is not JSON: truncated, perhaps"),
        (seal(b'{"header": {}}'), "its fields are not those of a journal"),
        (resealed(content, b'"sk-kept"', b'"\\ud800"'), "its fields are not those of a journal"),
        (resealed(content, b'"service"', b'"\\ud800"'), "its fields are not those of a journal"),
    ]:
        with pytest.raises(UnreadableError, match=why) as caught:
            decode(changed)
        assert "sk-" not in str(caught.value)


def test_a_journal_from_before_the_digest() -> None:
    """Who updates the agent keeps the keys."""
    assert decode(without_digest(written())) == (HEADER, ledger())


def test_a_journal_from_before_secrets_without_a_lease() -> None:
    content = json.loads(without_digest(written()))
    for key in content["ledger"]["keys"]:
        for field in SINCE_KV:
            del key[field]
    assert decode(json.dumps(content).encode()) == (HEADER, ledger())


def test_a_journal_without_federation_is_as_it_was() -> None:
    """An earlier version refuses fields that it does not know."""
    federation = Federation("idp_1", "svc_acct_1", "vault:billing", "https://auth")
    for source, named in (
        (Source("openai/creds/billing", "api_key"), False),
        (Source("", "", federation=federation), True),
    ):
        held = ledger()
        held = replace(held, keys=tuple(replace(entry, source=source) for entry in held.keys))
        content = encode(HEADER, held)
        assert (b'"federation"' in content) == named
        assert decode(content) == (HEADER, held)
