"""Orders that Vault answers, and tokens after failures, for tests of one function."""

from __future__ import annotations

from freshkey.core.model.actions import LogIn, LookUpToken, RenewToken, RevokeToken
from freshkey.core.model.faults import Fault, FaultKind, Operation, Trouble
from freshkey.core.model.secret import Secret
from freshkey.core.model.token import Tokens

from tests.core.contexts import NOW, token
from tests.core.scripts import FORBIDDEN

SECRET = Secret("hvs.1")
LOG_IN = LogIn(None)
RENEW = RenewToken(1, SECRET, 100)
LOOK_UP = LookUpToken(1, SECRET, owned=True)
REVOKE = RevokeToken(2, Secret("hvs.2"))
TROUBLE = Trouble(Operation.LOG_IN, FORBIDDEN, NOW - 9)
INVALID_TOKEN = Fault(FaultKind.TOKEN_INVALID, "Vault calls the token invalid")
TROUBLED = Tokens(
    current=token(), count=3, retry_at=NOW - 5, failures=4, trouble=TROUBLE, recheck=True
)
