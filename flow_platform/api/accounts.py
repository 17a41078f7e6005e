"""Accounts: creating them, signing in, changing them. Every change is recorded in auth.audit.

Used by the service and by `flow user`. Sessions and tokens are in `sessions.py`.
"""

from __future__ import annotations

import asyncio
import json
import unicodedata
import uuid
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from weakref import WeakValueDictionary

from flow_platform.api.access import Role
from flow_platform.api.database import Database, Transaction
from flow_platform.api.limits import RateLimits
from flow_platform.api.passwords import Passwords
from flow_platform.ground.errors import FlowError

SERVICE = "service"
_COLUMNS = "id, email, role, disabled, created_at, last_sign_in_at"

_CREATE = """
with made as (
    insert into auth.accounts (email, password_hash, role)
    values (%(email)s, %(hash)s, %(role)s)
    on conflict (email) do nothing
    returning id, role
), recorded as (
    insert into auth.audit (actor, action, account_id, detail)
    select %(actor)s, 'registered', id, jsonb_build_object('role', role) from made
)
select id from made
"""
_CHANGE = f"""
update auth.accounts set
    role = coalesce(%(role)s, role), disabled = coalesce(%(disabled)s, disabled), changed_at = now()
where id = %(id)s
returning {_COLUMNS}
"""
_AUDIT = """
insert into auth.audit (actor, action, account_id, detail)
values (%(actor)s, %(action)s, %(id)s, %(detail)s::jsonb)
"""
_END_SESSIONS = """
update auth.sessions set revoked_at = now(), revoked_for = %(reason)s
where account_id = %(id)s and revoked_at is null
"""


class LastAdmin(FlowError):
    """The change would leave no enabled admin, who alone can make another one in the service."""


@dataclass(frozen=True)
class AccountView:
    """An account as an admin sees it. Moments in UTC."""

    id: uuid.UUID
    email: str
    role: Role
    disabled: bool
    created_at: datetime
    last_sign_in_at: datetime | None

    @property
    def is_admin(self) -> bool:
        return self.role is Role.ADMIN and not self.disabled


def normalised_email(text: str) -> str:
    """The form in which an address is stored and looked up.

    >>> normalised_email(" Ada@Example.com")
    'ada@example.com'
    """
    return unicodedata.normalize("NFC", text.strip()).lower()


class Accounts:
    """The accounts of the service.

    >>> accounts = Accounts(database, Passwords())
    >>> await accounts.register("ada@example.com", "four plain words: élan")
    True
    """

    def __init__(self, database: Database, passwords: Passwords) -> None:
        self._database = database
        self._passwords = passwords
        self._signing_in: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    async def register(
        self, email: str, password: str, role: Role = Role.VIEWER, actor: str = SERVICE
    ) -> bool:
        """Make an account. Returns False, and changes nothing, where the address has one already.

        Takes equally long either way. The password must have passed `passwords.refusal`. `actor` is
        recorded in the audit. Raises Problem 503 when too many passwords wait, DatabaseDown.
        """
        made = await self._database.rows(
            _CREATE,
            {
                "email": normalised_email(email),
                "hash": await self._passwords.hash(password),
                "role": role,
                "actor": actor,
            },
        )
        return bool(made)

    async def sign_in(
        self, name: str, password: str, limits: RateLimits
    ) -> tuple[uuid.UUID, Role] | None:
        """Id and role of the account of a name and password.

        None where they are wrong or the account is disabled. Raises Problem 429 while the name is
        locked after failures, DatabaseDown.
        """
        email = normalised_email(name)
        # One at a time under one name, so that only failures of others count against the owner.
        lock = self._signing_in.setdefault(email, asyncio.Lock())
        async with lock:
            await limits.reserve_sign_in(email)
            known = await self._database.rows(
                "select id, role, password_hash, disabled from auth.accounts"
                " where email = %(email)s",
                # PostgreSQL's text cannot hold NUL, and no address has one.
                {"email": email.replace("\0", "?")},
            )
            row: dict[str, Any] = known[0] if known else {}
            right, fresh = await self._passwords.verify(password, row.get("password_hash"))
            if not right or row["disabled"]:
                return None
            await limits.sign_in_succeeded(email)
        await self._database.execute(
            "update auth.accounts set last_sign_in_at = now(), password_hash = case"
            " when password_hash = %(old)s then coalesce(%(fresh)s, password_hash)"
            " else password_hash end where id = %(id)s",
            {"id": row["id"], "old": row["password_hash"], "fresh": fresh},
        )
        return row["id"], Role(row["role"])

    async def page(self, limit: int, offset: int) -> tuple[list[AccountView], int]:
        """`limit` accounts after the first `offset`, oldest first, and the number of all."""
        rows = await self._database.rows(
            f"select {_COLUMNS} from auth.accounts order by created_at, id"
            " limit %(limit)s offset %(offset)s",
            {"limit": limit, "offset": offset},
        )
        (count,) = await self._database.rows("select count(*) as n from auth.accounts")
        return [_account(row) for row in rows], count["n"]

    async def find(self, email: str) -> AccountView | None:
        """The account of an address, or None."""
        rows = await self._database.rows(
            f"select {_COLUMNS} from auth.accounts where email = %(email)s",
            {"email": normalised_email(email)},
        )
        return _account(rows[0]) if rows else None

    async def change(
        self,
        account_id: uuid.UUID,
        actor: str,
        role: Role | None = None,
        disabled: bool | None = None,
    ) -> AccountView | None:
        """Set the role, disable or enable. Returns None where there is no such account.

        Disabling ends its sessions. Raises LastAdmin when no enabled admin would be left.
        """
        given = {"role": role, "disabled": disabled}
        detail = {name: value for name, value in given.items() if value is not None}
        async with self._database.transaction() as transaction:
            # Two admins who demote each other at once must not both succeed.
            await transaction.execute("select pg_advisory_xact_lock(hashtext('flow.admins'))")
            before = await transaction.rows(
                f"select {_COLUMNS} from auth.accounts where id = %(id)s for update",
                {"id": account_id},
            )
            if not before:
                return None
            (changed,) = await transaction.rows(_CHANGE, {"id": account_id, **given})
            row = _account(changed)
            if _account(before[0]).is_admin and not row.is_admin:
                await _keep_an_admin(transaction)
            if disabled:
                await transaction.execute(_END_SESSIONS, {"id": account_id, "reason": "disabled"})
            await transaction.execute(
                _AUDIT,
                {
                    "actor": actor,
                    "action": "changed",
                    "id": account_id,
                    "detail": json.dumps(detail),
                },
            )
        return row

    async def set_password(self, account_id: uuid.UUID, password: str, actor: str) -> None:
        """Replace the password and end every session, also of somebody who knew the old one."""
        hash = await self._passwords.hash(password)
        async with self._database.transaction() as transaction:
            await transaction.execute(
                "update auth.accounts set password_hash = %(hash)s, changed_at = now()"
                " where id = %(id)s",
                {"id": account_id, "hash": hash},
            )
            await transaction.execute(_END_SESSIONS, {"id": account_id, "reason": "password"})
            await transaction.execute(
                _AUDIT, {"actor": actor, "action": "password set", "id": account_id, "detail": "{}"}
            )

    async def delete(self, account_id: uuid.UUID, actor: str) -> None:
        """Erase the account, its sessions and keys. The audit keeps its id, which is no name.

        Raises LastAdmin when no enabled admin would be left.
        """
        async with self._database.transaction() as transaction:
            await transaction.execute("select pg_advisory_xact_lock(hashtext('flow.admins'))")
            gone = await transaction.rows(
                f"delete from auth.accounts where id = %(id)s returning {_COLUMNS}",
                {"id": account_id},
            )
            if gone and _account(gone[0]).is_admin:
                await _keep_an_admin(transaction)
            await transaction.execute(
                _AUDIT, {"actor": actor, "action": "deleted", "id": account_id, "detail": "{}"}
            )


async def _keep_an_admin(transaction: Transaction) -> None:
    (row,) = await transaction.rows(
        "select exists (select 1 from auth.accounts where role = 'admin' and not disabled) as one"
    )
    if not row["one"]:
        raise LastAdmin(
            "This is the last admin. Make another account admin first"
            " (`flow user create-admin`, or set its role)."
        )


def _account(row: dict[str, Any]) -> AccountView:
    return AccountView(**{**row, "role": Role(row["role"])})
