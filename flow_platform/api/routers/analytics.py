"""Figures of the platform and its flows, as the published views have them. Nothing is computed
here but what a row of several views says together.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Query, Request
from pydantic import BaseModel, Field

from flow_platform.api.access import Account, Role, needs
from flow_platform.api.database import Database
from flow_platform.api.lineup import standings
from flow_platform.api.listing import (
    FLOW_NAMES,
    NEXT_DESCRIPTION,
    AskedDay,
    Cursor,
    Limit,
    Pages,
    check_order,
    day_key,
    flow_in,
    integer_key,
    measure_of,
    text_key,
)
from flow_platform.api.routers.forecasts import check_centre
from flow_platform.flows import CATALOGUE
from flow_platform.flows.trips.flow import TRIPS

# A field may not bear the name of its own type.
Day = date

router = APIRouter(prefix="/analytics", tags=["analytics"])

FlowQuery = Annotated[
    str, Query(max_length=40, examples=["trips"], json_schema_extra={"enum": FLOW_NAMES})
]
AnyFlow = Annotated[str | None, Query(max_length=40, description="Without it, every flow.")]
CentreQuery = Annotated[
    str | None, Query(max_length=200, description="Without it, every one; * is all together.")
]
MeasureQuery = Annotated[str | None, Query(max_length=40, description="Without it, every one.")]

# Readings of so many days where no first day is asked for.
_DRIFT_DAYS = 30


_ERRORS = ("first_date", "last_date", "n", "mae", "rmse", "wape", "coverage_80")
_ROWS = ("rows_read", "rows_stored", "rows_quarantined")


class _Page(BaseModel):
    next: str | None = Field(description=NEXT_DESCRIPTION)


class MeanTrip(BaseModel):
    """Mean duration of the trips of a cut; what the cut is not by is null."""

    centre_id: str = Field(examples=["*"], description="Borough of the pickup; * is all together.")
    local_hour: int | None = Field(None, examples=[8], description="0 to 23, the city's clock.")
    weekday: int | None = Field(None, description="0 is Monday.")
    dropoff_centre_id: str | None = Field(None, description="Borough of the drop-off.")
    pickup_zone: int | None = None
    dropoff_zone: int | None = None
    pickup_zone_name: str | None = None
    dropoff_zone_name: str | None = None
    trips: int
    mean_minutes: float
    mean_distance_km: float | None


class MeanTrips(_Page):
    """A page of mean durations."""

    by: Literal["hour", "weekday", "borough", "zone_pair"]
    items: list[MeanTrip]


class Kpi(BaseModel):
    """The state of a flow's measure, one row each."""

    flow: str
    measure: str
    newest_actual_day: Day | None = Field(description="Newest day that a count is known of.")
    newest_prediction_day: Day | None
    model_version: str | None = Field(description="Who serves today; null where none does.")
    first_date: Day | None = Field(description="The error figures are of this day on,")
    last_date: Day | None = Field(description="until this one, one step ahead, all centres.")
    n: int | None = Field(description="Predictions whose outcome is known.")
    mae: float | None
    rmse: float | None
    wape: float | None
    coverage_80: float | None
    open_alerts: int
    rows_read: int
    rows_stored: int
    rows_quarantined: int


class Kpis(BaseModel):
    """One row a flow and measure."""

    items: list[Kpi]


class Accuracy(BaseModel):
    """Errors over the newest 60 days with outcomes."""

    flow: str
    measure: str
    centre_id: str = Field(description="* is all centres together.")
    horizon: int = Field(description="Steps ahead; 0 of trips.")
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
    """A page of error figures by measure, centre and horizon."""

    items: list[Accuracy]


class Coverage(BaseModel):
    """How often what came lay inside the bands, of one value of a cut."""

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
    """How far a feature lies from the same season of earlier years, on one day."""

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
    """What is out of bounds now."""

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


_CUTS: dict[str, tuple[str, tuple[str, ...], Pages]] = {
    "hour": (
        "published.trip_minutes_by_hour",
        ("local_hour",),
        Pages(text_key("centre_id"), integer_key("local_hour")),
    ),
    "weekday": (
        "published.trip_minutes_by_weekday",
        ("weekday",),
        Pages(text_key("centre_id"), integer_key("weekday")),
    ),
    "borough": (
        "published.trip_minutes_by_borough",
        # A drop-off outside the zones known has no borough, and null compares with nothing.
        ("dropoff_centre_id", "coalesce(dropoff_centre_id, '') as dropoff"),
        Pages(text_key("centre_id"), text_key("dropoff")),
    ),
    "zone_pair": (
        "published.trip_minutes_by_zone_pair",
        ("pickup_zone", "dropoff_zone", "pickup_zone_name", "dropoff_zone_name"),
        Pages(text_key("centre_id"), integer_key("pickup_zone"), integer_key("dropoff_zone")),
    ),
}


@router.get("/hourly-means", summary="Mean duration of trips by hour, and by other cuts")
async def hourly_means(
    request: Request,
    account: Annotated[Account, Depends(needs(Role.VIEWER))],
    by: Literal["hour", "weekday", "borough", "zone_pair"] = "hour",
    centre: CentreQuery = None,
    limit: Limit = 100,
    cursor: Cursor = None,
) -> MeanTrips:
    """Over all days that are loaded; `published.trip_durations_daily` has them day by day."""
    await _check_centre(request, TRIPS.name, centre)
    view, columns, pages = _CUTS[by]
    named = ", ".join(("centre_id", *columns, "trips", "mean_minutes", "mean_distance_km"))
    rows, following = await _page(
        request,
        f"select {named} from {view}",
        pages,
        {"centre_id = %(centre)s": ("centre", centre)},
        limit,
        cursor,
    )
    return MeanTrips(by=by, items=[MeanTrip(**row) for row in rows], next=following)


@router.get("/kpis", summary="The state of every flow in a row each")
async def kpis(
    request: Request,
    account: Annotated[Account, Depends(needs(Role.VIEWER))],
    flow: AnyFlow = None,
) -> Kpis:
    """How fresh the data are, who serves, how large the errors are one step ahead, what is out of
    bounds, and how many rows were read, stored and put aside.
    """
    flows = [flow_in(flow, "query.flow")] if flow is not None else list(CATALOGUE)
    names = {"flows": [one.name for one in flows]}
    database: Database = request.app.state.database
    serving = await standings(database, names["flows"])
    fresh = {
        (row["flow"], row["dataset"]): row["newest_day"]
        for row in await database.rows(
            "select flow, dataset, newest_day from published.freshness where flow = any(%(flows)s)",
            names,
        )
    }
    errors = {
        (row["flow"], row["measure"]): row
        for row in await database.rows(
            "select distinct on (flow, measure) flow, measure, first_date, last_date, n, mae, rmse,"
            " wape, coverage_80 from published.accuracy"
            " where flow = any(%(flows)s) and centre_id = '*' order by flow, measure, horizon",
            names,
        )
    }
    alerts = {
        row["flow"]: row["n"]
        for row in await database.rows(
            "select flow, count(*) as n from published.alerts"
            " where flow = any(%(flows)s) and state = 'alerting' group by flow",
            names,
        )
    }
    loads = {
        row["flow"]: row
        for row in await database.rows(
            "select flow, coalesce(sum(rows_read), 0)::bigint as rows_read,"
            " coalesce(sum(rows_stored), 0)::bigint as rows_stored,"
            " coalesce(sum(rows_quarantined), 0)::bigint as rows_quarantined"
            " from published.loads where flow = any(%(flows)s) group by flow",
            names,
        )
    }
    items = []
    for one in flows:
        loaded = loads.get(one.name, {})
        for measure in one.measures:
            standing = serving.get((one.name, measure))
            row: dict[str, Any] = {
                "flow": one.name,
                "measure": measure,
                "newest_actual_day": fresh.get((one.name, "actuals")),
                "newest_prediction_day": fresh.get((one.name, "predictions")),
                "model_version": standing.serving.model_version if standing else None,
                "open_alerts": alerts.get(one.name, 0),
            }
            said = errors.get((one.name, measure), {})
            row |= {name: said.get(name) for name in _ERRORS}
            row |= {name: loaded.get(name, 0) for name in _ROWS}
            items.append(Kpi(**row))
    return Kpis(items=items)


@router.get("/accuracy", summary="Error figures by measure, centre and horizon")
async def accuracy(
    request: Request,
    account: Annotated[Account, Depends(needs(Role.VIEWER))],
    flow: FlowQuery,
    measure: MeasureQuery = None,
    centre: CentreQuery = None,
    horizon: Annotated[int | None, Query(ge=0, le=10_000)] = None,
    limit: Limit = 100,
    cursor: Cursor = None,
) -> Accuracies:
    """Over the newest 60 days with outcomes; every forecast was made before its day."""
    chosen = flow_in(flow, "query.flow")
    own = measure_of(chosen, measure) if measure is not None else None
    await _check_centre(request, chosen.name, centre)
    rows, following = await _page(
        request,
        "select flow, measure, centre_id, horizon, first_date, last_date, n, mae, rmse, mape, wape,"
        " mase, bias, coverage_80, coverage_95, mean_actual from published.accuracy",
        Pages(text_key("measure"), text_key("centre_id"), integer_key("horizon")),
        {
            "flow = %(flow)s": ("flow", chosen.name),
            "measure = %(measure)s": ("measure", own),
            "centre_id = %(centre)s": ("centre", centre),
            "horizon = %(horizon)s": ("horizon", horizon),
        },
        limit,
        cursor,
    )
    return Accuracies(items=[Accuracy(**row) for row in rows], next=following)


@router.get("/coverage", summary="How often the bands held")
async def coverage(
    request: Request,
    account: Annotated[Account, Depends(needs(Role.VIEWER))],
    flow: FlowQuery,
    measure: MeasureQuery = None,
    cut: Literal["overall", "horizon", "weekday", "centre"] | None = None,
    limit: Limit = 100,
    cursor: Cursor = None,
) -> Coverages:
    """Over everything that was ever issued and whose outcome is known."""
    chosen = flow_in(flow, "query.flow")
    own = measure_of(chosen, measure) if measure is not None else None
    rows, following = await _page(
        request,
        "select measure, cut, key, forecasts, coverage_80, expected_80, coverage_95, expected_95,"
        " mean_width_80, first_day, last_day from published.coverage",
        Pages(text_key("measure"), text_key("cut"), text_key("key")),
        {
            "flow = %(flow)s": ("flow", chosen.name),
            "measure = %(measure)s": ("measure", own),
            "cut = %(cut)s": ("cut", cut),
        },
        limit,
        cursor,
    )
    return Coverages(flow=chosen.name, items=[Coverage(**row) for row in rows], next=following)


@router.get("/drift", summary="Drift readings by centre, day and feature")
async def drift(
    request: Request,
    account: Annotated[Account, Depends(needs(Role.ANALYST))],
    flow: FlowQuery,
    centre: CentreQuery = None,
    feature: Annotated[str | None, Query(max_length=200)] = None,
    status: Annotated[str | None, Query(max_length=40, description="Such as drift.")] = None,
    first: Annotated[
        AskedDay | None, Query(alias="from", description="Without it 30 days ago (UTC).")
    ] = None,
    last: Annotated[AskedDay | None, Query(alias="to")] = None,
    limit: Limit = 100,
    cursor: Cursor = None,
) -> Drifts:
    """PSI and KS of each feature over the last 28 days against the same season of earlier years."""
    chosen = flow_in(flow, "query.flow")
    check_order(first, last)
    await _check_centre(request, chosen.name, centre)
    begin = first or datetime.now(UTC).date() - timedelta(days=_DRIFT_DAYS)
    rows, following = await _page(
        request,
        "select centre_id, date, feature, psi, psi_critical, ks_statistic, ks_pvalue, n_current,"
        " n_reference, status from published.drift",
        Pages(text_key("centre_id"), day_key("date"), text_key("feature")),
        {
            "flow = %(flow)s": ("flow", chosen.name),
            "centre_id = %(centre)s": ("centre", centre),
            "feature = %(feature)s": ("feature", feature),
            "status = %(status)s": ("status", status),
            "date >= %(from)s": ("from", begin),
            "date <= %(to)s": ("to", last),
        },
        limit,
        cursor,
    )
    return Drifts(flow=chosen.name, items=[Drift(**row) for row in rows], next=following)


@router.get("/alerts", summary="What is out of bounds now")
async def alerts(
    request: Request,
    account: Annotated[Account, Depends(needs(Role.ANALYST))],
    flow: AnyFlow = None,
    limit: Limit = 100,
    cursor: Cursor = None,
) -> Alerts:
    """Of every flow, or of one."""
    chosen = flow_in(flow, "query.flow").name if flow is not None else None
    rows, following = await _page(
        request,
        "select flow, centre_id, date, kind, subject, state, detail from published.alerts",
        Pages(*(text_key(name) for name in ("flow", "kind", "centre_id", "subject"))),
        {"flow = %(flow)s": ("flow", chosen)},
        limit,
        cursor,
    )
    return Alerts(items=[Alert(**row) for row in rows], next=following)


async def _check_centre(request: Request, flow: str, centre: str | None) -> None:
    if centre is not None and centre != "*":
        await check_centre(request.app.state.database, flow, centre)


async def _page(
    request: Request,
    select: str,
    pages: Pages,
    conditions: dict[str, tuple[str, Any]],
    limit: int,
    cursor: str | None,
) -> tuple[list[dict[str, Any]], str | None]:
    """A page of what `select` gives under those conditions whose value is not None."""
    after, params = pages.after(cursor)
    chosen = [sql for sql, (_, value) in conditions.items() if value is not None]
    params |= {name: value for name, value in conditions.values() if value is not None}
    database: Database = request.app.state.database
    rows = await database.rows(
        f"select * from ({select} where {' and '.join(['true', *chosen])}) as asked"
        f" where {after} order by {pages.order} limit %(rows)s",
        params | {"rows": limit + 1},
    )
    return pages.page(request, rows, limit)
