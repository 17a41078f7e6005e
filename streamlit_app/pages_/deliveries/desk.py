"""What people at the deliveries desk write: notes and resolutions, added with the desk's own role.

Nothing is changed or deleted here, and that role could not. Reading orders is in `data.py`, the
form is in `actions.py`.
"""

from __future__ import annotations

import os
from typing import Any

import pandas as pd
import psycopg

DSN_VARIABLE = "FLOW_DESK_DSN"
ACTIONS = ("note", "resolve", "reopen")
# The limits of ops.desk_actions.
LONGEST_NOTE = 2000
LONGEST_AUTHOR = 100

_OPTIONS = "-c timezone=UTC -c statement_timeout=15000 -c application_name=flow_desk"


class DeskError(Exception):
    """An action that was not written. `why` names the reason; `str()` is for those who run the
    platform, and quotes neither note nor author nor DSN."""

    def __init__(self, why: str, details: str = "") -> None:
        super().__init__(details)
        self.why = why


def may_act() -> bool:
    """Whether the app was given the desk's connection."""
    return bool(os.environ.get(DSN_VARIABLE, "").strip())


def act(order_id: str, action: str, author: str, note: str = "") -> None:
    """Add a note to an order, resolve or reopen it, under the name of who does so.

    Raises DeskError: `author`, `note` or `long` where a text is missing or too long; `gone` where
    there is no such order; `unset`, `refused` or `down` where the database does not take it.
    """
    author, note = author.strip(), note.strip()
    if action not in ACTIONS:
        raise ValueError(f"{action!r} is no action of the desk; there are {', '.join(ACTIONS)}")
    if not author:
        raise DeskError("author")
    if action == "note" and not note:
        raise DeskError("note")
    # PostgreSQL takes no zero bytes, and people write none.
    if len(author) > LONGEST_AUTHOR or len(note) > LONGEST_NOTE or "\0" in author + note:
        raise DeskError("long")
    written = _run(
        """
        insert into ops.desk_actions (order_id, action, note, author)
        select order_id, %(action)s, %(note)s, %(author)s
        from published.delivery_orders where order_id = %(order_id)s limit 1
        returning action_id
        """,
        {"order_id": order_id, "action": action, "note": note or None, "author": author},
    )
    if not written:
        raise DeskError("gone")


def actions(order_id: str) -> pd.DataFrame:
    """The actions taken about an order, newest first: acted_at (UTC), action, author, note.

    Raises DeskError as `act` does.
    """
    rows = _run(
        "select acted_at, action, author, note from ops.desk_actions where order_id = %(order_id)s"
        " order by acted_at desc, action_id desc",
        {"order_id": order_id},
    )
    frame = pd.DataFrame(rows, columns=["acted_at", "action", "author", "note"])
    frame["acted_at"] = pd.to_datetime(frame["acted_at"], utc=True)
    return frame


def _run(statement: str, parameters: dict[str, str | None]) -> list[tuple[Any, ...]]:
    dsn = os.environ.get(DSN_VARIABLE, "").strip()
    if not dsn:
        raise DeskError(
            "unset",
            f"{DSN_VARIABLE} is not set. `flow up` sets it; by hand:"
            f' export {DSN_VARIABLE}="$(flow dsn --role flow_desk)"',
        )
    try:
        with psycopg.connect(
            dsn, connect_timeout=5, options=_OPTIONS, autocommit=True
        ) as connection:
            return connection.execute(statement.encode(), parameters, prepare=False).fetchall()
    except (
        psycopg.errors.InsufficientPrivilege,
        psycopg.errors.UndefinedTable,
        psycopg.errors.UndefinedColumn,
        psycopg.errors.InvalidSchemaName,
        psycopg.errors.ReadOnlySqlTransaction,
        psycopg.errors.InvalidAuthorizationSpecification,
    ) as error:
        raise DeskError(
            "refused",
            f"{type(error).__name__}: {error.diag.message_primary}. The role of {DSN_VARIABLE}"
            " needs select on published.delivery_orders, and select and insert on"
            " ops.desk_actions: `flow init` grants them to flow_desk.",
        ) from error
    except psycopg.IntegrityError as error:
        # Its message would quote the row: what someone wrote.
        raise DeskError("long", type(error).__name__) from error
    except psycopg.Error as error:
        # Its message may quote the DSN, password and all.
        raise DeskError(
            "down", f"{type(error).__name__}: {DSN_VARIABLE} leads to no database that answers."
        ) from error
