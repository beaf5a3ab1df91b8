"""The organization: which projects, accounts, and keys exist, and which keys work.

Pure bookkeeping: the time is an argument, in Unix seconds.
"""

from dataclasses import dataclass, replace

from testbed.emulator.audit import AuditLog
from testbed.emulator.counters import AccountCounters
from testbed.emulator.errors import mask
from testbed.emulator.federation import Federation
from testbed.emulator.records import (
    AdminKey,
    Key,
    Project,
    ServiceAccount,
    Validity,
    digest,
    new_id,
    new_secret,
)

ADMIN_API_KEY = "sk-admin-emulator"
"""The first admin key of every emulator; it opens nothing else, so it is no secret."""

ADMIN_API_KEY_ID = "key_admin_emulator"
PROJECT_ID = "proj_emulator"
"""The first project of every emulator."""


@dataclass(frozen=True, slots=True)
class _DeletedAccount:
    """A deleted account whose key still works."""

    account: ServiceAccount
    works_until: float


class Organization:
    """What the organization API changes and the data plane asks."""

    def __init__(self, now: float) -> None:
        self.projects: dict[str, Project] = {}
        self.accounts: dict[str, ServiceAccount] = {}
        self.admin_keys: dict[str, AdminKey] = {}
        self.audit_log = AuditLog()
        self.account_counters = AccountCounters()
        self.federation = Federation()
        self._by_digest: dict[str, ServiceAccount] = {}
        self._deleted: dict[str, _DeletedAccount] = {}
        self._add_project(Project(PROJECT_ID, "Emulator", now))
        self._add_admin_key(ADMIN_API_KEY_ID, "first", ADMIN_API_KEY, now)

    def create_project(self, name: str, now: float) -> Project:
        """Add a project."""
        return self._add_project(Project(new_id("proj_"), name, now))

    def create_account(
        self, project: Project, name: str, actor: AdminKey, validity: Validity
    ) -> tuple[ServiceAccount, str]:
        """Add a service account; return it with the value of its key, which is kept nowhere."""
        value = new_secret("sk-svcacct-")
        key = Key(new_id("key_"), digest(value), validity)
        now = validity.created_at
        account = ServiceAccount(new_id("svc_acct_"), name, project.id, now, key)
        self.accounts[account.id] = account
        self._by_digest[key.digest] = account
        self.audit_log.created(account, project, actor, now)
        self.account_counters.count_mint(account, self.live(now))
        return account, value

    def delete_account(
        self, account: ServiceAccount, actor: AdminKey | None, now: float, *, revocation_lag: float
    ) -> None:
        """Delete an account with its key, which works on for the lag (in seconds)."""
        del self.accounts[account.id]
        del self._by_digest[account.key.digest]
        self._deleted[account.key.digest] = _DeletedAccount(account, now + revocation_lag)
        self.audit_log.deleted(account, self.projects[account.project_id], actor, now)
        self.account_counters.count_deletion(account)

    def create_admin_key(self, name: str, now: float) -> tuple[AdminKey, str]:
        """Add an admin key; return it with its value, which is kept nowhere."""
        value = new_secret("sk-admin-")
        return self._add_admin_key(new_id("key_"), name, value, now), value

    def live(self, now: float) -> list[ServiceAccount]:
        """List the accounts whose key exists and has not expired, oldest first."""
        return [each for each in self.accounts.values() if not each.key.validity.expired(now)]

    def authenticate(self, value: str, now: float) -> ServiceAccount | None:
        """Return the account that a key works for at this moment, if any."""
        name = digest(value)
        account = self._by_digest.get(name)
        if account is None:
            deleted = self._deleted.get(name)
            if deleted is None:
                return self._with_access_token(value, now)
            if now >= deleted.works_until:
                return None
            account = deleted.account
        return account if account.key.validity.holds(now) else None

    def _with_access_token(self, value: str, now: float) -> ServiceAccount | None:
        """Return the account for which an access token was given; its usage is the token's."""
        token = self.federation.token(value, now)
        account = None if token is None else self.accounts.get(token.account_id)
        if token is None or account is None:
            return None
        validity = Validity(token.issued_at, token.issued_at, token.expires_at)
        return replace(account, key=Key(token.id, token.digest, validity))

    def authenticate_admin(self, value: str, _now: float) -> AdminKey | None:
        """Return the admin key with this value, if any."""
        name = digest(value)
        return next((key for key in self.admin_keys.values() if key.digest == name), None)

    def _add_project(self, project: Project) -> Project:
        self.projects[project.id] = project
        return project

    def _add_admin_key(self, key_id: str, name: str, value: str, now: float) -> AdminKey:
        key = AdminKey(key_id, name, digest(value), mask(value), now)
        self.admin_keys[key_id] = key
        return key
