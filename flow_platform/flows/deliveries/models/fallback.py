"""Scores of orders before there is any vintage."""

from __future__ import annotations

import numpy as np

from flow_platform.flows.deliveries.models.calibration import banded
from flow_platform.flows.deliveries.models.candidates import reference
from flow_platform.flows.deliveries.models.data import DeliveryData, DeliverySpec, Floats
from flow_platform.flows.deliveries.models.features import Asked, columns, features
from flow_platform.flows.deliveries.models.judging import base_risk

# Shares of the days that remain, or of those promised: the usual, and the sides of a band.
_SHARE_OF_PROMISE, _LOWER, _UPPER = 0.8, 0.5, 1.7


def fallback_scores(data: DeliveryData, asked: Asked, spec: DeliverySpec) -> Floats:
    """Scores of the form of `DeliveryModel.score`, from what was known at each row's moment.

    Delays: the region's mean of log days, before the first delivery 0.8 of the days promised; with
    a band of half and 1.7 times what remains. Late risk: the share of late orders, with a Beta
    prior.
    """
    frame = features(data, asked, spec)
    names = columns(spec.in_transit)
    if spec.is_late_risk:
        return base_risk(frame, spec)[:, None]
    elapsed = frame[:, names.index("elapsed_days")]
    promised = frame[:, names.index("promise_days")]
    left = np.maximum(_SHARE_OF_PROMISE * promised - elapsed, 1.0)
    unknown = np.isnan(frame[:, names.index("usual_log_days")])
    logs = np.where(unknown, np.log(left), reference(frame, spec.in_transit))
    sides = np.stack([logs, logs + np.log(_LOWER), logs + np.log(_UPPER)])
    return banded(sides, elapsed, 0.0)
