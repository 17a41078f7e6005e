"""Zones for a look at files of trips for which no file of zones is named: those that trips name."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from flow_platform.flows.trips.files import open_trips, zones_of
from flow_platform.flows.trips.layouts import layout_of
from flow_platform.flows.trips.options import TripsSource
from flow_platform.sources.files import FileUnreadableError, source_files

# What real files of zones are called.
_NAME = "taxi_zone_lookup.csv"
_BOROUGH = "borough not known yet"


def stand_in_zones(keys: Mapping[str, Any], folder: Path) -> dict[str, Any]:
    """The key `zones` for a section [trips] that has these keys; nothing where it has the key.

    The file, in `folder`, has every zone that the trips name, all in one borough.
    """
    if keys.get("zones") is not None:
        return {}
    # Of another kind a section needs no zones.
    config = TripsSource(**{**keys, "kind": "simulated"})
    named: set[int] = set()
    for path in source_files(config):
        try:
            named |= _named_in(path, config)
        except FileUnreadableError:  # the look names the file
            continue
    file = folder / _NAME
    rows = [f"{zone},{zone},{_BOROUGH}" for zone in sorted(named) or [1]]
    file.write_text("\n".join(["zone_id,zone,borough", *rows, ""]), encoding="utf-8")
    return {"zones": str(file)}


def _named_in(path: Path, config: TripsSource) -> set[int]:
    opened = open_trips(path, config)
    header = layout_of(opened.names, config, path).names
    named: set[int] = set()
    for table in opened.tables(header):
        for zones in zones_of(table, config):
            named.update(np.unique(zones[zones >= 0]).tolist())
    return named
