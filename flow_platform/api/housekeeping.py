"""Removes expired rows from the service's own tables, every ten minutes or so.

How long rows are kept is decided here and listed in docs/privacy.md. The audit of accounts is
shortened by a function of the database, because the service itself may only add to it.
"""

from __future__ import annotations

import asyncio
import random

from flow_platform.api.database import Database, DatabaseDown
from flow_platform.api.logs import log, log_failure

_EVERY_SECONDS = 600.0

STATEMENTS = (
    "delete from auth.rate_windows where ends_at < now()",
    "delete from auth.sign_in_attempts where last_at < now() - interval '1 hour'",
    # Refresh tokens go with their session: as long as it lives, a used one must be recognised.
    "delete from auth.sessions where expires_at < now() or revoked_at < now() - interval '30 days'",
    "delete from auth.idempotency_keys where created_at < now() - interval '7 days'",
    "select auth.shorten_audit()",
)


async def clean(database: Database) -> None:
    """Remove every expired row. Safe in several processes at once. Raises DatabaseDown."""
    for statement in STATEMENTS:
        await database.execute(statement)


async def keep_house(database: Database) -> None:
    """Clean until cancelled, at random moments, so that processes do not clean at once."""
    while True:
        await asyncio.sleep(_EVERY_SECONDS * random.uniform(0.5, 1.5))
        try:
            await clean(database)
        except DatabaseDown:
            log("housekeeping postponed")
        except Exception as error:
            log_failure("housekeeping failed", error)
