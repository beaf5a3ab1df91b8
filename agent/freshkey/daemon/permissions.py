"""Who may read which key, and who may use the gateway, under one configuration."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from freshkey.core.model.faults import Fault, FaultError, FaultKind
from freshkey.serve.access import Access

if TYPE_CHECKING:
    from freshkey.gateway.clients import Client
    from freshkey.settings.model import Settings


class Permissions(NamedTuple):
    """The rules, with the ids that their names had when the configuration was read."""

    access: Access
    clients: tuple[Client, ...]

    @classmethod
    def of(cls, settings: Settings) -> Permissions:
        """Look the names up, which may take as long as a directory service does.

        Raises FaultError (`output`) for a name that is unknown.
        """
        clients: tuple[Client, ...] = ()
        try:
            access = Access.of(settings.keys)
            if settings.gateway.is_on:
                from freshkey.gateway.clients import clients_of  # noqa: PLC0415 - 8 ms with what it imports, and most agents have no gateway

                clients = clients_of(settings.gateway, settings.keys)
        except KeyError as error:
            message = f"{error.args[0]} on this machine any more: create it, or try again"
            raise FaultError(Fault(FaultKind.OUTPUT, message)) from None
        return cls(access, clients)
