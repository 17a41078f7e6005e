"""Loads the zones of the city and its trips, with every row of every file accounted for."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pandas as pd

from flow_platform.flows.trips.context import TripsContext
from flow_platform.flows.trips.files import KILOMETRES_A_MILE
from flow_platform.flows.trips.simulator import SIMULATED_FILE, simulated_trips
from flow_platform.flows.trips.source import TripReading, read_trips
from flow_platform.flows.trips.taxi_site import fetch_months
from flow_platform.ground.rectangle import Rectangle
from flow_platform.ground.roles import INGEST_ROLE
from flow_platform.platform import Platform
from flow_platform.sources.forms import FileForm
from flow_platform.sources.landing import FileBalance, Landing, rejected_frame
from flow_platform.sources.tables import clean_text
from flow_platform.sources.whole_days import Refused, stored_rows
from flow_platform.stages.loading import (
    Balance,
    balance_of,
    not_whole,
    record_loads,
    record_rejects,
)
from flow_platform.stages.looking import Look
from flow_platform.stages.readings import prepare_readings
from flow_platform.warehouse.store import copy_rows, lock_writes


def load_zones(platform: Platform) -> int:
    """Replace the zones that have a borough; return how many. Trips to other zones are kept."""
    every = platform.kept(TripsContext).zones
    zones = pd.DataFrame([vars(zone) for zone in every if zone.borough is not None])
    with platform.store(INGEST_ROLE).connect() as connection, connection.cursor() as cursor:
        lock_writes(connection, "raw.trip_zones")
        cursor.execute("delete from raw.trip_zones")
        copy_rows(cursor, "raw.trip_zones", zones)
    return len(zones)


def load_trips(platform: Platform, rectangle: Rectangle) -> Balance:
    """Replace the trips of these partitions, and account for every row of the files they are in.

    Days are replaced in blocks, each in one transaction, with the rows of all files: a day is as it
    was or as it is. A crash leaves whole days, and the next load finishes them. A partition is
    empty where no trip began in any borough that day.
    """
    city, store = platform.kept(TripsContext), platform.store(INGEST_ROLE)
    if city.source.kind == "simulated":
        return _load_simulated(platform, rectangle)
    days = rectangle.first_day, rectangle.last_day
    fetched = None
    if city.source.kind == "http":
        fetched = fetch_months(city.source, *days, city.folder, now=datetime.now(UTC))
    reading = _reading(platform, rectangle, None if fetched is None else fetched.files)
    refused, stored = Refused(), []
    warnings: tuple[str, ...] = ()
    for number, block in enumerate(reading.blocks()):
        # How dates are read is known from the first block on.
        if number == 0:
            dated = [
                FileBalance(name, dates=reading.dates.source.reading(name))
                for name in map(clean_text, map(str, reading.paths))
            ]
            warnings = prepare_readings(platform, "trips", rectangle, dated)
        part = Rectangle(rectangle.centres, block.first_day, block.last_day)
        store.replace("raw.trips", block.rows, part)
        stored.append(stored_rows(block.rows))
        if block.judged:
            rejected = (refused.add(frame) for file in block.rejected for frame in file.frames())
            with store.connect() as connection, connection.cursor() as cursor:
                record_rejects(cursor, "trips", rectangle, rejected, block.judged)
    lacking = not_whole(platform, "trips", rectangle, refused, stored, reading.files)
    with store.connect() as connection, connection.cursor() as cursor:
        record_loads(
            cursor, "trips", rectangle, reading.files, lacking, is_refused=reading.is_refused
        )
    return replace(
        balance_of(reading.files, reading.quiet_days * len(rectangle.centres), lacking=lacking),
        rejected=reading.rejected,
        reasons=reading.reasons,
        warnings=(*(fetched.warnings if fetched else ()), *reading.warnings, *warnings),
    )


def look_at_trips(platform: Platform, rectangle: Rectangle) -> Look:
    """What `load_trips` would store and refuse of files, and how it understands them."""
    city = platform.kept(TripsContext)
    reading = _reading(platform, rectangle, None)

    def landings() -> Iterator[Landing]:
        nothing = rejected_frame([])
        for block in reading.blocks():
            yield Landing(block.rows, nothing, ())
            for file in block.rejected:
                for frame in file.frames():
                    yield Landing(block.rows.iloc[:0], frame, ())
        yield Landing(pd.DataFrame(), nothing, reading.files)

    def facts(form: FileForm) -> dict[str, str]:
        is_km = "distance_km" in form.columns
        distance = "kilometres" if is_km else f"miles, stored as km (x {KILOMETRES_A_MILE})"
        return {
            "clock": f"times without an offset are in {city.place.timezone} ({city.why_place});"
            " days are UTC days of the pickup",
            "units": f"distance: {distance}; amounts: in the money of the file",
        }

    return Look(landings=landings(), facts=facts)


def _reading(platform: Platform, rectangle: Rectangle, paths: Sequence[Path] | None) -> TripReading:
    city = platform.kept(TripsContext)
    return read_trips(
        city.source,
        city.zones,
        city.place.timezone,
        rectangle.first_day,
        rectangle.last_day,
        rectangle.centres,
        paths=paths,
        scratch=platform.settings.home_path,
    )


def _load_simulated(platform: Platform, rectangle: Rectangle) -> Balance:
    """Every simulated trip is a good one: nothing is rejected, no day is quiet."""
    city, stored = platform.kept(TripsContext).simulated, 0
    for first, last, rows in simulated_trips(
        city, rectangle.first_day, rectangle.last_day, rectangle.centres
    ):
        part = Rectangle(rectangle.centres, first, last)
        stored += platform.store(INGEST_ROLE).replace("raw.trips", rows, part)
    files = (FileBalance(SIMULATED_FILE, stored, stored),)
    with platform.store(INGEST_ROLE).connect() as connection, connection.cursor() as cursor:
        record_loads(cursor, "trips", rectangle, files)
    return balance_of(files, 0)
