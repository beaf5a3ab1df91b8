"""The organization's audit log: who made and deleted which account and key.

Source: `openai/types/admin/organization/audit_log_list_response.py`.
"""

from dataclasses import dataclass, field
from typing import Literal

from testbed.emulator.records import AdminKey, Project, ServiceAccount, new_id

EventType = Literal[
    "service_account.created", "service_account.deleted", "api_key.created", "api_key.deleted"
]


@dataclass(frozen=True, slots=True)
class Event:
    """One entry. An actor of None is a person at the web page."""

    id: str
    type: EventType
    effective_at: float
    project: Project
    actor: AdminKey | None
    details: dict[str, object]

    def body(self) -> dict[str, object]:
        """Return it as the API shows it."""
        user = {"id": "user-owner", "email": "owner@emulator.invalid"}
        actor: dict[str, object]
        if self.actor is None:
            session = {"user": user, "ip_address": "127.0.0.1"}
            actor = {"type": "session", "session": session}
        else:
            api_key = {"id": self.actor.id, "type": "user", "user": user}
            actor = {"type": "api_key", "api_key": api_key}
        return {
            "id": self.id,
            "type": self.type,
            "effective_at": int(self.effective_at),
            "project": {"id": self.project.id, "name": self.project.name},
            "actor": actor,
            self.type: self.details,
        }


@dataclass(slots=True)
class AuditLog:
    """All entries, oldest first."""

    events: list[Event] = field(default_factory=list)

    def created(
        self, account: ServiceAccount, project: Project, actor: AdminKey | None, now: float
    ) -> None:
        """Record a new account and its key."""
        role: dict[str, object] = {"id": account.id, "data": {"role": "member"}}
        scopes: dict[str, object] = {"id": account.key.id, "data": {"scopes": []}}
        self._add("service_account.created", project, actor, now, role)
        self._add("api_key.created", project, actor, now, scopes)

    def deleted(
        self, account: ServiceAccount, project: Project, actor: AdminKey | None, now: float
    ) -> None:
        """Record the end of an account and its key."""
        self._add("service_account.deleted", project, actor, now, {"id": account.id})
        self._add("api_key.deleted", project, actor, now, {"id": account.key.id})

    def _add(
        self,
        kind: EventType,
        project: Project,
        actor: AdminKey | None,
        now: float,
        details: dict[str, object],
    ) -> None:
        self.events.append(Event(new_id("audit_log-"), kind, now, project, actor, details))
