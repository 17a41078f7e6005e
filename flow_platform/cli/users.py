"""`flow user`: accounts of the HTTP service, from the machine it runs on.

The first admin can only be made here. Passwords are asked for or read from standard input, never
arguments, which the shell's history and the list of processes would show.
"""

from __future__ import annotations

import asyncio
import getpass
import sys
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer

from flow_platform.cli.options import JsonOption, print_json
from flow_platform.ground.errors import ConfigurationError
from flow_platform.ground.roles import API_ROLE
from flow_platform.settings import get_settings

if TYPE_CHECKING:
    from flow_platform.api.accounts import Accounts, AccountView

users_app = typer.Typer(
    no_args_is_help=True,
    help="Accounts of the HTTP API. A password is asked for, or read from standard input.",
)
EmailArgument = Annotated[str, typer.Argument(help="The account's e-mail address.")]
_Result = TypeVar("_Result")


@users_app.command("create-admin")
def create_admin(email: EmailArgument) -> None:
    """Make an account with the role admin. The API itself never makes the first one."""
    from flow_platform.api.access import Role

    _check_email(email)
    password = _new_password(email)
    if not _run(lambda accounts: accounts.register(email, password, Role.ADMIN, _actor())):
        raise ConfigurationError(
            f"{email} has an account already. Give it the role: flow user set-role {email} admin."
        )
    _say(f"{email} is an admin.")


@users_app.command("list")
def list_users(as_json: JsonOption = False) -> None:
    """Show every account, oldest first."""
    rows = _run(_all)
    if as_json:
        print_json([vars(row) for row in rows])
        return
    from rich.box import SIMPLE
    from rich.console import Console
    from rich.table import Table

    table = Table("e-mail", "role", "state", "since", "last sign-in", box=SIMPLE)
    for row in rows:
        last = f"{row.last_sign_in_at:%Y-%m-%d %H:%M}" if row.last_sign_in_at else "never"
        state = "disabled" if row.disabled else "enabled"
        table.add_row(row.email, row.role, state, f"{row.created_at:%Y-%m-%d}", last)
    Console().print(table)


@users_app.command("set-role")
def set_role(
    email: EmailArgument,
    role: Annotated[str, typer.Argument(help="viewer, analyst, operator or admin.")],
) -> None:
    """Give an account another role; the API follows within five seconds."""
    from flow_platform.api.access import Role

    if role not in set(Role):
        raise ConfigurationError(f"There is no role {role!r}. Use one of: {', '.join(Role)}.")
    _run(_for_account(email, lambda all, row: all.change(row.id, _actor(), role=Role(role))))
    _say(f"{email} has the role {role}.")


@users_app.command()
def disable(email: EmailArgument) -> None:
    """Keep an account from signing in, and end its sessions."""
    _run(_for_account(email, lambda all, row: all.change(row.id, _actor(), disabled=True)))
    _say(f"{email} is disabled, its sessions are ended.")


@users_app.command()
def enable(email: EmailArgument) -> None:
    """Let a disabled account sign in again."""
    _run(_for_account(email, lambda all, row: all.change(row.id, _actor(), disabled=False)))
    _say(f"{email} is enabled.")


@users_app.command("reset-password")
def reset_password(email: EmailArgument) -> None:
    """Set a new password, and end every session of the account."""
    password = _new_password(email)
    _run(_for_account(email, lambda all, row: all.set_password(row.id, password, _actor())))
    _say(f"{email} has a new password, its sessions are ended.")


@users_app.command()
def delete(email: EmailArgument) -> None:
    """Erase an account and its data. Its id stays in the audit, and names nobody."""
    _run(_for_account(email, lambda all, row: all.delete(row.id, _actor())))
    _say(f"{email} is erased.")


def _for_account(
    email: str, change: Callable[[Accounts, AccountView], Awaitable[_Result]]
) -> Callable[[Accounts], Awaitable[_Result]]:
    async def work(accounts: Accounts) -> _Result:
        row = await accounts.find(email)
        if row is None:
            raise ConfigurationError(f"{email} has no account. `flow user list` shows all.")
        return await change(accounts, row)

    return work


async def _all(accounts: Accounts) -> list[AccountView]:
    found: list[AccountView] = []
    while True:
        rows, total = await accounts.page(500, len(found))
        found += rows
        if not rows or len(found) >= total:
            return found


def _run(work: Callable[[Accounts], Awaitable[_Result]]) -> _Result:
    """Do the work on the installation's accounts, as the role the service has."""
    from flow_platform.api.accounts import Accounts
    from flow_platform.api.database import Database
    from flow_platform.api.passwords import Passwords
    from flow_platform.platform import Platform
    from flow_platform.warehouse.migrate import migrate
    from flow_platform.warehouse.server import create_roles_and_databases

    platform = Platform(get_settings())
    create_roles_and_databases(platform.server)
    migrate(platform.server)

    async def session() -> _Result:
        database, passwords = Database(platform.server.dsn(API_ROLE), pool_size=1), Passwords()
        try:
            return await work(Accounts(database, passwords))
        finally:
            passwords.close()
            await database.close()

    return asyncio.run(session())


def _new_password(email: str) -> str:
    """Raises ConfigurationError when it is refused, or the two that were typed differ."""
    from flow_platform.api.passwords import refusal

    if sys.stdin.isatty():
        password = getpass.getpass("New password: ")
        if getpass.getpass("Once more: ") != password:
            raise ConfigurationError("The two passwords differ. Nothing was changed.")
    else:
        password = sys.stdin.readline().rstrip("\r\n")
    reason = refusal(password, email)
    if reason is not None:
        raise ConfigurationError(f"{reason} Nothing was changed.")
    return password


def _check_email(email: str) -> None:
    from email_validator import EmailNotValidError, validate_email

    try:
        validate_email(email, check_deliverability=False)
    except EmailNotValidError as error:
        raise ConfigurationError(f"{email!r} is not an e-mail address: {error}") from error


def _actor() -> str:
    return f"command line {getpass.getuser()}"


def _say(text: str) -> None:
    typer.echo(text)
