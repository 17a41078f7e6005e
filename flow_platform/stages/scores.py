"""Scores the records of a flow, whichever it is: trips here, deliveries there.

How each flow's records are read and scored is in `trips.py` and `deliveries.py`; what an asset
tells of a run is the same for both.
"""

from __future__ import annotations

from typing import Literal

from flow_platform.flows import DELIVERIES, RecordFlow
from flow_platform.ground.rectangle import Rectangle
from flow_platform.platform import Platform
from flow_platform.stages.deliveries import score_deliveries
from flow_platform.stages.score_run import ScoreRun
from flow_platform.stages.training import Progress, logger
from flow_platform.stages.trips import score_trips


def score_records(
    platform: Platform,
    flow: RecordFlow,
    rectangle: Rectangle,
    *,
    refresh: Literal["missing", "stale"] = "missing",
    progress: Progress = logger.info,
) -> ScoreRun:
    """Score every record of `rectangle` by every model of the flow, and replace the partitions."""
    if flow == DELIVERIES:
        return score_deliveries(platform, flow, rectangle, refresh=refresh, progress=progress)
    by_measure = score_trips(platform, flow, rectangle, refresh=refresh, progress=progress)
    return ScoreRun(
        due=sum(one.trips for one in by_measure.values()),
        rows=sum(one.rows for one in by_measure.values()),
        vintages={measure: one.vintages for measure, one in by_measure.items()},
        versions={measure: one.trips_by_version for measure, one in by_measure.items()},
        figures={
            f"{measure}_{name}": getattr(one, name)
            for measure, one in by_measure.items()
            for name in ("rmse", "mae", "r2", "coverage_80")
        },
        shown={
            measure: one.shown.set_axis(["actual", "predicted"], axis="columns")
            for measure, one in by_measure.items()
        },
    )
