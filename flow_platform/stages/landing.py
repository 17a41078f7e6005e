"""From sources to `raw`: calendar, weather and counts, with every row accounted for.

How a source is read is in `sources/`; here its rows, its rejects and its balance are written.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

import pandas as pd
import psycopg

from flow_platform.flows import TRIPS
from flow_platform.ground.columns import WEATHER_COLUMNS, WEATHER_KEYS
from flow_platform.ground.rectangle import Rectangle
from flow_platform.ground.roles import INGEST_ROLE
from flow_platform.platform import Platform
from flow_platform.sources.counters import remember_counters
from flow_platform.sources.landing import FileBalance, Landing
from flow_platform.sources.parcels import read_parcels
from flow_platform.sources.portal import fetch_readings
from flow_platform.sources.retail import DAY_COLUMNS, LINE_CLASSES, read_retail
from flow_platform.sources.taxi_site import fetch_months
from flow_platform.sources.traffic import read_traffic
from flow_platform.sources.trips import read_trips
from flow_platform.sources.trips_simulator import SIMULATED_FILE, simulated_trips
from flow_platform.sources.weather import fetch_weather
from flow_platform.warehouse.store import copy_rows, lock_writes


@dataclass(frozen=True)
class Balance:
    """Rows of one landing: read = stored + quarantined, and the files that could not be read.

    `classes` counts the stored rows by class, in flows whose rows have one; `rejected` the rejects
    by reason, in flows that reject for reasons of the data. `warnings` say what the source did not
    have yet.
    """

    rows_read: int
    rows_stored: int
    rows_quarantined: int
    rows_left: int
    rows_repeated: int
    broken_files: tuple[str, ...]
    empty_partitions: int
    classes: dict[str, int] = field(default_factory=dict)
    rejected: dict[str, int] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()

    @property
    def rows_in_files(self) -> int:
        """Every row of the files that were opened."""
        return self.rows_read + self.rows_left + self.rows_repeated


def land_calendar(platform: Platform) -> int:
    """Replace the calendar of every centre; return its rows."""
    calendar = platform.calendar
    with platform.store(INGEST_ROLE).connect() as connection, connection.cursor() as cursor:
        lock_writes(connection, "raw.calendar")
        cursor.execute("delete from raw.calendar")
        copy_rows(cursor, "raw.calendar", calendar)
    return len(calendar)


def land_weather(platform: Platform, rectangle: Rectangle) -> tuple[int, tuple[str, ...]]:
    """Replace the weather that became known in these partitions.

    Returns the rows written and the source's warnings: a day without weather is no error.
    """
    wanted = set(rectangle.centres)
    result = fetch_weather(
        platform.sources.weather,
        [centre for centre in platform.centres if centre.centre_id in wanted],
        rectangle.first_day,
        rectangle.last_day,
        now=datetime.now(UTC),
        world=platform.world,
        cache_dir=platform.settings.home_path / "cache",
    )
    platform.store(INGEST_ROLE).replace(
        "raw.weather", result.rows[[*WEATHER_KEYS, *WEATHER_COLUMNS]], rectangle
    )
    return len(result.rows), tuple(result.warnings)


def land_parcels(platform: Platform, rectangle: Rectangle) -> Balance:
    """Replace the parcel counts of these partitions and record every row of every file.

    Rows that cannot be used go to `ops.quarantine`, whole. A row there that its file no longer has
    in that form is marked as repaired by the next load of its partition.
    """
    landing = read_parcels(
        platform.sources.parcels,
        platform.centres,
        rectangle.first_day,
        rectangle.last_day,
        rectangle.centres,
        now=datetime.now(UTC),
        world=platform.world,
    )
    return _replace(platform, "parcels", rectangle, landing)


def land_traffic(platform: Platform, rectangle: Rectangle) -> Balance:
    """Replace the readings of these partitions, and record every row of every file.

    Readings that counters publish live have landed already (`streams/mqtt.py`): here they are only
    counted.
    """
    config = platform.sources["traffic"]
    if config.kind == "mqtt":
        return _count_live(platform, rectangle)
    landing: Landing
    if config.kind == "http":
        fetched = fetch_readings(
            config,
            rectangle.first_day,
            rectangle.last_day,
            rectangle.centres,
            now=datetime.now(UTC),
        )
        remember_counters(platform.counters_cache, fetched.counters)
        landing = fetched
    else:
        landing = read_traffic(
            config,
            platform.counters,
            rectangle.first_day,
            rectangle.last_day,
            rectangle.centres,
            now=datetime.now(UTC),
            world=platform.world,
        )
    return _replace(platform, "traffic", rectangle, landing)


def _count_live(platform: Platform, rectangle: Rectangle) -> Balance:
    """What messages have brought to these partitions; other rows are in ops.quarantine."""
    counts = platform.store(INGEST_ROLE).read(
        "select count(*) as rows, count(distinct (centre_id, day)) as partitions from raw.traffic"
        " where centre_id = any(%(centres)s) and day between %(first)s and %(last)s",
        rectangle.window,
    )
    stored, filled = (int(value) for value in counts.iloc[0])
    return Balance(stored, stored, 0, 0, 0, (), len(rectangle) - filled)


def land_retail(platform: Platform, rectangle: Rectangle) -> Balance:
    """Replace the invoice lines of these partitions, and what the source says of their days.

    The source is read once, however many days there are. A partition is empty where the shop sold
    nothing in any country.
    """
    landing = read_retail(
        platform.sources["retail"],
        rectangle.first_day,
        rectangle.last_day,
        rectangle.centres,
        key=platform.customer_key,
        now=datetime.now(UTC),
        seed=platform.settings.seed,
    )
    store = platform.store(INGEST_ROLE)
    store.replace("raw.retail", landing.rows, rectangle)
    store.replace("raw.retail_days", landing.days[list(DAY_COLUMNS)], rectangle)
    _record(platform, "retail", rectangle, landing)
    counts = landing.rows["line_class"].value_counts()
    return balance_of(
        landing.files,
        int((landing.days["shop_sale_lines"] == 0).sum()),
        {name: int(counts.get(name, 0)) for name in LINE_CLASSES},
    )


def land_trip_zones(platform: Platform) -> int:
    """Replace the zones that have a borough; return how many. Trips to other zones are kept."""
    zones = pd.DataFrame([vars(zone) for zone in platform.trip_zones if zone.borough is not None])
    with platform.store(INGEST_ROLE).connect() as connection, connection.cursor() as cursor:
        lock_writes(connection, "raw.trip_zones")
        cursor.execute("delete from raw.trip_zones")
        copy_rows(cursor, "raw.trip_zones", zones)
    return len(zones)


def land_trips(platform: Platform, rectangle: Rectangle) -> Balance:
    """Replace the trips of these partitions, and record every row of every file that may have some.

    Days are replaced in blocks, each in one transaction, with the rows of all files: a day is as it
    was or as it is. A crash leaves whole days, and the next load finishes them. A partition is
    empty where no trip began in any borough that day.
    """
    config, store = platform.sources[TRIPS.name], platform.store(INGEST_ROLE)
    if config.kind == "simulated":
        return _land_simulated_trips(platform, rectangle)
    fetched = None
    if config.kind == "http":
        fetched = fetch_months(
            config,
            rectangle.first_day,
            rectangle.last_day,
            platform.trips_folder,
            now=datetime.now(UTC),
        )
    reading = read_trips(
        config,
        platform.trip_zones,
        platform.trips_place.timezone,
        rectangle.first_day,
        rectangle.last_day,
        rectangle.centres,
        paths=None if fetched is None else fetched.files,
    )
    for block in reading.blocks():
        part = Rectangle(rectangle.centres, block.first_day, block.last_day)
        store.replace("raw.trips", block.rows, part)
        with store.connect() as connection, connection.cursor() as cursor:
            record_rejects(cursor, TRIPS.name, rectangle, block.rejected, block.judged)
    with store.connect() as connection, connection.cursor() as cursor:
        record_loads(cursor, TRIPS.name, rectangle, reading.files)
    return replace(
        balance_of(reading.files, reading.quiet_days * len(rectangle.centres)),
        rejected=reading.rejected,
        warnings=fetched.warnings if fetched else (),
    )


def _land_simulated_trips(platform: Platform, rectangle: Rectangle) -> Balance:
    """Every simulated trip is a good one: nothing is rejected, no day is quiet."""
    stored = 0
    for first, last, rows in simulated_trips(
        platform.trips_city, rectangle.first_day, rectangle.last_day, rectangle.centres
    ):
        part = Rectangle(rectangle.centres, first, last)
        stored += platform.store(INGEST_ROLE).replace("raw.trips", rows, part)
    files = (FileBalance(SIMULATED_FILE, stored, stored),)
    with platform.store(INGEST_ROLE).connect() as connection, connection.cursor() as cursor:
        record_loads(cursor, TRIPS.name, rectangle, files)
    return balance_of(files, 0)


def _replace(platform: Platform, flow: str, rectangle: Rectangle, landing: Landing) -> Balance:
    platform.store(INGEST_ROLE).replace(f"raw.{flow}", landing.rows, rectangle)
    _record(platform, flow, rectangle, landing)
    filled = landing.rows[["centre_id", "day"]].drop_duplicates()
    return balance_of(landing.files, len(rectangle) - len(filled))


def balance_of(
    files: Sequence[FileBalance], empty_partitions: int, classes: dict[str, int] | None = None
) -> Balance:
    """The balance of a landing: its files' added up."""
    return Balance(
        rows_read=sum(file.rows_read for file in files),
        rows_stored=sum(file.rows_stored for file in files),
        rows_quarantined=sum(file.rows_quarantined for file in files),
        rows_left=sum(file.rows_left for file in files),
        rows_repeated=sum(file.rows_repeated for file in files),
        broken_files=tuple(file.error for file in files if file.error),
        empty_partitions=empty_partitions,
        classes=classes or {},
    )


def _record(platform: Platform, flow: str, rectangle: Rectangle, landing: Landing) -> None:
    readable = [file.file for file in landing.files if file.error is None]
    with platform.store(INGEST_ROLE).connect() as connection, connection.cursor() as cursor:
        record_loads(cursor, flow, rectangle, landing.files)
        record_rejects(cursor, flow, rectangle, landing.rejected, readable)


def record_loads(
    cursor: psycopg.Cursor, flow: str, rectangle: Rectangle, files: Sequence[FileBalance]
) -> None:
    """Write one row a file of what became of its rows."""
    # Named by what was asked for: loading the same again replaces its own record.
    load_id = hashlib.sha256(
        "|".join(
            [flow, *rectangle.centres, str(rectangle.first_day), str(rectangle.last_day)]
        ).encode()
    ).hexdigest()[:16]
    loads = pd.DataFrame(
        [
            {
                "load_id": load_id,
                "flow": flow,
                "file": file.file,
                "first_day": rectangle.first_day,
                "last_day": rectangle.last_day,
                "rows_in_file": file.rows_in_file,
                "rows_read": file.rows_read,
                "rows_stored": file.rows_stored,
                "rows_quarantined": file.rows_quarantined,
                "rows_left": file.rows_left,
                "rows_repeated": file.rows_repeated,
                "error": file.error,
            }
            for file in files
        ]
    )
    cursor.execute(
        "create temporary table new_loads (like ops.loads including defaults) on commit drop"
    )
    copy_rows(cursor, "new_loads", loads)
    # An unchanged load keeps its time: running again must leave the same rows.
    cursor.execute(
        """
        delete from ops.loads
        where load_id = %(load)s and file not in (select file from new_loads)
        """,
        {"load": load_id},
    )
    cursor.execute(
        """
        insert into ops.loads select * from new_loads
        on conflict (load_id, flow, file) do update set
            loaded_at = excluded.loaded_at, rows_in_file = excluded.rows_in_file,
            rows_read = excluded.rows_read, rows_stored = excluded.rows_stored,
            rows_quarantined = excluded.rows_quarantined, rows_left = excluded.rows_left,
            rows_repeated = excluded.rows_repeated, error = excluded.error
        where (ops.loads.rows_in_file, ops.loads.rows_read, ops.loads.rows_stored,
               ops.loads.rows_quarantined, ops.loads.rows_repeated, ops.loads.error)
            is distinct from (excluded.rows_in_file, excluded.rows_read, excluded.rows_stored,
               excluded.rows_quarantined, excluded.rows_repeated, excluded.error)
        """
    )


def record_rejects(
    cursor: psycopg.Cursor,
    flow: str,
    rectangle: Rectangle,
    rejected: pd.DataFrame,
    files: Sequence[str],
) -> None:
    """Keep the rejects of whole `files`; those there that are rejects no more are repaired.

    `rejected` may say by which digest a row is known, where its payload is another each time.
    """
    if not files and rejected.empty:
        return
    if "payload_sha256" not in rejected:
        digests = [hashlib.sha256(payload.encode()).hexdigest() for payload in rejected["payload"]]
        rejected = rejected.assign(payload_sha256=digests)
    cursor.execute(
        "create temporary table new_rejects (like ops.quarantine including defaults) on commit drop"
    )
    copy_rows(cursor, "new_rejects", rejected.assign(flow=flow))
    # Without statistics the planner would compare every row with every other.
    cursor.execute("analyze new_rejects")
    cursor.execute(
        """
        insert into ops.quarantine select * from new_rejects
        on conflict (flow, source_file, source_line, payload_sha256) do update
            set reason = excluded.reason, state = 'open'
        where ops.quarantine.reason <> excluded.reason or ops.quarantine.state <> 'open'
        """
    )
    cursor.execute(
        """
        update ops.quarantine as old set state = 'repaired'
        where flow = %(flow)s and state = 'open'
          and source_file = any(%(files)s)
          and (day is null or day between %(first)s and %(last)s)
          and (centre_id is null or centre_id = any(%(centres)s))
          and not exists (
              select from new_rejects as new
              where new.source_file = old.source_file and new.source_line = old.source_line
                and new.payload_sha256 = old.payload_sha256)
        """,
        {
            "flow": flow,
            "files": list(files),
            "first": rectangle.first_day,
            "last": rectangle.last_day,
            "centres": list(rectangle.centres),
        },
    )
