"""Scores of trips before there is any vintage."""

from __future__ import annotations

import numpy as np

from flow_platform.scoring.trips.data import Floats, TripData, TripSpec
from flow_platform.scoring.trips.history import Expanding, features, usual_minutes
from flow_platform.scoring.trips.model import SHORTEST_MINUTES


def fallback_scores(known: TripData, asked: TripData, spec: TripSpec) -> Floats:
    """Minutes and an 80 % band, shape (n, 3): the zone pair's usual minutes.

    Of `known`, the trips count that were over when the day of the asked trip began. The band is
    0.5 to 1.7 times that, about how far trips of a city stray.
    """
    frame = features(asked.inputs, Expanding(known, asked.day), spec.has_distance)
    usual = usual_minutes(frame, spec.has_distance)
    minutes = np.maximum(usual, SHORTEST_MINUTES)
    return np.column_stack([minutes, np.maximum(0.5 * usual, SHORTEST_MINUTES), 1.7 * minutes])
