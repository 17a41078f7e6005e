"""A made-up platform of deliveries: views of the contract over a few tables, the desk's own table
as migration 0010 makes it, with the rights that migration gives.

Actions of the desk count at once, as it does in the published views; those themselves are tested
where they are made.
"""

from __future__ import annotations

import importlib
import json
import re
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any

import numpy as np
import psycopg
from psycopg.conninfo import make_conninfo

from tests.app.published.server import Published

REGIONS = {"MG": "Minas Gerais", "RJ": "Rio de Janeiro", "SP": "São Paulo"}
SHIPPERS = ("Correio Geral", "Rápida Cargo", "Via Sul")
CATEGORIES = ("books", "toys", "garden_tools")
THRESHOLD = 0.25
MODEL = "lightgbm-2026-11-77aa01bc"
USUAL = "usual-2026-11-0c0ffee0"
# The order whose risk is highest of all open ones; its region and shipper, and a second one there.
RISKIEST, SECOND = "risk-1-ca11", "risk-2-b0b0"
RISKIEST_AT = ("SP", "Rápida Cargo")
# An order that is overdue, and whose predicted risk is low.
OVERDUE = "overdue-1-f00d"
CANCELLED = "cancelled-1"
# On no page: the fixture's views have it, those of the contract have not.
PSEUDONYM = "c0ffee-pseudonym-of-a-customer"

_ORDERS = """
    create table made.orders (
        order_id text primary key, centre_id text, day date, placed_at timestamptz,
        paid_at timestamptz, approved_at timestamptz, handed_over_at timestamptz,
        last_tracked_at timestamptz, last_tracked text, delivered_at timestamptz,
        cancelled_at timestamptz, promised_at timestamptz, shipper text, category text,
        price float8, status text, predicted_days float8, late_probability float8, reasons jsonb,
        segment text, customer text
    );
    create table made.incidents (
        incident_id text, order_id text, kind text, opened_at timestamptz, resolved_at timestamptz
    );
    create view made.desk as
        select order_id, count(*) as actions,
            (array_agg(action order by acted_at desc, action_id desc))[1] as last_action,
            (array_agg(author order by acted_at desc, action_id desc))[1] as last_author,
            (array_agg(note order by acted_at desc, action_id desc) filter (where note is not null)
            )[1] as last_note,
            max(acted_at) as last_acted_at,
            (array_agg(action order by acted_at desc, action_id desc)
                filter (where action <> 'note'))[1] = 'resolve' as is_resolved,
            min(acted_at) filter (where action = 'resolve') as resolved_at
        from ops.desk_actions group by order_id;
"""
_VIEWS = """
    create view published.delivery_orders as
        select o.order_id, centre_id, day, placed_at, paid_at, approved_at, handed_over_at,
            last_tracked_at, last_tracked, delivered_at, cancelled_at, promised_at,
            promised_at as promised_now_at, null::text as seller, shipper as carrier, shipper,
            category, price, 420.0::float8 as distance_km, status,
            case when predicted_days is not null then 'approved' end as stage,
            case when predicted_days is not null then approved_at end as scored_at,
            predicted_days, predicted_days * 0.6 as lower_80, predicted_days * 1.5 as upper_80,
            placed_at + predicted_days * interval '1 day' as predicted_at, late_probability,
            case when predicted_days is not null then {threshold} end as threshold,
            late_probability >= {threshold} as is_high_risk, reasons,
            extract(epoch from delivered_at - placed_at)::float8 / 86400 as actual_days,
            case when delivered_at is not null then delivered_at > promised_at end as was_late,
            segment, '{model}'::text as model_version, '{late}'::text as late_version,
            last_action, last_note, last_author, last_acted_at,
            coalesce(is_resolved, false) as is_resolved, coalesce(actions, 0) as actions, customer
        from made.orders o left join made.desk using (order_id);
    create view published.delivery_predictions as
        select order_id, centre_id, scored_at, stage, predicted_days, lower_80, upper_80,
            late_probability, actual_days, was_late, model_version, day, late_version, threshold,
            is_high_risk
        from published.delivery_orders where predicted_days is not null;
    create view published.delivery_incidents as
        select incident_id, order_id, centre_id, day, kind, opened_at,
            least(i.resolved_at, d.resolved_at) as resolved_at,
            extract(epoch from least(i.resolved_at, d.resolved_at) - opened_at)::float8 / 3600
                as resolve_hours,
            case when i.resolved_at <= coalesce(d.resolved_at, 'infinity') then 'log'
                when d.resolved_at is not null then 'desk' end as resolved_by
        from made.incidents i join made.orders using (order_id)
        left join (select order_id, resolved_at from made.desk) d using (order_id);
    create view published.delivery_performance as
        select day, centre_id, shipper, category, segment, count(*) as orders,
            count(delivered_at) as delivered, count(*) filter (where was_late) as late,
            count(predicted_days) as scored,
            count(*) filter (where actual_days is not null and predicted_days is not null)
                as delivered_scored,
            coalesce(sum(actual_days - predicted_days), 0) as gap_days,
            coalesce(sum(abs(actual_days - predicted_days)), 0) as abs_gap_days,
            count(*) filter (where is_high_risk) as high_risk,
            count(*) filter (where is_high_risk and not is_resolved
                and status in ('placed', 'approved', 'in_transit')) as open_high_risk,
            coalesce(sum(i.incidents), 0)::bigint as incidents,
            coalesce(sum(i.resolved), 0)::bigint as incidents_resolved,
            coalesce(sum(i.hours), 0) as resolve_hours
        from published.delivery_orders
        left join (
            select order_id, count(*) as incidents, count(resolved_at) as resolved,
                sum(resolve_hours) as hours
            from published.delivery_incidents group by order_id
        ) i using (order_id)
        group by day, centre_id, shipper, category, segment;
"""
# At approval, of orders placed in the newest week: the fixture scores none in transit.
_MODEL_USE = """
    insert into published.model_use
    select 'deliveries', measure, version, newest_day, count(*)
    from published.delivery_predictions p
    cross join (
        select max(day) as newest_day from published.delivery_predictions
    ) newest
    cross join lateral (
        values ('delay', p.model_version), ('late_risk', p.late_version)
    ) as used (measure, version)
    where day > newest_day - 7
    group by measure, version, newest_day
"""
_SEGMENTS = """
    create table published.customer_segments (
        month date, segment int, name text, customers int, share float8, recency_days float8,
        orders float8, value float8, late_share float8, mean_days float8, stability float8,
        model_version text, is_hidden bool
    );
    create table published.segment_choices (
        month date, k int, silhouette float8, stability float8, chosen bool
    );
"""


def desk_dsn(published: Published) -> str:
    """The connection of the desk's role."""
    return make_conninfo(published.dashboard_dsn, user="flow_desk")


def make_deliveries(
    admin_dsn: str, *, model: str = MODEL, late: str = MODEL, granted: bool = True
) -> None:
    """The views of deliveries, empty, in addition to the tables of `make_tables`.

    `granted` is whether the desk's role was given its rights.
    """
    migration = importlib.import_module(
        "flow_platform.warehouse.migrations.versions.0010_deliveries"
    )
    (table,) = re.findall(r"create table ops\.desk_actions .*?\n\);", migration.TABLES, re.S)
    (grant,) = re.findall(r"grant [^;]* on ops\.desk_actions to flow_desk;", migration.TABLES)
    with psycopg.connect(admin_dsn) as connection:
        if not connection.execute("select 1 from pg_roles where rolname = 'flow_desk'").fetchone():
            connection.execute("create role flow_desk login")
        connection.execute("drop schema if exists made, ops cascade")
        connection.execute("create schema made")
        connection.execute("drop table if exists published.delivery_predictions")
        connection.execute("create schema ops")
        connection.execute(table.encode())
        connection.execute(_ORDERS)
        views = _VIEWS.format(threshold=THRESHOLD, model=model, late=late)
        connection.execute(views.encode())
        connection.execute(_SEGMENTS)
        connection.execute("grant select on all tables in schema published to flow_dashboard")
        connection.execute("grant usage on schema ops, published to flow_desk")
        if granted:
            connection.execute(grant.encode())
            connection.execute("grant select on all tables in schema published to flow_desk")
        for region, name in REGIONS.items():
            connection.execute(
                "insert into published.centres (centre_id, name, timezone, flow)"
                " values (%s, %s, 'America/Sao_Paulo', 'deliveries')",
                [region, name],
            )


def fill_deliveries(
    admin_dsn: str,
    now: datetime,
    *,
    orders: int = 60,
    days: int = 200,
    late: str = MODEL,
    scored: bool = True,
    granted: bool = True,
    file: str = "simulated",
) -> None:
    """`orders` orders placed over the `days` before `now`, delivered as far as that can be by then,
    and four more with names of their own. Without `scored` none has a prediction.
    """
    make_deliveries(admin_dsn, late=late, granted=granted)
    same = late.startswith(("usual", "fallback"))
    rows = [*_orders(now, orders, days, same=same), *_named(now, same=same)]
    with psycopg.connect(admin_dsn) as connection:
        with connection.cursor() as cursor, cursor.copy("copy made.orders from stdin") as copy:
            for row in rows:
                copy.write_row(row)
        if not scored:
            connection.execute(
                "update made.orders set predicted_days = null, late_probability = null,"
                " reasons = null"
            )
        connection.execute(
            "insert into made.incidents select 'i-' || order_id, order_id, 'parcel_lost',"
            " approved_at + interval '2 days', case when delivered_at is not null then"
            " approved_at + interval '3 days 6 hours' end"
            " from made.orders where order_id ~ '[05]$' and approved_at is not null"
        )
        connection.execute(
            "insert into published.freshness select 'deliveries', 'actuals', max(day), %s, count(*)"
            " from made.orders union all select 'deliveries', 'predictions', max(day), %s, count(*)"
            " from made.orders having %s",
            [now - timedelta(minutes=7), now - timedelta(minutes=7), scored],
        )
        connection.execute(_MODEL_USE)
        connection.execute(
            "insert into published.loads (flow, load_id, loaded_at, file, rows_read, rows_stored,"
            " rows_quarantined) values ('deliveries', 'load-orders', %s, %s, 64, 64, 0)",
            [now, file],
        )


def _orders(now: datetime, orders: int, days: int, *, same: bool) -> Iterator[tuple[Any, ...]]:
    """Every third is of one region; the slow ones are those of Rápida Cargo and of heavy goods."""
    random = np.random.default_rng(11)
    segments = ("loyal", "occasional", "new", None)
    for place in range(orders):
        placed = now - timedelta(days=days * (orders - place) / orders, hours=place % 7)
        region, shipper = list(REGIONS)[place % 3], SHIPPERS[int(random.integers(3))]
        heavy = random.uniform() < 0.25
        slow = 1.0 * (shipper == "Rápida Cargo") + 1.2 * heavy
        predicted = 7.0 + 2.5 * slow + float(random.uniform(0, 5))
        risk = float(1 / (1 + np.exp(2.9 - 1.1 * slow - 0.5 * random.normal())))
        is_late = random.uniform() < risk
        promise = predicted * 1.55
        real = float(
            promise * random.uniform(1.02, 1.5)
            if is_late
            else predicted * min(1.5, random.lognormal(-0.06, 0.3))
        )
        approved = placed + timedelta(hours=9)
        handed, delivered = approved + timedelta(days=2), placed + timedelta(days=real)
        is_there, on_its_way = delivered <= now, handed <= now
        tracked = min(now, delivered) - timedelta(hours=3) if on_its_way else None
        reasons: list[dict[str, Any]] = [
            {"feature": "seller_late", "effect": 0.8 * slow},
            {"feature": "distance_km", "effect": 0.31},
            {"feature": "weight_kg", "effect": 0.9 if heavy else -0.1},
            {"feature": "moon_phase", "effect": 0.05},
        ]
        yield (
            *(f"{place:04d}{random.integers(16**8):08x}{place % 10}", region, _day(placed), placed),
            *(placed + timedelta(hours=1), approved if approved <= now else None),
            *(handed if on_its_way else None, tracked, "in_transit" if on_its_way else None),
            *(delivered if is_there else None, None, placed + timedelta(days=promise), shipper),
            *(CATEGORIES[place % 2 if not heavy else 2], float(np.round(20 + 300 * slow / 3, 2))),
            "delivered" if is_there else "in_transit" if on_its_way else "approved",
            *(predicted, 0.11 if same else risk),
            json.dumps([] if same else sorted(reasons, key=lambda reason: -reason["effect"])[:3]),
            *(segments[int(4 * random.uniform() ** 1.5)], PSEUDONYM),
        )


def _named(now: datetime, *, same: bool) -> Iterator[tuple[Any, ...]]:
    reasons = json.dumps(
        []
        if same
        else [
            {"feature": "carrier_late", "effect": 1.4},
            {"feature": "distance_km", "effect": 0.4},
            {"feature": "holidays_ahead", "effect": 0.1},
        ]
    )
    for order_id, (region, shipper), ago, promise, risk, status in (
        (RISKIEST, RISKIEST_AT, 6, 9, 0.97, "in_transit"),
        (SECOND, RISKIEST_AT, 4, 9, 0.96, "approved"),
        (OVERDUE, ("RJ", "Via Sul"), 19, 12, 0.04, "in_transit"),
        (CANCELLED, ("MG", "Via Sul"), 8, 20, 0.9, "cancelled"),
    ):
        placed = now - timedelta(days=ago)
        handed = placed + timedelta(days=2) if status == "in_transit" else None
        cancelled = placed + timedelta(days=1) if status == "cancelled" else None
        yield (
            *(order_id, region, _day(placed), placed, placed + timedelta(hours=1)),
            *(placed + timedelta(hours=8), handed, handed, "handed_over" if handed else None),
            *(None, cancelled, placed + timedelta(days=promise), shipper, "toys", 149.9, status),
            *(14.0, 0.11 if same else risk, reasons, "loyal", PSEUDONYM),
        )


def _day(at: datetime) -> date:
    return at.astimezone(UTC).date()


# Of each group: customers, days since the last order, orders, value, late share, mean days,
# stability.
_PROFILES = {
    "loyal": (412, 21.0, 4.2, 512.0, 0.04, 8.1, 0.91),
    "valued": (188, 64.0, 1.6, 940.0, 0.07, 9.4, 0.83),
    "new": (655, 12.0, 1.0, 96.0, None, None, 0.88),
    "dormant": (1240, 251.0, 1.1, 88.0, 0.09, 10.9, 0.79),
    "disappointed": (97, 140.0, 1.2, 120.0, 0.86, 24.3, 0.52),
    "occasional_2": (7, 80.0, 2.0, 333.0, 0.5, 15.0, 0.7),
}
FEW = "occasional_2"


def fill_segments(admin_dsn: str, month: date, *, months: int = 3) -> None:
    """The groups of customers of `months` months up to `month`; one of them has seven customers,
    whose figures the view hides."""
    firsts = [month]
    while len(firsts) < months:
        firsts.append((firsts[-1] - timedelta(days=1)).replace(day=1))
    with psycopg.connect(admin_dsn) as connection:
        for first in firsts:
            every = sum(profile[0] for profile in _PROFILES.values())
            for place, (name, (count, *means, stability)) in enumerate(_PROFILES.items()):
                hidden = count < 10
                figures = [count, count / every, *means]
                connection.execute(
                    "insert into published.customer_segments values"
                    " (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, 'k_means-x', %s)",
                    [
                        *(first, place, name),
                        *([None] * len(figures) if hidden else figures),
                        *(stability, hidden),
                    ],
                )
            for k in range(2, 9):
                connection.execute(
                    "insert into published.segment_choices values (%s, %s, %s, %s, %s)",
                    [first, k, 0.22 + 0.05 * k - 0.004 * k * k, 0.97 - 0.035 * k, k == 6],
                )
