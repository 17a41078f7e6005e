"""What all flows of series bind alike, whatever their step."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from functools import partial

from flow_platform.flows.kinds import SeriesFlow
from flow_platform.ground.tables import Table
from flow_platform.models.engine import Data, Prepared, Spec
from flow_platform.parts import DriftFeatures, ModelParts, Predictions
from flow_platform.platform import Platform
from flow_platform.stages.case import Case
from flow_platform.stages.forecasting import FORECASTS, predict_series
from flow_platform.stages.promotion import ReplayedSeries, compare_series

FORECASTS_TABLE = Table.of(
    FORECASTS,
    """
        flow             text              The flow.
        measure          text              What is forecast.
        centre_id
        day              date              Partition day of the issue (UTC).
        date             date              Local day of the target.
        target_at        timestamptz       Moment of the target, UTC.
        horizon          smallint          Steps from the issue to the target.
        issued_at        timestamptz       When the forecast was issued, UTC.
        prediction       double precision  The forecast.
        lower_80         double precision  Lower bound of the 80 % interval.
        upper_80         double precision  Upper bound of the 80 % interval.
        lower_95         double precision  Lower bound of the 95 % interval.
        upper_95         double precision  Upper bound of the 95 % interval.
        model_version    text              The vintage that made it; `fallback`: none.
        usual            double precision  The usual value, from which drivers explain.
        by_calendar      double precision  What the calendar adds.
        by_weather       double precision  What the weather adds.
        by_events        double precision  What events add.
        by_recent_level  double precision  What the level of late adds.
        by_trend         double precision  What the trend adds.
        level            text              Expected traffic level; flows of hours alone.
    """,
)


def series_models(
    flow: SeriesFlow,
    series: ReplayedSeries[Data, Spec, Prepared],
    *,
    spec: Callable[[Platform, str], Spec],
    read_for_training: Callable[[Case, date, date], Data],
    training_views: tuple[str, ...],
    drift: DriftFeatures,
    issued: str,
) -> ModelParts[Data, Spec, Prepared]:
    """How the models of a flow of series are trained, forecast and are compared.

    `issued` says in words when forecasts are issued.
    """
    return ModelParts(
        engine=series.engine,
        spec=spec,
        read_for_training=read_for_training,
        shares_history=False,
        training_views=training_views,
        predictions=Predictions(
            asset=f"{flow.name}_forecast",
            table=FORECASTS_TABLE,
            unit=None,
            counted="issues",
            description=f"{flow.title}: forecasts issued {issued} for the next"
            f" {flow.longest_horizon} {flow.step}s, with 80 and 95 % intervals. They use only what"
            " was known at the issue.",
            complete="Every centre, day and measure with history has every horizon, but for"
            " weekdays on which the shop is closed.",
            make=partial(predict_series, series),
        ),
        compare=partial(compare_series, series),
        drift=drift,
    )
