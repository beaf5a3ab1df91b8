from __future__ import annotations

from tests.agent.conftest import engine, make_agent
from tests.gateway.conftest import make_gateway, port

__all__ = ["engine", "make_agent", "make_gateway", "port"]
