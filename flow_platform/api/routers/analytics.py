"""Figures of the platform and its flows, from the published views: state, errors, drift, alerts.

Nothing is computed here; a KPI row only joins what several views have. Figures that one flow alone
has are in its package (`flows/<flow>/api`).
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Query, Request
from pydantic import BaseModel, Field

from flow_platform.api.access import Account, Role, needs
from flow_platform.api.centres import CentreOrAll, check_centre_or_all
from flow_platform.api.database import Database
from flow_platform.api.in_service import read_vintages_in_service
from flow_platform.api.listing import (
    FLOW_NAMES,
    NEXT_DESCRIPTION,
    AskedDay,
    Listing,
    Page,
    check_order,
    day_key,
    flow_in,
    integer_key,
    measure_of,
    text_key,
)
from flow_platform.flows.catalogue import CATALOGUE
from flow_platform.flows.kinds import Flow

# A field may not have the name of its own type.
Day = date

router = APIRouter(prefix="/analytics", tags=["analytics"])

FlowQuery = Annotated[
    str, Query(max_length=40, examples=FLOW_NAMES[:1], json_schema_extra={"enum": FLOW_NAMES})
]
AnyFlow = Annotated[str | None, Query(max_length=40, description="Without it, every flow.")]
MeasureQuery = Annotated[str | None, Query(max_length=40, description="Without it, every measure.")]

# Days of drift readings where the request names no first day.
_DRIFT_DAYS = 30


class _Page(BaseModel):
    next: str | None = Field(description=NEXT_DESCRIPTION)


class Kpi(BaseModel):
    """The state of one measure of a flow."""

    flow: str
    measure: str
    newest_actual_day: Day | None = Field(description="Newest day with actual values.")
    newest_prediction_day: Day | None
    model_version: str | None = Field(
        description="The version that serves today (UTC); null where none does."
    )
    first_date: Day | None = Field(description="First target day of the errors.")
    last_date: Day | None = Field(
        description="Last target day of the errors, one step ahead, all centres together."
    )
    n: int | None = Field(description="Number of predictions whose actual value is known.")
    mae: float | None
    rmse: float | None
    wape: float | None
    coverage_80: float | None
    open_alerts: int
    rows_read: int
    rows_stored: int
    rows_quarantined: int


class Kpis(BaseModel):
    """One row for each flow and measure."""

    items: list[Kpi]


class Accuracy(BaseModel):
    """Errors over the newest 60 days with actual values."""

    flow: str
    measure: str
    centre_id: str = Field(description="* is all centres together.")
    horizon: int = Field(description="Steps ahead; 0 for flows that predict single records.")
    first_date: Day
    last_date: Day
    n: int
    mae: float | None
    rmse: float | None
    mape: float | None
    wape: float | None
    mase: float | None
    bias: float | None
    coverage_80: float | None
    coverage_95: float | None
    mean_actual: float | None


class Accuracies(_Page):
    """A page of errors by measure, centre and horizon."""

    items: list[Accuracy]


class Coverage(BaseModel):
    """How often actual values were inside the prediction bands, for one key of a cut."""

    measure: str
    cut: str = Field(examples=["horizon"], description="overall, horizon, weekday or centre.")
    key: str = Field(examples=["1"])
    forecasts: int
    coverage_80: float | None
    expected_80: float | None
    coverage_95: float | None
    expected_95: float | None
    mean_width_80: float | None
    first_day: Day
    last_day: Day


class Coverages(_Page):
    """A page of coverages by measure, cut and key."""

    flow: str
    items: list[Coverage]


class Drift(BaseModel):
    """How much a feature differs from the same season of earlier years, on one day."""

    centre_id: str
    date: Day
    feature: str
    psi: float | None
    psi_critical: float | None
    ks_statistic: float | None
    ks_pvalue: float | None
    n_current: int
    n_reference: int
    status: str = Field(examples=["drift"])


class Drifts(_Page):
    """A page of readings by centre, day and feature."""

    flow: str
    items: list[Drift]


class Alert(BaseModel):
    """A reading that is out of bounds now."""

    flow: str
    centre_id: str
    date: Day
    kind: str = Field(examples=["drift"])
    subject: str = Field(examples=["temperature_mean"])
    state: str
    detail: str


class Alerts(_Page):
    """A page of alerts."""

    items: list[Alert]


_ACCURACY = Listing(
    Accuracy,
    "published.accuracy",
    text_key("measure"),
    text_key("centre_id"),
    integer_key("horizon"),
)
_COVERAGE = Listing(
    Coverage, "published.coverage", text_key("measure"), text_key("cut"), text_key("key")
)
_DRIFT = Listing(
    Drift, "published.drift", text_key("centre_id"), day_key("date"), text_key("feature")
)
_ALERTS = Listing(
    Alert,
    "published.alerts",
    text_key("flow"),
    text_key("kind"),
    text_key("centre_id"),
    text_key("subject"),
)

_ERRORS = ("first_date", "last_date", "n", "mae", "rmse", "wape", "coverage_80")
_ROWS = ("rows_read", "rows_stored", "rows_quarantined")

_NEWEST_DAYS = (
    "select flow, dataset, newest_day from published.freshness where flow = any(%(flows)s)"
)
# One step ahead: of each measure the smallest horizon.
_NEWEST_ERRORS = (
    f"select distinct on (flow, measure) flow, measure, {', '.join(_ERRORS)}"
    " from published.accuracy"
    " where flow = any(%(flows)s) and centre_id = '*' order by flow, measure, horizon"
)
_OPEN_ALERTS = (
    "select flow, count(*) as n from published.alerts"
    " where flow = any(%(flows)s) and state = 'alerting' group by flow"
)
_LOADED_ROWS = (
    f"select flow, {', '.join(f'coalesce(sum({name}), 0)::bigint as {name}' for name in _ROWS)}"
    " from published.loads where flow = any(%(flows)s) group by flow"
)


@router.get("/kpis", summary="The state of every flow, one row for each measure")
async def kpis(
    request: Request,
    account: Annotated[Account, Depends(needs(Role.VIEWER))],
    flow: AnyFlow = None,
) -> Kpis:
    """How recent the data are, which model serves, the errors one step ahead, how many alerts are
    open, and how many rows were read, stored and quarantined.
    """
    flows = [flow_in(flow, "query.flow")] if flow is not None else CATALOGUE
    return Kpis(items=await _kpis(request.app.state.database, flows))


async def _kpis(database: Database, flows: Sequence[Flow]) -> list[Kpi]:
    names = [one.name for one in flows]

    async def by(sql: str, *keys: str) -> dict[tuple[str, ...], dict[str, Any]]:
        rows = await database.rows(sql, {"flows": names})
        return {tuple(row[key] for key in keys): row for row in rows}

    in_service = await read_vintages_in_service(database, names)
    newest = await by(_NEWEST_DAYS, "flow", "dataset")
    errors = await by(_NEWEST_ERRORS, "flow", "measure")
    alerts = await by(_OPEN_ALERTS, "flow")
    loads = await by(_LOADED_ROWS, "flow")
    items = []
    for name, measure in ((one.name, measure) for one in flows for measure in one.measures):
        serving = in_service.get((name, measure))
        error, load = errors.get((name, measure), {}), loads.get((name,), {})
        row: dict[str, Any] = {
            "newest_actual_day": newest.get((name, "actuals"), {}).get("newest_day"),
            "newest_prediction_day": newest.get((name, "predictions"), {}).get("newest_day"),
            "model_version": serving.vintage.model_version if serving else None,
            "open_alerts": alerts.get((name,), {}).get("n", 0),
            **{column: error.get(column) for column in _ERRORS},
            **{column: load.get(column, 0) for column in _ROWS},
        }
        items.append(Kpi(flow=name, measure=measure, **row))
    return items


@router.get("/accuracy", summary="Errors by measure, centre and horizon")
async def accuracy(
    page: Page,
    account: Annotated[Account, Depends(needs(Role.VIEWER))],
    flow: FlowQuery,
    measure: MeasureQuery = None,
    centre: CentreOrAll = None,
    horizon: Annotated[
        int | None, Query(ge=0, le=10_000, description="Steps ahead; without it, every horizon.")
    ] = None,
) -> Accuracies:
    """Over the newest 60 days with actual values; every forecast was issued before its target."""
    chosen, own = _flow_and_measure(flow, measure)
    await check_centre_or_all(page.database, chosen, centre)
    equal = {"flow": chosen.name, "measure": own, "centre_id": centre, "horizon": horizon}
    items, following = await _ACCURACY.page(page, equal)
    return Accuracies(items=items, next=following)


@router.get("/coverage", summary="How often actual values were inside the prediction bands")
async def coverage(
    page: Page,
    account: Annotated[Account, Depends(needs(Role.VIEWER))],
    flow: FlowQuery,
    measure: MeasureQuery = None,
    cut: Annotated[
        Literal["overall", "horizon", "weekday", "centre"] | None,
        Query(description="What the forecasts are grouped by; without it, every grouping."),
    ] = None,
) -> Coverages:
    """Over all forecasts ever issued whose actual value is known."""
    chosen, own = _flow_and_measure(flow, measure)
    equal = {"flow": chosen.name, "measure": own, "cut": cut}
    items, following = await _COVERAGE.page(page, equal)
    return Coverages(flow=chosen.name, items=items, next=following)


@router.get("/drift", summary="Drift readings by centre, day and feature")
async def drift(
    page: Page,
    account: Annotated[Account, Depends(needs(Role.ANALYST))],
    flow: FlowQuery,
    centre: CentreOrAll = None,
    feature: Annotated[
        str | None, Query(max_length=200, description="Without it, every feature.")
    ] = None,
    status: Annotated[
        str | None, Query(max_length=40, description="Such as drift; without it, every status.")
    ] = None,
    first: Annotated[
        AskedDay | None,
        Query(alias="from", description="First day; without it the day 30 days ago (UTC)."),
    ] = None,
    last: Annotated[
        AskedDay | None, Query(alias="to", description="Last day; without it there is no end.")
    ] = None,
) -> Drifts:
    """PSI and KS of each feature over the last 28 days against the same season of earlier years."""
    chosen = flow_in(flow, "query.flow")
    check_order(first, last)
    await check_centre_or_all(page.database, chosen, centre)
    begin = first or datetime.now(UTC).date() - timedelta(days=_DRIFT_DAYS)
    items, following = await _DRIFT.page(
        page,
        {"flow": chosen.name, "centre_id": centre, "feature": feature, "status": status},
        ["date >= %(from)s", *(["date <= %(to)s"] if last is not None else [])],
        {"from": begin, "to": last},
    )
    return Drifts(flow=chosen.name, items=items, next=following)


@router.get("/alerts", summary="Open alerts")
async def alerts(
    page: Page,
    account: Annotated[Account, Depends(needs(Role.ANALYST))],
    flow: AnyFlow = None,
) -> Alerts:
    """The readings that are out of bounds now, of every flow or of one."""
    chosen = flow_in(flow, "query.flow").name if flow is not None else None
    items, following = await _ALERTS.page(page, {"flow": chosen})
    return Alerts(items=items, next=following)


def _flow_and_measure(flow: str, measure: str | None) -> tuple[Flow, str | None]:
    """The flow, and the measure if one is named. Raises Problem 422 for unknown ones."""
    chosen = flow_in(flow, "query.flow")
    return chosen, measure_of(chosen, measure) if measure is not None else None
