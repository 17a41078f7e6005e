"""Trains and forecasts with every engine on fixed data, and prints a sha256 of each result.

Used to prove that a change of structure changes no bit: a vintage is named after the bytes of its
artefacts, and it is trained again when its fingerprint changes. `REAL` is a folder laid out like
`../shared/data`; without it the tests' own worlds are used alone.

    python -m tests.tools.engine_bytes print [--real REAL] [--only daily] > before.json
    python -m tests.tools.engine_bytes compare before.json after.json
    python -m tests.tools.engine_bytes time
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from flow_platform.flows.deliveries.models.data import MEASURES, DeliveryData, DeliverySpec
from flow_platform.flows.deliveries.models.engine import ENGINE as DELIVERIES
from flow_platform.flows.deliveries.models.fallback import fallback_scores as delivery_fallback
from flow_platform.flows.deliveries.models.features import asked_of, features
from flow_platform.flows.deliveries.models.model import DeliveryModel
from flow_platform.flows.trips.models.data import TripData, TripSpec
from flow_platform.flows.trips.models.engine import ENGINE as TRIPS
from flow_platform.flows.trips.models.fallback import fallback_scores as trip_fallback
from flow_platform.flows.trips.models.model import TripModel
from flow_platform.forecasting.daily.data import SeriesData, SeriesSpec
from flow_platform.forecasting.daily.engine import ENGINE as DAILY
from flow_platform.forecasting.daily.frame import build_frame
from flow_platform.forecasting.hourly.data import HourlyData, HourlySpec
from flow_platform.forecasting.hourly.engine import ENGINE as HOURLY
from flow_platform.ground.errors import TooLittleHistory
from flow_platform.models.boosters import Boosting
from flow_platform.models.moments import naive
from tests.stored import as_stored
from tests.unit.flows.deliveries.models.marketplace import FIRST as MARKET_FIRST
from tests.unit.flows.deliveries.models.marketplace import marketplace
from tests.unit.flows.trips.models.city import FIRST, city
from tests.unit.forecasting.daily.world import make_world, with_strikes
from tests.unit.forecasting.hourly.world import SPEC as HOURLY_SPEC
from tests.unit.forecasting.hourly.world import hourly_world, issues

BENCHMARKS = Path(__file__).resolve().parents[2] / "benchmarks"

Named = Iterator[tuple[str, str]]


def sha256(value: Any) -> str:
    """A checksum of a frame (names, types and values of its columns), array, model or JSON."""
    digest = hashlib.sha256()
    for part in _parts(value):
        digest.update(part)
        digest.update(b"\0")
    return digest.hexdigest()


def _parts(value: Any) -> Iterator[bytes]:
    if isinstance(value, bytes):
        yield value
    elif isinstance(value, pd.DataFrame):
        for name in value.columns:
            column = value[name]
            yield f"{name} {column.dtype} {len(column)}".encode()
            plain = column.to_numpy()
            if plain.dtype == object or not isinstance(column.dtype, np.dtype):
                yield "\n".join(map(repr, column.tolist())).encode()
            else:
                yield np.ascontiguousarray(plain).tobytes()
    elif isinstance(value, np.ndarray):
        yield f"{value.dtype} {value.shape}".encode()
        yield np.ascontiguousarray(value).tobytes()
    else:
        yield json.dumps(value, sort_keys=True, default=str).encode()


def trained(
    engine: Any, label: str, data: Any, cutoff: pd.Timestamp, spec: Any, names: Any = None
) -> Iterator[tuple[str, Any]]:
    """(label, model) of each candidate that can be trained; all share one prepared work."""
    prepared = engine.prepare(data, cutoff, spec)
    for name in names or engine.candidates:
        if engine.missing_requirement(name) is None:
            yield f"{label} {name}", engine.train(name, prepared)


def of_engine(label: str, engine: Any, data: Any, cutoff: pd.Timestamp, spec: Any) -> Named:
    """What an engine sees of data at a cut-off: their fingerprint, and whether they are enough."""
    yield f"{label} fingerprint", engine.fingerprint(data, cutoff, spec)
    yield f"{label} history", str(_is_enough(engine, data, cutoff, spec))


def _is_enough(engine: Any, data: Any, cutoff: pd.Timestamp, spec: Any) -> bool:
    try:
        engine.prepare(data, cutoff, spec)
    except TooLittleHistory:
        return False
    return True


def of_model(label: str, model: Any) -> Named:
    """Checksums of all that a trained model consists of."""
    for name, content in sorted(model.artefacts.items()):
        yield f"{label} artefact {name}", sha256(content)
    yield f"{label} metrics", sha256(model.metrics)
    yield f"{label} backtest", sha256(model.backtest)
    plain = asdict(replace(model, artefacts={}, metrics={}, backtest=pd.DataFrame()))
    yield f"{label} record", sha256({k: v for k, v in plain.items() if k != "backtest"})


def _daily_case(
    label: str,
    data: SeriesData,
    cutoffs: tuple[str, ...],
    spec: SeriesSpec,
    days: tuple[str, str],
    names: Any = None,
) -> Named:
    wanted = data.issues[data.issues["issue"].between(*days)]
    yield f"{label} frame", sha256(build_frame(data, wanted, spec.horizons, spec))
    yield f"{label} fallback", sha256(DAILY.fallback_forecast(data, wanted, spec))
    for text in cutoffs:
        cutoff = pd.Timestamp(text, tz="UTC")
        at = f"{label} {text}"
        yield from of_engine(at, DAILY, data, cutoff, spec)
        for name, model in trained(DAILY, at, data, cutoff, spec, names):
            yield from of_model(name, model)
            yield f"{name} forecast", sha256(DAILY.forecast(model.artefacts, data, wanted, spec))


def daily() -> Named:
    """Checksums of the daily engine on worlds with and without weather, strikes and holes."""
    spec = SeriesSpec(backtest_days=42)
    small = make_world(centres=3, days=365)[0]
    days = ("2023-10-01", "2023-11-25")
    cutoffs = ("2023-10-01", "2023-11-01")
    yield from _daily_case("daily small", small, cutoffs, spec, days)
    yield from _daily_case("daily stored", as_stored(small), cutoffs[:1], spec, days)
    tuned = replace(spec, boosting=Boosting(num_leaves=7, rounds=30))
    yield from _daily_case(
        "daily tuned", small, cutoffs[:1], tuned, days, ("effects", "lightgbm", "blend")
    )
    strikes = with_strikes(
        small,
        ("C0", "2023-09-04", "2023-09-06", "2023-09-01"),
        ("C1", "2023-10-16", "2023-10-18", "2023-10-12"),
    )
    yield from _daily_case("daily strikes", strikes, cutoffs[:1], spec, days)
    long = make_world(centres=5, days=800)[0]
    yield from _daily_case(
        "daily long", long, ("2025-01-01",), SeriesSpec(), ("2024-12-31", "2025-03-01")
    )
    plain = make_world(centres=5, days=330, weather=False)[0]
    yield from _daily_case(
        "daily holes", _with_holes(plain), cutoffs[:1], replace(spec, weather=()), days
    )
    yield from _daily_case("daily holes with columns", _with_holes(plain), cutoffs[:1], spec, days)


def _with_holes(data: SeriesData) -> SeriesData:
    """A series that died, one that opened late, one that was closed, sparse and missing days."""
    actuals = data.actuals
    day, name = actuals["ds"], actuals["unique_id"]
    random = np.random.default_rng(1)
    dead = (name == "C0") & (day > "2023-06-01")
    late = (name == "C1") & (day < "2023-09-20")
    closed = (name == "C2") & day.between("2023-07-20", "2023-08-10")
    holes = (name == "C3") & (random.random(len(actuals)) < 0.3)
    actuals = actuals[~(dead | late | closed | holes)].copy()
    rare = (actuals["unique_id"] == "C4") & (random.random(len(actuals)) < 0.6)
    actuals.loc[rare, "y"] = 0.0
    return replace(data, actuals=actuals)


def _hourly_case(
    label: str, data: HourlyData, cutoff: pd.Timestamp, spec: HourlySpec, wanted: pd.DataFrame
) -> Named:
    yield from of_engine(label, HOURLY, data, cutoff, spec)
    yield f"{label} fallback", sha256(HOURLY.fallback_forecast(data, wanted, spec))
    for name, model in trained(HOURLY, label, data, cutoff, spec):
        yield from of_model(name, model)
        yield f"{name} forecast", sha256(HOURLY.forecast(model.artefacts, data, wanted, spec))


def hourly() -> Named:
    """Checksums of the hourly engine."""
    cutoff = pd.Timestamp("2024-03-25", tz="UTC")
    wanted = issues("2024-03-28", "2024-04-02")
    data = hourly_world()
    yield from _hourly_case("hourly small", data, cutoff, HOURLY_SPEC, wanted)
    yield from _hourly_case("hourly stored", as_stored(data), cutoff, HOURLY_SPEC, wanted)
    default = HourlySpec(backtest_days=28, weather=())
    yield from _hourly_case("hourly default", hourly_world(seed=4), cutoff, default, wanted)


def served(
    kind: Any, engine: Any, label: str, data: Any, cutoff: pd.Timestamp, spec: Any
) -> Iterator[tuple[str, Any, Named]]:
    """(label, model as it serves, checksums of its artefacts) of each candidate of records."""
    for name, one in trained(engine, label, data, cutoff, spec):
        model = kind.load(one.artefacts)
        model.check_golden()
        yield name, model, of_model(name, one)


def _trips_case(label: str, data: TripData, cutoff: pd.Timestamp, spec: TripSpec) -> Named:
    later = data.take(data.pickup_at >= cutoff.tz_localize(None).to_datetime64())
    known = data.take(data.pickup_at < cutoff.tz_localize(None).to_datetime64())
    yield from of_engine(label, TRIPS, data, cutoff, spec)
    yield f"{label} fallback", sha256(trip_fallback(known, later, spec))
    for name, model, checksums in served(TripModel, TRIPS, label, data, cutoff, spec):
        yield from checksums
        yield f"{name} scores", sha256(model.score(later.inputs))
        some = later.inputs.take(np.arange(min(50, len(later))))
        for subject, minutes in model.explain(some).items():
            yield f"{name} explained {subject}", sha256(minutes)


def trips() -> Named:
    """Checksums of the engine of trips."""
    for measure in ("default", "planned_distance"):
        spec = TripSpec(measure, seed=5)
        data = city(days=40, trips_a_day=150)
        yield from _trips_case(f"trips {measure}", data, FIRST + pd.Timedelta(days=30), spec)


def _deliveries_case(
    label: str, data: DeliveryData, cutoff: pd.Timestamp, spec: DeliverySpec
) -> Named:
    asked = asked_of(data, spec)
    end = naive(cutoff + pd.Timedelta(days=50))
    asked = asked.take((asked.moment >= naive(cutoff)) & (asked.moment < end))
    frame = features(data, asked, spec)
    yield f"{label} frame", sha256(frame)
    yield from of_engine(label, DELIVERIES, data, cutoff, spec)
    yield f"{label} fallback", sha256(delivery_fallback(data, asked, spec))
    for name, model, checksums in served(DeliveryModel, DELIVERIES, label, data, cutoff, spec):
        yield from checksums
        yield f"{name} scores", sha256(model.score(frame))
        yield f"{name} reasons", sha256(model.reasons(frame[:200]))


def deliveries() -> Named:
    """Checksums of the engine of deliveries."""
    data = marketplace(orders=5_000, days=260).data
    for measure in MEASURES:
        spec = DeliverySpec(measure, seed=5, most_rows=6_000)
        cutoff = MARKET_FIRST + pd.Timedelta(days=180)
        yield from _deliveries_case(f"deliveries {measure}", data, cutoff, spec)


def real_daily(folder: Path) -> Named:
    """Checksums of the daily engine on the five largest real sites."""
    sys.path.append(str(BENCHMARKS))
    from real_lanes import FILE, chosen_sites, inbound, series_data

    actuals = chosen_sites(inbound(folder / "parcels" / FILE), 5, pd.Timestamp("2022-06-16"))
    data, spec = series_data(actuals), SeriesSpec(weather=())
    yield from _daily_case("daily real", data, ("2022-04-01",), spec, ("2022-04-01", "2022-05-15"))


def real_hourly(folder: Path) -> Named:
    """Checksums of the hourly engine on three counters of Paris."""
    sys.path.append(str(BENCHMARKS))
    from traffic import ARCS, arcs

    data, cutoff = arcs(folder / "traffic"), pd.Timestamp("2022-07-01", tz="UTC")
    wanted = issues("2022-07-01", "2022-07-10", tuple(ARCS))
    yield from _hourly_case("hourly real", data, cutoff, HourlySpec(), wanted)


def real_deliveries(folder: Path) -> Named:
    """Checksums of the engine of deliveries on Olist's orders."""
    sys.path.append(str(BENCHMARKS))
    from olist_orders import TIMEZONE, read_orders

    from flow_platform.flows.deliveries.models.data import deliveries_of

    data = deliveries_of(*read_orders(folder / "deliveries"))
    for measure in ("delay", "late_risk"):
        spec = DeliverySpec(measure, 20240229, timezone=TIMEZONE)
        cutoff = pd.Timestamp("2018-05-01", tz="UTC")
        yield from _deliveries_case(f"deliveries real {measure}", data, cutoff, spec)


CASES: dict[str, Callable[[], Named]] = {
    "daily": daily,
    "hourly": hourly,
    "trips": trips,
    "deliveries": deliveries,
}
REAL_CASES: dict[str, Callable[[Path], Named]] = {
    "daily": real_daily,
    "hourly": real_hourly,
    "deliveries": real_deliveries,
}


def print_checksums(only: list[str], real: Path | None) -> None:
    found: dict[str, str] = {}
    for name in only:
        start = time.monotonic()
        found |= dict(CASES[name]())
        if real is not None and name in REAL_CASES:
            found |= dict(REAL_CASES[name](real))
        print(f"{name}: {time.monotonic() - start:.0f} s", file=sys.stderr)
    print(json.dumps(found, indent=1))


def compare(before: Path, after: Path) -> int:
    """Print the results that differ or are missing in `after`; returns how many."""
    old, new = json.loads(before.read_text()), json.loads(after.read_text())
    different = [name for name in old if old[name] != new.get(name)]
    for name in different:
        print(f"{name}: {'differs' if name in new else 'is missing'}")
    print(f"{len(different)} of {len(old)} results differ; {len(new.keys() - old.keys())} are new")
    return len(different)


def timings(repeats: int) -> None:
    """Print the least and the median CPU seconds of one training and one forecast an engine."""
    small, spec = make_world(centres=3, days=365)[0], SeriesSpec(backtest_days=42)
    cutoff = pd.Timestamp("2023-10-01", tz="UTC")
    wanted = small.issues[small.issues["issue"].between("2023-10-01", "2023-11-25")]
    hours, hour = hourly_world(), pd.Timestamp("2024-03-25", tz="UTC")
    asked = issues("2024-03-28", "2024-04-02")
    town, market = city(days=40, trips_a_day=150), marketplace(orders=5_000, days=260).data
    late = DeliverySpec("late_risk", seed=5, most_rows=6_000)
    jobs: dict[str, tuple[Any, str, Any, pd.Timestamp, Any, pd.DataFrame | None]] = {
        "daily blend": (DAILY, "blend", small, cutoff, spec, wanted),
        "hourly lightgbm": (HOURLY, "lightgbm", hours, hour, HOURLY_SPEC, asked),
        "trips lightgbm": (
            TRIPS, "lightgbm", town, FIRST + pd.Timedelta(days=30), TripSpec("default", 5), None,
        ),
        "deliveries lightgbm": (
            DELIVERIES, "lightgbm", market, MARKET_FIRST + pd.Timedelta(days=180), late, None,
        ),
    }  # fmt: skip
    found: dict[str, list[float]] = {}
    for turn in range(repeats + 1):
        for label, (engine, name, data, at, own, forecast) in jobs.items():
            begun = time.process_time()
            model = engine.train(name, engine.prepare(data, at, own))
            taken = {f"{label} training": time.process_time() - begun}
            if forecast is not None:
                begun = time.process_time()
                engine.forecast(model.artefacts, data, forecast, own)
                taken[f"{label} forecast"] = time.process_time() - begun
            for key, seconds in taken.items():
                # The first turn imports and warms up.
                found.setdefault(key, []).extend([seconds] if turn else [])
    print(json.dumps({key: [min(v), float(np.median(v))] for key, v in found.items()}, indent=1))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    printing = commands.add_parser("print")
    printing.add_argument("--real", type=Path, help="also use the real data in this folder")
    printing.add_argument("--only", action="append", choices=list(CASES))
    both = commands.add_parser("compare")
    both.add_argument("before", type=Path)
    both.add_argument("after", type=Path)
    timing = commands.add_parser("time")
    timing.add_argument("--repeats", type=int, default=5)
    chosen = parser.parse_args()
    if chosen.command == "print":
        print_checksums(chosen.only or list(CASES), chosen.real)
    elif chosen.command == "time":
        timings(chosen.repeats)
    elif compare(chosen.before, chosen.after):
        sys.exit(1)


if __name__ == "__main__":
    if os.environ.get("OMP_NUM_THREADS") != "1":
        # Sums of several threads may differ in their last bit; libraries read this when imported.
        os.environ |= {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
        os.execv(sys.executable, [sys.executable, "-m", "tests.tools.engine_bytes", *sys.argv[1:]])
    main()
