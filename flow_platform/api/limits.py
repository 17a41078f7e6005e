"""How often one client may call: rates over all processes, and the lock after failed sign-ins.

Counted in PostgreSQL. The limits are in `config.Limits`; callers identify the client.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import ipaddress
import math
import time
from collections import OrderedDict
from dataclasses import dataclass, field
from functools import lru_cache

from flow_platform.api.config import Limit, Limits
from flow_platform.api.database import Database
from flow_platform.api.metrics import Metrics
from flow_platform.api.problems import Problem

# A process forgets the clients that called longest ago; at worst it leases for them once more.
_REMEMBERED = 50_000
# A hundredth of a window's allowance at once: 1,000 requests a second cost two round trips, and
# little is left unused in other processes. Small allowances are counted one by one.
_LEASES_A_WINDOW = 100
_LARGEST_LEASE = 500

_LEASE = """
insert into auth.rate_windows as w (kind, subject, window_start, ends_at, used, granted)
select %(kind)s, %(subject)s, start, start + %(seconds)s * interval '1 second',
       least(%(chunk)s, %(allowance)s), least(%(chunk)s, %(allowance)s)
from (
    select to_timestamp(floor(extract(epoch from now()) / %(seconds)s) * %(seconds)s) as start
) as present
on conflict (kind, subject, window_start) do update set
    granted = least(%(chunk)s, greatest(0, %(allowance)s - w.used)),
    used = w.used + least(%(chunk)s, greatest(0, %(allowance)s - w.used))
returning granted, extract(epoch from ends_at - now())::float8 as seconds_left
"""

_ATTEMPT = """
insert into auth.sign_in_attempts as a (name, failed_at, last_at)
values (%(name)s, array[now()], now())
on conflict (name) do update set
    last_at = now(),
    failed_at = now() || array(
        select t from unnest(a.failed_at) as t where t > now() - %(seconds)s * interval '1 second'
    )
where (
    select count(*) from unnest(a.failed_at) as t
    where t > now() - %(seconds)s * interval '1 second'
) < %(allowance)s
returning name
"""
_LOCKED_UNTIL = """
select extract(epoch from min(t) + %(seconds)s * interval '1 second' - now())::float8
    as seconds_left
from auth.sign_in_attempts, unnest(failed_at) as t
where name = %(name)s and t > now() - %(seconds)s * interval '1 second'
"""


@dataclass(slots=True)
class _Lease:
    """Requests that this process may still grant before the window ends, on its monotonic clock."""

    left: int = 0
    deadline: float = 0.0
    is_spent: bool = False
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)


class RateLimits:
    """Fixed windows with a strict upper bound over all processes that share the database.

    A process reserves part of a window's allowance in one statement and then grants from it without
    a statement. At the border of two windows a client can use both: twice the allowance.

    >>> await limits.take("address", address_subject("192.0.2.7"))
    """

    def __init__(self, database: Database, limits: Limits, key: bytes, metrics: Metrics) -> None:
        self._database = database
        self._limits: dict[str, Limit] = {
            name: value for name, value in vars(limits).items() if isinstance(value, Limit)
        }
        self._key = key
        self._metrics = metrics
        self._leases: OrderedDict[tuple[str, str], _Lease] = OrderedDict()

    async def take(self, kind: str, subject: str) -> None:
        """Count one of `kind` (a field of Limits) for `subject`.

        Raises Problem 429 with Retry-After when the window's allowance is used up, DatabaseDown.
        """
        lease = self._leases.get((kind, subject))
        if lease is None:
            lease = self._leases[kind, subject] = _Lease()
            if len(self._leases) > _REMEMBERED:
                self._leases.popitem(last=False)
        if not self._grant(kind, lease):
            async with lease.lock:
                while not self._grant(kind, lease):
                    await self._renew(kind, subject, lease)

    def _grant(self, kind: str, lease: _Lease) -> bool:
        now = time.monotonic()
        if now >= lease.deadline:
            return False
        if lease.left:
            lease.left -= 1
            return True
        if lease.is_spent:
            self._metrics.refused.labels(kind).inc()
            raise too_many(lease.deadline - now)
        return False

    async def _renew(self, kind: str, subject: str, lease: _Lease) -> None:
        limit = self._limits[kind]
        chunk = max(1, min(_LARGEST_LEASE, limit.allowance // _LEASES_A_WINDOW))
        asked_at = time.monotonic()
        (row,) = await self._database.rows(
            _LEASE,
            {
                "kind": kind,
                "subject": self.pseudonym(subject),
                "seconds": limit.seconds,
                "chunk": chunk,
                "allowance": limit.allowance,
            },
        )
        # Counted from before the statement: the lease ends here no later than in the database.
        lease.deadline = asked_at + row["seconds_left"]
        lease.left = row["granted"]
        lease.is_spent = not row["granted"]

    def pseudonym(self, subject: str) -> str:
        """The name of an address or an account in the database; without the key it names nobody."""
        raw = subject.encode("utf-8", "surrogatepass")
        return hmac.new(self._key, raw, hashlib.sha256).hexdigest()[:32]

    async def reserve_sign_in(self, name: str) -> None:
        """Count a sign-in under `name` as failed until `sign_in_succeeded` is called.

        Counted before the password is checked, so that guesses at the same time are counted too.
        Raises Problem 429 when there were too many recent failures, for unknown names as well.
        """
        limit = self._limits["failures"]
        params = {
            "name": self.pseudonym(name),
            "seconds": limit.seconds,
            "allowance": limit.allowance,
        }
        if not await self._database.rows(_ATTEMPT, params):
            (row,) = await self._database.rows(_LOCKED_UNTIL, params)
            self._metrics.refused.labels("failures").inc()
            raise too_many(
                row["seconds_left"] or 1.0,
                "Too many failed sign-ins under this name. Wait.",
                "locked",
            )

    async def sign_in_succeeded(self, name: str) -> None:
        """Forget the failures under `name`."""
        await self._database.execute(
            "delete from auth.sign_in_attempts where name = %(name)s",
            {"name": self.pseudonym(name)},
        )


def too_many(seconds: float, detail: str | None = None, type: str = "rate-limited") -> Problem:
    """The Problem 429 for a client that must wait for `seconds`."""
    return Problem(
        429,
        detail=detail or "This client has sent as many requests as it may in this window. Wait.",
        type=type,
        headers={"Retry-After": str(max(1, math.ceil(seconds)))},
    )


@lru_cache(10_000)
def address_subject(address: str) -> str:
    """The subject that requests from an address are counted for.

    For IPv6 that is its /64, which one household or server has.

    >>> address_subject("2001:db8::1")
    '2001:db8::/64'
    """
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return address
    if isinstance(parsed, ipaddress.IPv6Address):
        if parsed.ipv4_mapped is not None:
            return str(parsed.ipv4_mapped)
        return str(ipaddress.ip_network((parsed, 64), strict=False))
    return str(parsed)
