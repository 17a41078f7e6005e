"""Makes the segments of customers as of the first moment of each month, and stores them.

How segments are made is in `segments/`; here orders are read as they were known by then,
vintages are registered and the month's rows are replaced.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date

import pandas as pd

from flow_platform.flows.deliveries.flow import DELIVERIES
from flow_platform.flows.deliveries.segments.customers import (
    ORDER_COLUMNS,
    SegmentSpec,
    customers_of,
    fingerprint,
)
from flow_platform.flows.deliveries.segments.model import Segments
from flow_platform.flows.deliveries.segments.training import profiles_of, renamed, train
from flow_platform.ground.errors import ModelError
from flow_platform.ground.periods import cutoff_of
from flow_platform.ground.roles import ML_ROLE
from flow_platform.models.vintage import TrainedModel, Vintage
from flow_platform.platform import Platform
from flow_platform.stages.training import Progress, Trained, logger
from flow_platform.warehouse.store import Store, copy_rows, lock_writes

MEASURE = "segments"
CUSTOMERS, PROFILES, CHOICES = (
    "ml.customer_segments",
    "ml.segment_profiles",
    "ml.segment_choices",
)
_ASSIGNED = ("customer", "centre_id", "recency_days", "orders", "value", "late_share", "mean_days")

# An order counts as it was known when it was approved, or at the cut-off if that was earlier:
# without its history, a later correction would change an earlier month.
_ORDERS = """
    with known as (
        select distinct on (order_id) order_id, valid_from, price, promised_at
        from merged.deliveries_history where valid_from < %(cutoff)s
        order by order_id, valid_from desc
    )
    select d.order_id, d.customer, d.centre_id, d.placed_at, k.valid_from as known_at,
        case when d.approved_known_at < %(cutoff)s then d.price else k.price end as price,
        case when d.approved_known_at < %(cutoff)s then d.promised_at else k.promised_at end
            as promised_at,
        d.delivered_at, d.delivered_known_at
    from merged.deliveries d join known k using (order_id)
    where d.placed_at < %(cutoff)s
"""


@dataclass(frozen=True)
class MonthSegments:
    """The segments of one month as the tables have them.

    `unknown_experience` counts customers without a delivery that was known; `choices` and
    `profiles` have the columns of their tables but month and version.
    """

    month: date
    trained: Trained
    customers: int
    unknown_experience: int
    segments: Segments
    profiles: pd.DataFrame

    @property
    def choices(self) -> pd.DataFrame:
        return pd.DataFrame([dict(one) for one in self.segments.choices])

    @property
    def silhouette(self) -> float:
        return float(self.segments.choice["silhouette"])

    @property
    def stability(self) -> float:
        """The stability of the least stable segment."""
        return float(self.segments.choice["stability"])

    @property
    def dropped(self) -> Mapping[str, str]:
        """Features that differ too little between customers, and why."""
        return self.segments.scaling.dropped


@dataclass(frozen=True)
class Segmented:
    """The months that `segment_customers` made, left out (with the reason), and renamed."""

    months: tuple[MonthSegments, ...]
    left_out: Mapping[date, str]
    renamed: tuple[date, ...]

    @property
    def rows(self) -> int:
        """Rows of ml.customer_segments written."""
        return sum(one.customers for one in self.months)


def segment_customers(
    platform: Platform, months: Collection[date], *, progress: Progress = logger.info
) -> Segmented:
    """Make the segments of these months (first days), and replace their rows.

    Each is made of the orders and deliveries that were known before the month's first moment, UTC.
    Names carry over from month to month: later months that have segments are renamed where their
    names change, so that names do not depend on the order in which months were made. A month with
    too few customers loses its rows; it is left out, or raises ModelError if it is the only one.
    """
    wanted = set(months)
    if not wanted:
        return Segmented((), {}, ())
    registry = platform.registry
    made: list[MonthSegments] = []
    left_out: dict[date, str] = {}
    moved: list[date] = []
    with registry.training_lock(f"{DELIVERIES.name} {MEASURE}"):
        vintages = {one.month: one for one in registry.vintages(DELIVERIES.name, MEASURE)}
        before = [month for month in vintages if month < min(wanted)]
        earlier = _segments_of(platform, vintages[max(before)]) if before else None
        later = {month for month in vintages if month > min(wanted)}
        for month in sorted(wanted | later):
            if month in wanted:
                try:
                    made.append(_make(platform, month, vintages.get(month), earlier))
                    earlier = made[-1].segments
                    progress(_summary(made[-1]))
                    continue
                except ModelError as error:
                    _replace(platform.store(ML_ROLE), month, {})
                    if len(wanted) == 1:
                        raise
                    left_out[month] = str(error)
                    progress(f"segments {month:%Y-%m}: left out, {error}")
            elif _rename(platform, vintages[month], earlier):
                moved.append(month)
                progress(f"segments {month:%Y-%m}: named after the month before")
            if month in vintages:
                kept = registry.vintages(DELIVERIES.name, MEASURE)
                earlier = _segments_of(platform, next(v for v in kept if v.month == month))
    return Segmented(tuple(made), left_out, tuple(moved))


def read_customers(platform: Platform, month: date) -> pd.DataFrame:
    """What is known of each customer at the first moment of the month: see `customers_of`."""
    cutoff = cutoff_of(month)
    orders = platform.store(ML_ROLE).read(_ORDERS, {"cutoff": cutoff.to_pydatetime()})
    return customers_of(orders[list(ORDER_COLUMNS)], cutoff)


def _make(
    platform: Platform, month: date, vintage: Vintage | None, earlier: Segments | None
) -> MonthSegments:
    customers = read_customers(platform, month)
    spec = SegmentSpec(seed=platform.settings.seed)
    seen = fingerprint(customers, cutoff_of(month), spec)
    is_new = vintage is None or vintage.fingerprint != seen
    trained = (
        train(customers, cutoff_of(month), spec)
        if vintage is None or is_new
        else _trained(vintage, platform.registry.load(vintage))
    )
    registered = _register(platform, month, trained, seen, earlier)
    segments = _segments_of(platform, registered)
    profiles = profiles_of(customers, segments)
    version = registered.model_version
    assigned = customers[list(_ASSIGNED)].join(segments.assign(customers))
    choices = pd.DataFrame([dict(one) for one in segments.choices])
    _replace(
        platform.store(ML_ROLE),
        month,
        {
            CUSTOMERS: assigned.assign(month=month, model_version=version),
            PROFILES: profiles.assign(month=month, model_version=version),
            CHOICES: choices.assign(month=month),
        },
    )
    return MonthSegments(
        month=month,
        trained=Trained(registered, is_new),
        customers=len(customers),
        unknown_experience=int((customers["delivered"] == 0).sum()),
        segments=segments,
        profiles=profiles,
    )


def _rename(platform: Platform, vintage: Vintage, earlier: Segments | None) -> bool:
    """Name a month's segments after the month before; returns whether a name changed."""
    trained = _trained(vintage, platform.registry.load(vintage))
    registered = _register(platform, vintage.month, trained, vintage.fingerprint, earlier)
    changed = 0
    with platform.store(ML_ROLE).connect() as connection:
        # Also after a crash between the registration and this.
        for table in (CUSTOMERS, PROFILES):
            for segment, name in enumerate(_segments_of(platform, registered).names):
                changed += connection.execute(
                    f"update {table} set name = %(name)s, model_version = %(version)s"
                    " where month = %(month)s and segment = %(segment)s"
                    " and (name, model_version) <> (%(name)s, %(version)s)",
                    {
                        "name": name,
                        "version": registered.model_version,
                        "month": vintage.month,
                        "segment": segment,
                    },
                ).rowcount
    return changed > 0


def _register(
    platform: Platform,
    month: date,
    trained: TrainedModel,
    seen: str,
    earlier: Segments | None,
) -> Vintage:
    trained.artefacts.update(renamed(trained.artefacts, earlier))
    return platform.registry.register(DELIVERIES.name, MEASURE, month, trained, seen)


def _trained(vintage: Vintage, artefacts: dict[str, bytes]) -> TrainedModel:
    """A registered vintage as training made it."""
    return TrainedModel(
        candidate=vintage.candidate,
        cutoff=vintage.cutoff,
        artefacts=artefacts,
        metrics=dict(vintage.metrics),
        backtest=pd.DataFrame(),
        train_first=pd.Timestamp(vintage.train_first),
        train_last=pd.Timestamp(vintage.train_last),
        trained_rows=vintage.trained_rows,
    )


def _segments_of(platform: Platform, vintage: Vintage) -> Segments:
    return Segments.load(platform.registry.load(vintage))


def _replace(store: Store, month: date, frames: Mapping[str, pd.DataFrame]) -> None:
    """Replace the month's rows of all three tables in one transaction."""
    with store.connect() as connection, connection.cursor() as cursor:
        for table in (CUSTOMERS, PROFILES, CHOICES):
            lock_writes(connection, table)
            cursor.execute(f"delete from {table} where month = %s", (month,))
            if table in frames:
                copy_rows(cursor, table, frames[table])


def _summary(one: MonthSegments) -> str:
    left = "".join(f"; {name} not used: {reason}" for name, reason in one.dropped.items())
    return (
        f"{one.trained.vintage.model_version}:"
        f" {'trained' if one.trained.is_new else 'unchanged'}, {one.customers} customers,"
        f" {', '.join(one.segments.names)}; silhouette {one.silhouette:.3f}, stability"
        f" {one.stability:.3f}; {one.unknown_experience} without a known delivery{left}"
    )
