"""What the page Trips reads: SQL on the published views, as frames.

Trips are millions: the daily views hold their sums, and every query here adds those up. No query
reads trip by trip.
"""

from __future__ import annotations

from datetime import date

import pandas as pd
import streamlit as st

from streamlit_app.data.database import CACHE_SECONDS, LONG_CACHE_SECONDS, read

FLOW = "trips"
MODELS = ("default", "planned_distance")

# The columns of the tables and of their files, in this order.
HOUR_COLUMNS = (
    "local_hour",
    "weekday_minutes",
    "weekday_trips",
    "weekend_minutes",
    "weekend_trips",
)
PAIR_COLUMNS = ("pickup", "dropoff", "trips", "mean_minutes", "trip_mae", "mean_distance_km")
MODEL_COLUMNS = ("model", "trips", "trip_mae", "rmse", "r2", "coverage_80", "mean_width_80")
STEP_COLUMNS = ("model", "from_minutes", "trips", "mean_predicted", "mean_actual", "coverage_80")

LISTED_PAIRS = 25

_WHERE = "(%(borough)s = '*' or centre_id = %(borough)s) and date between %(first)s and %(last)s"


@st.cache_data(ttl=CACHE_SECONDS, show_spinner=False)
def days() -> tuple[date, date] | None:
    """The first and the newest day (UTC) with trips, of all boroughs; None where there are none."""
    row = read("select min(date) as first, max(date) as last from published.trip_durations_daily")
    first, last = row.iloc[0]
    return None if pd.isna(last) else (first.date(), last.date())


@st.cache_data(ttl=CACHE_SECONDS, show_spinner=False)
def newest_scores() -> pd.Series | None:
    """The newest day whose trips are scored, and by which version: date, model_version."""
    frame = read(
        "select date, model_version from published.trip_accuracy"
        " where centre_id = '*' and model = 'default' order by date desc limit 1"
    )
    return None if frame.empty else frame.iloc[0]


@st.cache_data(ttl=LONG_CACHE_SECONDS, show_spinner=False)
def totals(borough: str, first: date, last: date) -> pd.Series:
    """Trips that began from `first` to `last`: trips, mean_minutes; NaN where there are none."""
    frame = read(
        f"""
        select sum(trips)::float8 as trips, sum(minutes) / nullif(sum(trips), 0) as mean_minutes
        from published.trip_durations_daily where {_WHERE}
        """,
        {"borough": borough, "first": first, "last": last},
    )
    return frame.iloc[0]


@st.cache_data(ttl=LONG_CACHE_SECONDS, show_spinner=False)
def models(borough: str, first: date, last: date) -> pd.DataFrame:
    """The accuracy of each model over the days: MODEL_COLUMNS, by_fallback (a share of the trips).

    R2 is against the mean of all trips of the days. A model without a score there has no row.
    """
    frame = read(
        """
        with days as (
            select *, trips * (sd_actual ^ 2 + mean_actual ^ 2) as squared_actual
            from published.trip_accuracy
            where centre_id = %(borough)s and date between %(first)s and %(last)s
        )
        select model, sum(trips)::bigint as trips, sum(mae * trips) / sum(trips) as trip_mae,
            sqrt(sum(rmse ^ 2 * trips) / sum(trips)) as rmse,
            1 - sum(rmse ^ 2 * trips) / nullif(
                sum(squared_actual) - sum(mean_actual * trips) ^ 2 / sum(trips), 0
            ) as r2,
            sum(coverage_80 * trips) / sum(trips) as coverage_80,
            sum(mean_width_80 * trips) / sum(trips) as mean_width_80,
            (sum(by_fallback) / sum(trips))::float8 as by_fallback
        from days group by model order by model
        """,
        {"borough": borough, "first": first, "last": last},
    )
    return frame[[*MODEL_COLUMNS, "by_fallback"]]


@st.cache_data(ttl=LONG_CACHE_SECONDS, show_spinner=False)
def hours(borough: str, first: date, last: date) -> pd.DataFrame:
    """Mean minutes by local hour of the pickup, from Monday to Friday and at weekends.

    HOUR_COLUMNS, a row for each of the 24 hours; NaN where no trip began.
    """
    return read(
        f"""
        with sums as (
            select local_hour,
                sum(trips) filter (where weekday < 5) as weekday_trips,
                sum(minutes) filter (where weekday < 5) as weekday_minutes,
                sum(trips) filter (where weekday >= 5) as weekend_trips,
                sum(minutes) filter (where weekday >= 5) as weekend_minutes
            from published.trip_durations_daily where {_WHERE} group by local_hour
        )
        select local_hour, weekday_minutes / weekday_trips::float8 as weekday_minutes,
            coalesce(weekday_trips, 0)::bigint as weekday_trips,
            weekend_minutes / weekend_trips::float8 as weekend_minutes,
            coalesce(weekend_trips, 0)::bigint as weekend_trips
        from generate_series(0, 23) as local_hour left join sums using (local_hour)
        order by local_hour
        """,
        {"borough": borough, "first": first, "last": last},
    )


@st.cache_data(ttl=LONG_CACHE_SECONDS, show_spinner=False)
def weekdays(borough: str, first: date, last: date) -> pd.DataFrame:
    """Mean minutes by local weekday (0 = Monday): weekday, trips, mean_minutes, in its order."""
    return read(
        f"""
        select weekday, sum(trips)::bigint as trips, sum(minutes) / sum(trips) as mean_minutes
        from published.trip_durations_daily where {_WHERE} group by weekday order by weekday
        """,
        {"borough": borough, "first": first, "last": last},
    )


@st.cache_data(ttl=LONG_CACHE_SECONDS, show_spinner=False)
def zone_pairs(borough: str, first: date, last: date) -> pd.DataFrame:
    """The LISTED_PAIRS busiest zone pairs of the days: PAIR_COLUMNS, the busiest first.

    `trip_mae` is the default model's mean absolute error, NaN where no trip is scored; a zone
    without a name has its number instead.
    """
    frame = read(
        f"""
        with busiest as (
            select pickup_zone, dropoff_zone, sum(trips)::bigint as trips,
                sum(minutes) / sum(trips) as mean_minutes,
                sum(absolute_error) / nullif(sum(scored), 0) as trip_mae,
                sum(distance_km) / sum(trips) as mean_distance_km
            from published.trip_zone_pairs_daily where {_WHERE}
            group by pickup_zone, dropoff_zone
            order by 3 desc, 1, 2 limit %(listed)s
        )
        select coalesce(a.zone, 'Zone ' || pickup_zone) as pickup,
            coalesce(b.zone, 'Zone ' || dropoff_zone) as dropoff, trips, mean_minutes, trip_mae,
            mean_distance_km
        from busiest
        left join published.trip_zones a on a.zone_id = pickup_zone
        left join published.trip_zones b on b.zone_id = dropoff_zone
        order by trips desc, pickup_zone, dropoff_zone
        """,
        {"borough": borough, "first": first, "last": last, "listed": LISTED_PAIRS},
    )
    return frame[list(PAIR_COLUMNS)]


@st.cache_data(ttl=LONG_CACHE_SECONDS, show_spinner=False)
def steps(borough: str, first: date, last: date) -> pd.DataFrame:
    """Predicted and actual minutes by step of five predicted minutes: STEP_COLUMNS, by model."""
    frame = read(
        f"""
        select model, from_minutes, sum(trips)::bigint as trips,
            sum(predicted) / sum(trips) as mean_predicted, sum(actual) / sum(trips) as mean_actual,
            (sum(inside_80) / sum(trips))::float8 as coverage_80
        from published.trip_calibration_daily where {_WHERE}
        group by model, from_minutes order by model, from_minutes
        """,
        {"borough": borough, "first": first, "last": last},
    )
    return frame[list(STEP_COLUMNS)]
