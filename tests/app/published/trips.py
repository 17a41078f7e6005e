"""Trips: three boroughs, with the sums of each day that the published views hold."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from typing import Any

import numpy as np
import psycopg

from tests.app.published.tables import copy, midnight
from tests.app.published.traffic import SHARE_OF_HOURS

ZONES = (
    (4, "Alphabet City", "Manhattan"),
    (74, "East Harlem North", "Manhattan"),
    (7, "Astoria", "Queens"),
    (138, "LaGuardia Airport", "Queens"),
    (61, "Crown Heights North", "Brooklyn"),
)
TRIPS_MODEL = "lightgbm-2026-11-91d0c7e2"
# The drop-off zone that the source's table does not have.
UNKNOWN_ZONE = 265
_SCORES = """
    with scores as (
        select trips.*, model,
            case when date <= %(fallback)s then 'fallback' else %(model)s end as model_version,
            minutes * (1 + (case model when 'default' then 0.22 else 0.14 end) * noise) as predicted
        from trips cross join (values ('default'), ('planned_distance')) as models (model)
        where date <= %(scored)s
    ),
    measured as (
        select *, predicted - minutes as error, 0.62 * predicted as width,
            minutes between 0.75 * predicted and 1.37 * predicted as is_inside from scores
    )
"""


_DURATIONS = """
    insert into published.trip_durations_daily
    select centre_id, date, weekday, local_hour, z.borough, count(*), sum(minutes),
        sum(distance_km)
    from trips
    left join (select zone_id, centre_id as borough from published.trip_zones) z
        on zone_id = dropoff_zone
    group by 1, 2, 3, 4, 5
"""
_ZONE_PAIRS = """
    insert into published.trip_zone_pairs_daily {scores}
    select centre_id, date, pickup_zone, dropoff_zone, count(*), sum(minutes), sum(distance_km),
        count(error), sum(abs(error))
    from trips
    left join (
        select centre_id, date, pickup_zone, dropoff_zone, minutes, noise, error from measured
        where model = 'default'
    ) m using (centre_id, date, pickup_zone, dropoff_zone, minutes, noise)
    group by 1, 2, 3, 4
"""
_CALIBRATION = """
    insert into published.trip_calibration_daily {scores}
    select centre_id, date, model, least(floor(predicted / 5), 12) * 5, count(*), sum(predicted),
        sum(minutes), count(*) filter (where is_inside)
    from measured group by 1, 2, 3, 4
"""
_ACCURACY = """
    insert into published.trip_accuracy {scores}
    select coalesce(centre_id, '*'), date, model, count(*), avg(abs(error)),
        sqrt(avg(error ^ 2)), 1 - sum(error ^ 2) / nullif(var_pop(minutes) * count(*), 0),
        sum(error) / sum(minutes), avg(is_inside::int), avg(width), avg(minutes),
        stddev_pop(minutes), count(*) filter (where model_version = 'fallback'),
        min(model_version)
    from measured group by grouping sets ((date, model, centre_id), (date, model))
"""
_FRESHNESS = """
    insert into published.freshness
    select 'trips', 'actuals', max(date), now(), count(*) from trips union all
    select 'trips', 'predictions', max(date), now(), count(*) from trips
    where date <= %(scored)s
"""
_MODEL_USE = """
    insert into published.model_use
    select 'trips', model, model_version, date, sum(trips) from published.trip_accuracy
    where centre_id <> '*' and date = (select max(date) from published.trip_accuracy)
    group by model, model_version, date
"""


def fill_trips(
    admin_dsn: str,
    last_day: date,
    *,
    days: int = 70,
    a_day: int = 120,
    unscored: int = 0,
    fallback_until: date | None = None,
    file: str = "simulated",
) -> None:
    """Trips of three boroughs in addition to parcels, `a_day` on each of `days` UTC days up to
    `last_day`.

    The newest `unscored` days have no scores; days up to `fallback_until` have those of the
    fallback.
    """
    given = {
        "scored": last_day - timedelta(days=unscored),
        "fallback": fallback_until or date(1970, 1, 1),
        "model": TRIPS_MODEL,
        "last": last_day,
    }
    with psycopg.connect(admin_dsn) as connection:
        copy(connection, "centres", _boroughs())
        copy(connection, "trip_zones", [(*zone, None, None) for zone in ZONES])
        connection.execute(
            "create temp table trips (centre_id text, date date, weekday int, local_hour int,"
            " pickup_zone int, dropoff_zone int, minutes float8, distance_km float8, noise float8)"
        )
        with connection.cursor() as cursor, cursor.copy("copy trips from stdin") as copied:
            for row in _trips(last_day, days, a_day):
                copied.write_row(row)
        connection.execute(_DURATIONS)
        for statement in (_ZONE_PAIRS, _CALIBRATION, _ACCURACY):
            connection.execute(statement.format(scores=_SCORES).encode(), given)
        connection.execute(_FRESHNESS, given)
        connection.execute(_MODEL_USE)
        connection.execute("drop table trips")
        copy(connection, "models", _models(last_day))
        load = ("trips", "load-trips", midnight(last_day), file, 100, 98, 2, None)
        copy(connection, "loads", [load])


def _boroughs() -> list[tuple[Any, ...]]:
    names = sorted({borough for _, _, borough in ZONES})
    return [
        (name, name, None, None, "US", None, None, "America/New_York", None, "trips")
        for name in names
    ]


def _models(last_day: date) -> list[tuple[Any, ...]]:
    month = last_day.replace(day=1)
    return [
        (
            *("trips", model, "lightgbm", month, midnight(month), TRIPS_MODEL, True, mae),
            *(0.2, None, 1.5 * mae, 0.8, 5000, last_day - timedelta(days=60)),
            *(month - timedelta(days=1), "91d0c7e2" * 8, midnight(month)),
        )
        for model, mae in (("default", 3.1), ("planned_distance", 2.0))
    ]


def _trips(last_day: date, days: int, a_day: int) -> Iterator[tuple[Any, ...]]:
    """Made-up trips: slow in the evening, quick at night, a tenth to a zone that is not known."""
    random = np.random.default_rng(3)
    for back in range(days):
        day = last_day - timedelta(days=back)
        for _ in range(a_day):
            pickup, _, borough = ZONES[int(5 * random.uniform() ** 2)]
            dropoff = UNKNOWN_ZONE if random.uniform() < 0.1 else ZONES[random.integers(5)][0]
            hour = int(random.integers(24))
            weekend = day.weekday() >= 5
            slow = 1 + (0.25 if weekend else 0.6) * float(SHARE_OF_HOURS[hour])
            km = float(1 + 7 * random.uniform() ** 2 + (8 if pickup == 138 else 0))
            minutes = float((3 + 2.4 * km) * slow * random.uniform(0.8, 1.25))
            noise = float(random.normal())
            yield (borough, day, day.weekday(), hour, pickup, dropoff, minutes, km, noise)
