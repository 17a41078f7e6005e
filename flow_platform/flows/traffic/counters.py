"""The road counters of a source: which there are, where they are, which area each is in.

Their readings are in `source.py`, `portal.py` and `live/`; keys of partitions are made in
`partitions.py`.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from flow_platform.flows.traffic.layouts import PARIS_TIMEZONE, traffic_layouts
from flow_platform.flows.traffic.options import TrafficSource
from flow_platform.flows.traffic.stamps import stamps_of
from flow_platform.ground.errors import ConfigurationError
from flow_platform.sources import values
from flow_platform.sources.centres import Centre, centre_named, nearest_centre
from flow_platform.sources.dates import DateForm
from flow_platform.sources.files import source_files
from flow_platform.sources.ids import natural_order, why_not_an_id
from flow_platform.sources.kept import changing, named_in_files, read_kept
from flow_platform.sources.reader import read_file
from flow_platform.sources.settings_files import rows_with_centres
from flow_platform.sources.tables import Column, Table
from flow_platform.sources.wide_tables import ids_with_numbers

# With so many counters or fewer, each is a partition of its own.
MOST_OWN_AREAS = 20
# Cells of a twentieth of a degree: 5.6 km from south to north, in Paris 3.7 km from west to east.
_CELLS_A_DEGREE = 20
UNPLACED = "unplaced"

# A counter without coordinates in a layout of the city of Paris counts as being there.
PARIS = (48.8566, 2.3522)


@dataclass(frozen=True)
class Counter:
    """A road counter. Latitude and longitude in degrees (WGS 84); None where they are not known."""

    centre_id: str
    name: str
    latitude: float | None
    longitude: float | None
    district: str | None


# Those of the simulator.
COUNTERS: tuple[Counter, ...] = (
    Counter("101", "Périphérique Auteuil", 48.8479, 2.2580, "Paris West"),
    Counter("102", "Périphérique Italie", 48.8191, 2.3600, "Paris South"),
    Counter("103", "Périphérique Bagnolet", 48.8652, 2.4130, "Paris East"),
    Counter("104", "Périphérique Clignancourt", 48.9003, 2.3450, "Paris North"),
    Counter("105", "Avenue des Champs-Élysées", 48.8700, 2.3050, "Paris West"),
    Counter("106", "Rue de la Convention", 48.8400, 2.2930, "Paris South"),
    Counter("107", "Rue Saint-Antoine", 48.8537, 2.3650, "Paris East"),
    Counter("108", "Boulevard de Magenta", 48.8760, 2.3560, "Paris North"),
    Counter("109", "A1 Saint-Denis", 48.9300, 2.3600, "Suburbs North"),
    Counter("110", "A6 Gentilly", 48.8130, 2.3440, "Suburbs South"),
    Counter("111", "A13 Saint-Cloud", 48.8430, 2.2200, "Suburbs West"),
    Counter("112", "A4 Charenton", 48.8230, 2.4050, "Suburbs East"),
)


def in_order(counters: Iterable[Counter]) -> tuple[Counter, ...]:
    """Counters by their ids, numbers as numbers: 376 comes before 4264."""
    return tuple(sorted(counters, key=lambda counter: natural_order(counter.centre_id)))


# -- the counters that a source names -------------------------------------------------------------


def point_of(value: Any) -> tuple[float, float] | None:
    """Latitude and longitude of a `geo_point_2d`: "48.85, 2.33", or JSON with lat and lon."""
    parts: Sequence[Any]
    if isinstance(value, dict):
        parts = [value.get("lat"), value.get("lon")]
    else:
        parts = values.text(value).split(",")
    if len(parts) != 2:
        return None
    try:
        latitude, longitude = (float(part) for part in parts if part is not None)
    except (TypeError, ValueError, OverflowError):
        return None
    inside = abs(latitude) <= 90 and abs(longitude) <= 180
    return (latitude, longitude) if inside else None


def counters_in(table: Table, config: TrafficSource) -> dict[str, tuple[Counter, str]]:
    """The counters that a table names, by id, each with the newest stamp of its name.

    A counter's name is its newest label: labels change, the number does not. A number that cannot
    be a partition key is no counter; its rows are quarantined.
    """
    ids = table.column("centre_id")
    texts = [values.whole_id(value) for value in ids.values]
    distinct = list(dict.fromkeys(texts))
    place = {text: number for number, text in enumerate(distinct)}
    centre = np.array([place[text] for text in texts], dtype="int64")[ids.codes]
    times = table.column("counted_at")
    # Only their order counts here, for which any clock will do.
    at, _, _ = stamps_of(
        times.values, DateForm.of(config.date_format), datetime.now(UTC), PARIS_TIMEZONE
    )
    stamps = at[times.codes].astype("datetime64[s]").astype("int64")
    labels = _newest(table.get("name"), _label, centre, stamps)
    points = _newest(table.get("point"), point_of, centre, stamps)
    found: dict[str, tuple[Counter, str]] = {}
    notes = _notes(table, config)
    for number, centre_id in enumerate(distinct):
        if centre_id in notes:
            continue
        if not centre_id or why_not_an_id(centre_id) is not None:
            continue
        label, seen = labels.get(number, (centre_id, np.iinfo("int64").min))
        point, _ = points.get(number, ((None, None), 0))
        newest = "" if seen < 0 else str(np.datetime64(seen, "s"))
        found[centre_id] = (Counter(centre_id, label, point[0], point[1], None), newest)
    return found


def _notes(table: Table, config: TrafficSource) -> set[str]:
    """The headings of a wide table under which no cell is a number: they are no counters."""
    wide = traffic_layouts(config).wide
    if wide is None:
        return set()
    counted = ids_with_numbers(table, wide, config.marks)
    return {values.whole_id(one) for one in table.column("centre_id").values[~counted]}


def _label(value: Any) -> str | None:
    written = values.name_text(value)
    return None if written.casefold() in values.MISSING else written[:200]


def _newest(
    column: Column | None, parse: Any, centre: np.ndarray, stamps: np.ndarray
) -> dict[int, tuple[Any, int]]:
    """For each centre the value of its newest row that has one, and that row's stamp."""
    if column is None:
        return {}
    parsed = column.parsed(parse)
    rows = np.flatnonzero(np.array([one is not None for one in parsed], dtype=bool)[column.codes])
    order = rows[np.lexsort((stamps[rows], centre[rows]))]
    last = np.flatnonzero(np.diff(centre[order], append=-1))
    return {int(centre[row]): (parsed[column.codes[row]], int(stamps[row])) for row in order[last]}


def declared_counters(path: Path) -> tuple[Counter, ...]:
    """The counters of a CSV with centre_id and, where known, name, latitude, longitude, district.

    Raises ConfigurationError naming file, line and remedy.
    """
    hint = "Its header names centre_id, name, latitude, longitude, district; only centre_id is"
    counters: dict[str, Counter] = {}
    for where, row in rows_with_centres(path, "Counters file", f"{hint} obligatory."):
        counter = _declared(row, where)
        if counter.centre_id in counters:
            raise ConfigurationError(
                f"{where}: centre_id {counter.centre_id!r} is there twice. Remove one line."
            )
        counters[counter.centre_id] = counter
    return in_order(counters.values())


def _declared(row: dict[str, str], where: str) -> Counter:
    centre_id = values.whole_id(row["centre_id"])
    district = row.get("district") or None
    for text in (centre_id, district):
        if text is not None and (fault := why_not_an_id(text)) is not None:
            fault = fault if text is centre_id else fault.replace("centre_id", "district")
            raise ConfigurationError(f"{where}: {fault}.")
    written = [row.get(name, "") for name in ("latitude", "longitude")]
    point = point_of(",".join(written)) if any(written) else (None, None)
    if point is None:
        raise ConfigurationError(
            f"{where}: {', '.join(written)} is not a latitude and a longitude in degrees. Use"
            " decimal points, or leave both blank."
        )
    return Counter(centre_id, row.get("name") or centre_id, point[0], point[1], district)


# -- the counters of a flow ----------------------------------------------------------------------


def known_counters(config: TrafficSource, cache: Path) -> tuple[Counter, ...]:
    """The counters of the source, in order; none where no file can be read.

    What a file names is kept in `cache`, since the graph is loaded in every run's process. Of the
    portal and of messages, those are known that `remember_counters` was given. Counters that a file
    declares are added to these; where rows are read from files they are the only ones.

    Raises ConfigurationError where the declaring file cannot be used.
    """
    if config.kind == "simulated":
        return in_order(COUNTERS)
    path = config.counters
    declared = {one.centre_id: one for one in declared_counters(Path(path))} if path else {}
    if config.kind == "files":
        found = _discovered(config, cache)
        if declared:
            found = {centre_id: one for centre_id, one in found.items() if centre_id in declared}
    else:
        found = _remembered(read_kept(cache))
    for centre_id, counter in declared.items():
        known = found.get(centre_id)
        found[centre_id] = counter if known is None else _merged(known, counter)
    return in_order(found.values())


def remember_counters(cache: Path, counters: Iterable[Counter]) -> bool:
    """Add counters to those that `cache` remembers; returns whether anything of them was new.

    Several processes may do so at a time. A name is not forgotten for a bare number, nor
    coordinates for none.
    """
    new = list(counters)
    if not _changes(_remembered(read_kept(cache)), new):
        return False
    with changing(cache) as document:
        known = _remembered(document)
        changes = _changes(known, new)
        ordered = in_order({**known, **changes}.values())
        document["counters"] = {one.centre_id: asdict(one) for one in ordered}
    return bool(changes)


def _remembered(document: dict[str, Any]) -> dict[str, Counter]:
    return {centre_id: Counter(**one) for centre_id, one in document.get("counters", {}).items()}


def _changes(known: dict[str, Counter], new: Iterable[Counter]) -> dict[str, Counter]:
    """The counters with news, each with all that is known of it."""
    after = dict(known)
    for one in new:
        before = after.get(one.centre_id)
        after[one.centre_id] = one if before is None else _merged(before, one)
    return {name: counter for name, counter in after.items() if known.get(name) != counter}


def _merged(known: Counter, new: Counter) -> Counter:
    """A counter with all that either of its two versions knows, the new one first."""
    changes: dict[str, Any] = {}
    if new.name != new.centre_id:
        changes["name"] = new.name
    if new.latitude is not None and new.longitude is not None:
        changes |= {"latitude": new.latitude, "longitude": new.longitude}
    if new.district is not None:
        changes["district"] = new.district
    return replace(known, **changes)


def _discovered(config: TrafficSource, cache: Path) -> dict[str, Counter]:
    reading = config.model_dump_json(exclude={"path", "options"})
    found: dict[str, tuple[Counter, str]] = {}
    named = named_in_files(
        cache, source_files(config), reading, lambda path: _named_in(path, config)
    )
    for names in named:
        for centre_id, (name, latitude, longitude, newest) in names.items():
            counter = Counter(centre_id, name, latitude, longitude, None)
            if centre_id not in found:
                found[centre_id] = (counter, newest)
                continue
            other, seen = found[centre_id]
            older, newer = (counter, other) if newest < seen else (other, counter)
            found[centre_id] = (_merged(older, newer), max(newest, seen))
    return {centre_id: counter for centre_id, (counter, _) in found.items()}


def _named_in(path: Path, config: TrafficSource) -> dict[str, list[Any]]:
    """The counters of a file, as JSON holds them; none of one that cannot be read, which its load
    names."""
    found: dict[str, list[Any]] = {}
    for _, table in read_file(path, config, traffic_layouts(config)):
        if isinstance(table, Table):
            for centre_id, (one, newest) in counters_in(table, config).items():
                found[centre_id] = [one.name, one.latitude, one.longitude, newest]
    return found


# -- where a counter is ---------------------------------------------------------------------------


def areas_of(counters: Sequence[Counter], config: TrafficSource) -> dict[str, str]:
    """The area of each counter: the partition key that its rows belong to.

    Each counter is its own area where there are few, or where `areas` is "counter". Else it belongs
    to its district, if all have one, or to the cell of a grid, named after its south-west corner:
    "48.85N 2.30E". A counter without coordinates is in the area "unplaced".
    """
    wanted = config.areas
    if wanted == "counter" or (wanted is None and len(counters) <= MOST_OWN_AREAS):
        return {counter.centre_id: counter.centre_id for counter in counters}
    if wanted != "grid" and all(counter.district for counter in counters):
        return {counter.centre_id: str(counter.district) for counter in counters}
    return {counter.centre_id: _cell(counter) for counter in counters}


def _cell(counter: Counter) -> str:
    if counter.latitude is None or counter.longitude is None:
        return UNPLACED
    # Degrees in decimals: 48.85 * 20 is a little less than 977.
    south, west = (
        math.floor(round(degrees * _CELLS_A_DEGREE, 6)) / _CELLS_A_DEGREE
        for degrees in (counter.latitude, counter.longitude)
    )
    latitude = f"{abs(south):.2f}{'N' if south >= 0 else 'S'}"
    return f"{latitude} {abs(west):.2f}{'E' if west >= 0 else 'W'}"


def place_of(counter: Counter, centres: Sequence[Centre], config: TrafficSource) -> str | None:
    """The centre whose calendar and weather a counter has, or None where none is near.

    It is the one that `place` names, else the nearest within 60 km. A counter without coordinates
    is in Paris where the source writes as Paris does: the portal, and files whose columns are
    not mapped.

    Raises ConfigurationError where `place` names no centre.
    """
    named = config.place
    if named is not None:
        return centre_named(named, centres, "sources.toml, section [traffic]").centre_id
    latitude, longitude = counter.latitude, counter.longitude
    if latitude is None or longitude is None:
        of_paris = config.kind == "http" or (config.kind == "files" and not config.columns)
        if not of_paris:
            return None
        latitude, longitude = PARIS
    near = nearest_centre(latitude, longitude, centres)
    return near.centre_id if near else None
