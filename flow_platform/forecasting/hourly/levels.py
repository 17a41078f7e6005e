"""Traffic levels: the class of an hour by its occupancy, and the one to expect.

The classes are those of the city of Paris (portal "Comptage routier", field etat_trafic), which its
data bear out to the last row.
"""

from __future__ import annotations

import numpy as np

from flow_platform.forecasting.hourly.frame import Frame

LEVELS = ("fluid", "dense", "saturated", "blocked")
# Occupancy in percent from which a level begins.
THRESHOLDS = (15.0, 30.0, 50.0)
# Share of an hour's deviation in occupancy that is left an hour later.
PERSISTENCE = 0.65
UNKNOWN = -1


def level_of(frame: Frame) -> np.ndarray:
    """Index into `LEVELS` of each row's expected level; -1 where no occupancy was ever known.

    Occupancy is expected as its profile plus what is left of its present deviation.
    """
    left = np.nan_to_num(frame.occupancy_now) * PERSISTENCE**frame.horizon
    expected = frame.occupancy_usual + left
    return np.where(np.isfinite(expected), np.digitize(expected, THRESHOLDS), UNKNOWN)
