"""`freshkey rotate`: has the running agent replace a key, and waits for the new one."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Final

from freshkey.cli.agent_socket import agent_socket
from freshkey.cli.ask import NotAllowedError, ask, refusal
from freshkey.cli.failure import CommandError
from freshkey.cli.output import shown
from freshkey.cli.waiting import forbid_core, next_key, tag_of

if TYPE_CHECKING:
    from argparse import Namespace

_READ_WITHIN: Final = 10.0  # seconds: a read that mints nothing takes no longer (Session)


def rotate(options: Namespace) -> int:
    """Ask for a new generation, and print both tags when it is out."""
    if options.now and not options.compromised:
        raise CommandError("--now revokes a key at once: it needs --compromised too", 2)
    forbid_core()
    path = agent_socket(options)
    order = {"compromised": options.compromised, "now": options.now}
    answer = ask(path, f"/v1/keys/{options.name}/rotate", order=order)
    if answer.status == HTTPStatus.FORBIDDEN:
        line = f"{refusal(answer, options.name)}: run it as root or as the agent's user"
        raise CommandError(line)
    if answer.status != HTTPStatus.ACCEPTED:
        raise refusal(answer, options.name)
    old = tag_of(answer)
    try:
        new = tag_of(next_key(path, options.name, old, options.timeout, _READ_WITHIN))
    except NotAllowedError:  # `allow` leaves out who may have it replaced all the same
        why = (
            "asked for, but not waited for, because `allow` leaves you out: look at the agent's log"
        )
        print(f"{options.name}: {shown(old)} -> ? ({why})")
    else:
        print(f"{options.name}: {shown(old)} -> {shown(new)}")
    if options.compromised and (until := answer.content.get("lives_until")):
        account = shown(answer.content.get("service_account"))
        print(
            f"{options.name}: {shown(old)} lives until {shown(until)}, because OpenAI revokes no "
            f"access token: disable its federation rule there; to end it sooner, delete {account}"
        )
    return 0
