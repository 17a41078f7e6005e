"""Forecasts of a real web shop's sales per country against named peers, on the same rows.

Rolling origins every 7 days over the last 20 weeks, 1 to 14 days ahead; each measure over all
countries and for the United Kingdom. Countries that rarely buy are shown by RMSE and bias too.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import warnings
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ.setdefault(variable, "1")

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

import numpy as np
import pandas as pd
from peers import Gaps, near_holidays, paired, peers, platform, show
from real_data import real_data

from flow_platform.flows.retail.flow import RETAIL
from flow_platform.flows.retail.options import RetailSource
from flow_platform.flows.retail.source import read_retail
from flow_platform.forecasting.daily.data import SeriesData, SeriesSpec
from flow_platform.forecasting.daily.recipe import CANDIDATES
from flow_platform.models.metrics import summarise

FILE = "online_retail_2009-12_2010-11.parquet"
FIRST_DAY, LAST_DAY = date(2009, 12, 1), date(2010, 11, 30)
WEEKS, HORIZON = 20, 14
LARGEST = "United Kingdom"
MEASURES = ("quantity", "invoices")
# A country that bought on fewer days than this share of them rarely buys.
RARELY = 0.5
TARGET = 0.90


def sales(path: Path) -> pd.DataFrame:
    """Sales per country and trading day: unique_id, ds, quantity, invoices; 0 without sales."""
    countries = sorted(pd.read_parquet(path, columns=["Country"])["Country"].unique())
    landing = read_retail(
        RetailSource(kind="files", path=str(path)),
        FIRST_DAY,
        LAST_DAY,
        countries,
        key=b"benchmark",
        now=datetime(2011, 1, 1, tzinfo=UTC),
        seed=0,
    )
    sold = landing.rows[landing.rows["line_class"] == "sale"]
    table = sold.groupby(["centre_id", "day"]).agg(
        quantity=("quantity", "sum"), invoices=("invoice", "nunique")
    )
    trading = pd.DatetimeIndex(sorted(pd.to_datetime(sold["day"].unique())))
    parts = []
    for name, group in table.groupby("centre_id"):
        days = pd.to_datetime(group.index.get_level_values("day"))
        own = group.set_index(days).reindex(trading[trading >= days.min()]).fillna(0.0)
        parts.append(own.astype(float).rename_axis("ds").reset_index().assign(unique_id=name))
    return pd.concat(parts, ignore_index=True)


def shop_calendar(days: pd.DatetimeIndex) -> pd.DataFrame:
    """The shop's holidays: ds and the columns of raw.calendar that apply."""
    import holidays

    shop = holidays.country_holidays("GB", subdiv="ENG", years=range(2009, 2012))
    table = pd.DataFrame({"ds": days, "holiday": [shop.get(day) for day in days], "event": None})
    table = table.join(near_holidays(table["ds"], list(shop)))
    return table.assign(is_bridge_day=False, is_school_holiday=False)


def series_data(actuals: pd.DataFrame) -> SeriesData:
    """The panel: a day is known at its close, and its forecasts are issued then."""
    ids = sorted(actuals["unique_id"].unique())
    days = pd.date_range(FIRST_DAY, LAST_DAY)
    calendar = shop_calendar(pd.date_range(FIRST_DAY, LAST_DAY + pd.Timedelta(days=40)))
    closes = {day: (day + pd.Timedelta(days=1)).tz_localize("UTC") for day in days}
    issues = pd.DataFrame(
        {"unique_id": np.repeat(ids, len(days)), "issue": np.tile(days.to_numpy(), len(ids))}
    )
    return SeriesData(
        actuals=actuals.assign(available_at=actuals["ds"].map(closes)),
        calendar=pd.concat([calendar.assign(unique_id=name) for name in ids], ignore_index=True),
        weather=pd.DataFrame(),
        issues=issues.assign(issued_at=issues["issue"].map(closes)),
    )


def run(path: Path, measure: str, say: Any) -> dict[str, Any]:
    """The comparison for one measure; figures as one nested dictionary."""
    whole = sales(path)
    actuals = whole[["unique_id", "ds"]].assign(y=whole[measure])
    data, spec = series_data(actuals), SeriesSpec()
    first = pd.Timestamp(LAST_DAY) - pd.Timedelta(days=7 * WEEKS)
    origins = pd.date_range(first, pd.Timestamp(LAST_DAY) - pd.Timedelta(days=HORIZON), freq="7D")
    ours, seconds = platform(data, origins, spec, RETAIL, say)
    pieces = [ours]
    # Peers need every day: closed days are 0, or hold the last value. Both are shown.
    every: tuple[Gaps, ...] = ("zero", "carried")
    for gaps in every:
        theirs, _ = peers(data, origins, HORIZON, gaps, say)
        pieces.append(theirs.assign(model=theirs["model"] + f" ({gaps})"))
    rows = paired(pieces, actuals, first, spec.season)
    before = actuals[actuals["ds"] < first]
    bought = before.groupby("unique_id")["y"].apply(lambda y: float((y > 0).mean()))
    rows["who"] = np.where(rows["unique_id"].map(bought) < RARELY, "rarely buys", "often buys")
    result: dict[str, Any] = {"measure": measure, "seconds": seconds}
    for name, part in (("all countries", rows), (LARGEST, rows[rows["unique_id"] == LARGEST])):
        figures = summarise(part, ["model"]).sort_values("wape")
        best = figures[~figures["model"].isin([*CANDIDATES, "champion"])].iloc[0]
        champion = figures[figures["model"] == "champion"].iloc[0]
        result[name] = {
            "by_model": figures.to_dict("records"),
            "best_peer": best["model"],
            "ratio": champion["wape"] / best["wape"],
            "coverage_80": champion["coverage_80"],
        }
    near = [result["all countries"]["best_peer"], "champion"]
    result["who"] = summarise(rows[rows["model"].isin(near)], ["who", "model"]).to_dict("records")
    return result


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--measure", action="append", choices=MEASURES)
    parser.add_argument("--json", action="store_true", help="figures as one JSON object")
    chosen = parser.parse_args()
    warnings.filterwarnings("ignore")

    def say(text: str) -> None:
        print(text, file=sys.stderr, flush=True)

    path = real_data("retail", FILE)
    if path is None:
        return 0
    results = [run(path, measure, say) for measure in chosen.measure or MEASURES]
    if chosen.json:
        print(json.dumps(results, indent=2, default=float))
        return 0
    for result in results:
        for name in ("all countries", LARGEST):
            part = result[name]
            show(f"{result['measure']}, {name}", part["by_model"], ["model"])
            print(
                f"champion WAPE / best peer ({part['best_peer']}): {part['ratio']:.3f} (target at"
                f" most {TARGET}); its 80 % band covers {part['coverage_80']:.3f}"
            )
        show(f"{result['measure']}, by how often a country buys", result["who"], ["who", "model"])
    return 0


if __name__ == "__main__":
    sys.exit(main())
