"""Traffic levels: the class of an hour by its occupancy, and the one to expect.

The classes are those of the city of Paris (portal "Comptage routier", field etat_trafic), and its
data agree to the last row.
"""

from __future__ import annotations

import numpy as np

from flow_platform.forecasting.hourly.frame import Frame

LEVELS = ("fluid", "dense", "saturated", "blocked")
# Occupancy in percent from which a level begins.
THRESHOLDS = (15.0, 30.0, 50.0)
# Share of an hour's deviation that is left an hour later; as it goes, yesterday's deviation of the
# same hour and the mean one of the last day take its place (docs/benchmarks.md).
PERSISTENCE, OF_DAY_BEFORE, OF_LAST_DAY = 0.7, 0.3, 0.4
UNKNOWN = -1


def level_of(frame: Frame) -> np.ndarray:
    """Index into `LEVELS` of each row's expected level; -1 where no occupancy was ever known."""
    left = PERSISTENCE**frame.horizon
    deviation = left * np.nan_to_num(frame.occupancy_now) + (1 - left) * (
        OF_DAY_BEFORE * np.nan_to_num(frame.occupancy_day_before)
        + OF_LAST_DAY * np.nan_to_num(frame.occupancy_day)
    )
    expected = frame.occupancy_usual + deviation
    return np.where(np.isfinite(expected), np.digitize(expected, THRESHOLDS), UNKNOWN)
