"""The account of the caller, and operations of admins on accounts."""

from __future__ import annotations

import uuid
from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request
from pydantic import BaseModel, ConfigDict, Field, model_validator

from flow_platform.api.access import Account, Role, needs, signed_in
from flow_platform.api.accounts import AccountView, LastAdmin
from flow_platform.api.problems import Problem, responses

router = APIRouter(tags=["accounts"])

SignedIn = Annotated[Account, Depends(signed_in)]
Admin = Annotated[Account, Depends(needs(Role.ADMIN))]


class Me(BaseModel):
    """The account of the access token."""

    id: uuid.UUID
    email: str = Field(examples=["ada@example.com"])
    role: Role


class AccountPage(BaseModel):
    """A page of accounts, oldest first."""

    items: list[AccountView]
    total: int = Field(description="Number of all accounts.")


class AccountChange(BaseModel):
    """The values to set; a value that is left out stays as it is."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"minProperties": 1, "examples": [{"role": "analyst"}]},
    )
    role: Role = Role.VIEWER
    disabled: bool = False

    @model_validator(mode="after")
    def _not_empty(self) -> AccountChange:
        if not self.model_fields_set:
            raise ValueError("Set role, disabled, or both")
        return self


@router.get("/me", summary="The account that is signed in")
async def me(account: SignedIn) -> Me:
    """The account of the access token, with its current role."""
    return Me(id=account.id, email=account.email, role=account.role)


@router.get("/accounts", summary="List accounts")
async def accounts(
    request: Request,
    admin: Admin,
    limit: Annotated[int, Query(ge=1, le=500)] = 100,
    offset: Annotated[int, Query(ge=0, le=10_000_000)] = 0,
) -> AccountPage:
    """Oldest first."""
    rows, total = await request.app.state.accounts.page(limit, offset)
    return AccountPage(items=rows, total=total)


@router.patch(
    "/accounts/{account_id}", summary="Set a role, disable, enable", responses=responses(404, 409)
)
async def change(
    request: Request, admin: Admin, account_id: uuid.UUID, wanted: AccountChange
) -> AccountView:
    """Takes effect within five seconds, also for access tokens that exist already. Recorded in the
    audit. Answers 409 when no enabled admin would be left.
    """
    given = wanted.model_fields_set
    try:
        row = await request.app.state.accounts.change(
            account_id,
            str(admin.id),
            wanted.role if "role" in given else None,
            wanted.disabled if "disabled" in given else None,
        )
    except LastAdmin as error:
        raise Problem(409, detail=str(error), type="last-admin") from error
    if row is None:
        raise Problem(404, detail="There is no account of this id.")
    request.app.state.sessions.forget()
    return row
