"""Logging: structured events, and nothing secret in them.

Our own events come through structlog, `log.info("key.published", generation=7)`: a dotted name
and stable fields. What libraries log, and what crashes, takes the same way out.

May import: core.model.
"""
