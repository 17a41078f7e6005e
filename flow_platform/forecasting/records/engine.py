"""The engine of records, and how a flow binds it to its columns."""

from __future__ import annotations

from flow_platform.forecasting.records.data import RecordData, RecordSpec, fingerprint
from flow_platform.forecasting.records.model import CANDIDATES
from flow_platform.forecasting.records.preparation import Prepared
from flow_platform.forecasting.records.training import fit
from flow_platform.models.engine import Engine

ENGINE: Engine[RecordData, RecordSpec, Prepared] = Engine(
    candidates=CANDIDATES,
    fingerprint=fingerprint,
    prepare=Prepared,
    fit=fit,
)
