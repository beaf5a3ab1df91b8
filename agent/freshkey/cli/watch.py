"""`freshkey watch`: a line for every generation of a key, without the key."""

from __future__ import annotations

import json
import time
from http import HTTPStatus
from typing import TYPE_CHECKING, Final, NoReturn

from freshkey.cli.agent_socket import agent_socket
from freshkey.cli.ask import NoAgentError, refusal
from freshkey.cli.trouble import Trouble
from freshkey.cli.waiting import LONGEST, ask_for_key, forbid_core, pause, tag_of

if TYPE_CHECKING:
    from argparse import Namespace

_TOLD: Final = ("name", "tag", "generation", "not_after", "expires_in", "stale", "api_key_id")


def watch(options: Namespace) -> NoReturn:
    """Print the current generation and every new one, until a signal or a refusal ends it.

    An agent that goes away once it was there, or has no key, is waited for.
    """
    forbid_core()
    path = agent_socket(options)
    tag: str | None = None
    trouble = Trouble()
    met = False
    while True:
        asked = time.monotonic()
        try:
            answer = ask_for_key(path, options.name, tag, LONGEST)
        except NoAgentError as error:
            if not met:
                raise
            trouble.tell(error)
        else:
            met = True
            if answer.status == HTTPStatus.SERVICE_UNAVAILABLE:
                trouble.tell(refusal(answer, options.name))
            else:
                trouble.over()
            if answer.status == HTTPStatus.OK and tag_of(answer) != tag:
                tag = tag_of(answer)
                print(json.dumps({part: answer.content.get(part) for part in _TOLD}), flush=True)
                continue
        pause(asked)
