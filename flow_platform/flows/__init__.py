"""The flows of the platform: a package each, and the catalogue that lists them.

A flow's package holds all that is its own. Its `flow.py` declares what is predicted and by whom it
is owned, and is light; its `parts.py` binds what the rest of the platform calls.
"""

from flow_platform.flows.catalogue import (
    CATALOGUE,
    RECORD_FLOWS,
    SERIES_FLOWS,
    flow_named,
    series_flow_named,
)
from flow_platform.flows.kinds import Flow, RecordFlow, SeriesFlow

__all__ = [
    "CATALOGUE",
    "RECORD_FLOWS",
    "SERIES_FLOWS",
    "Flow",
    "RecordFlow",
    "SeriesFlow",
    "flow_named",
    "series_flow_named",
]
