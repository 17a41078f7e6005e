"""Forecasts of real parcel lanes against named peers, on the same rows in the same run.

The platform's candidates are retrained monthly and its champion chosen on backtests before each
cut-off, as the assets do. Methods are not tuned here, and nothing is written but the figures.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import warnings
from pathlib import Path
from typing import Any

for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ.setdefault(variable, "1")

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

import numpy as np
import pandas as pd
from peers import PEERS, near_holidays, paired, peers, platform, show
from real_data import real_data

from flow_platform.flows.parcels.flow import PARCELS
from flow_platform.forecasting.daily.data import SeriesData, SeriesSpec
from flow_platform.models.metrics import summarise

FILE = "lanes_2021-01-01_2022-06-30.csv"
FIRST_ORIGIN, LAST_ORIGIN = "2022-01-01", "2022-06-16"
# What a planner knows: name, first and last day of each year's shopping festivals.
FESTIVALS = (
    ("618", "06-01", "06-20"),
    ("Double 11", "11-01", "11-13"),
    ("Double 12", "12-12", "12-13"),
)
TARGET, TARGET_ALL, TARGET_EVENTS = 0.92, 0.90, 0.15
# No site may be worse than this many times the seasonal naive.
TARGET_SITE = 1.05
# Origins a week apart that are drawn together.
BLOCK = 4


def inbound(path: Path) -> pd.DataFrame:
    """Parcels arriving per site and day: unique_id, ds, y; a day without a lane has no row."""
    lanes = pd.read_csv(path, encoding="utf-8")
    lanes = lanes.rename(columns={"场地2": "unique_id", "日期": "ds", "货量": "y"})
    lanes["ds"] = pd.to_datetime(lanes["ds"])
    daily = lanes.groupby(["unique_id", "ds"])["y"].sum()
    return daily.astype(float).reset_index()


def china_calendar(first: pd.Timestamp, last: pd.Timestamp) -> pd.DataFrame:
    """One country's calendar: ds and the columns of raw.calendar that apply."""
    import holidays

    days = pd.DataFrame({"ds": pd.date_range(first, last)})
    years = range(first.year - 1, last.year + 2)
    china = holidays.country_holidays("CN", years=years, language="en_US")
    days["holiday"] = [china.get(day) for day in days["ds"]]
    days["event"] = None
    for name, start, end in FESTIVALS:
        for year in years:
            inside = days["ds"].between(f"{year}-{start}", f"{year}-{end}")
            days.loc[inside, "event"] = name
    days = days.join(near_holidays(days["ds"], list(china)))
    days["is_bridge_day"] = False
    days["is_school_holiday"] = False
    return days


def series_data(actuals: pd.DataFrame) -> SeriesData:
    """The panel with a local day (UTC+8) known at its local midnight, issued at 00:00 UTC."""
    ids = sorted(actuals["unique_id"].unique())
    first, last = actuals["ds"].min(), actuals["ds"].max()
    calendar = china_calendar(first, last + pd.Timedelta(days=40))
    midnight = actuals["ds"] + pd.Timedelta(days=1) - pd.Timedelta(hours=8)
    days = pd.date_range(first, last)
    issues = pd.DataFrame(
        {"unique_id": np.repeat(ids, len(days)), "issue": np.tile(days.to_numpy(), len(ids))}
    )
    issues["issued_at"] = (issues["issue"] + pd.Timedelta(days=1)).dt.tz_localize("UTC")
    return SeriesData(
        actuals=actuals.assign(available_at=midnight.dt.tz_localize("UTC")),
        calendar=pd.concat([calendar.assign(unique_id=name) for name in ids], ignore_index=True),
        weather=pd.DataFrame(),
        issues=issues,
    )


def periods(days: pd.Series, calendar: pd.DataFrame) -> pd.DataFrame:
    """For each day: whether it is on or around an event, and in a peak, trough or usual time."""
    one = calendar.drop_duplicates("ds").set_index("ds")
    event = one["event"].notna()
    feast = one["holiday"].fillna("").str.contains("Spring Festival|New Year's Eve|Chinese New")
    near_feast = feast.rolling(15, center=True, min_periods=1).max() > 0
    around = (event.rolling(5, center=True, min_periods=1).max() > 0) | near_feast
    peak = event
    name = np.where(near_feast, "trough", np.where(peak, "peak", "usual"))
    table = pd.DataFrame({"event_days": around, "period": name}, index=one.index)
    return table.reindex(days.to_numpy()).reset_index(drop=True)


def chosen_sites(actuals: pd.DataFrame, sites: int | None, last: pd.Timestamp) -> pd.DataFrame:
    """Counts of the largest sites, or of all that opened a year or more before `last`."""
    if sites:
        names = actuals.groupby("unique_id")["y"].sum().nlargest(sites).index
    else:
        opened = actuals.groupby("unique_id")["ds"].min()
        names = opened[opened <= last - pd.Timedelta(days=365)].index
    return actuals[actuals["unique_id"].isin(names)].reset_index(drop=True)


def run(sites: int | None, first: str, last: str, say: Any) -> dict[str, Any]:
    """The whole comparison; figures as one nested dictionary. LookupError without the data."""
    path = real_data("parcels", FILE)
    if path is None:
        raise LookupError(
            f"{FILE} is not under $FLOW_REAL_DATA/parcels or ../shared/data/parcels; skipped."
        )
    actuals = chosen_sites(inbound(path), sites, pd.Timestamp(last))
    data, spec = series_data(actuals), SeriesSpec(weather=())
    origins = pd.date_range(first, last, freq="7D")
    ours, seconds = platform(data, origins, spec, PARCELS, say)
    theirs, peer_seconds = peers(data, origins, max(spec.horizons), "carried", say)
    rows = paired([ours, theirs], actuals, pd.Timestamp(first), spec.season)
    rows = pd.concat([rows, periods(rows["ds"], data.calendar)], axis=1)

    overall = summarise(rows, ["model"]).sort_values("wape")
    best = overall[overall["model"].isin(PEERS)].iloc[0]
    champion = overall[overall["model"] == "champion"].iloc[0]
    own = rows[rows["model"] == "champion"]
    both = rows[rows["model"].isin(["champion", best["model"]])]
    return {
        "sites": actuals["unique_id"].nunique(),
        "origins": len(origins),
        "rows": len(own),
        "overall": overall.to_dict("records"),
        "best_peer": best["model"],
        "ratio_to_best_peer": champion["wape"] / best["wape"],
        "ratio_interval": ratio_interval(rows, best["model"]),
        "target_ratio": TARGET if sites else TARGET_ALL,
        "champion_coverage_80": champion["coverage_80"],
        "champion_coverage_95": champion["coverage_95"],
        "events": summarise(both, ["event_days", "model"]).to_dict("records"),
        "periods": summarise(both, ["period", "model"]).to_dict("records"),
        "by_horizon": summarise(own, ["horizon"]).to_dict("records"),
        "by_site": against_naive(rows).to_dict("records"),
        "seconds": {**seconds, "peers": peer_seconds},
    }


def ratio_interval(rows: pd.DataFrame, peer: str) -> tuple[float, float]:
    """95 % interval of WAPE champion / peer, by a moving-block bootstrap (Kuensch 1989) of origins.

    Origins a week apart share target days, so `BLOCK` of them are drawn together.
    """
    missed = rows.assign(miss=(rows["prediction"] - rows["y"]).abs())
    sums = missed.pivot_table(index="issue", columns="model", values="miss", aggfunc="sum")
    own, other = sums["champion"].to_numpy(), sums[peer].to_numpy()
    generator = np.random.default_rng(0)
    starts = generator.integers(0, len(own) - BLOCK + 1, (2000, -(-len(own) // BLOCK)))
    drawn = (starts[..., None] + np.arange(BLOCK)).reshape(2000, -1)[:, : len(own)]
    low, high = np.quantile(own[drawn].sum(axis=1) / other[drawn].sum(axis=1), [0.025, 0.975])
    return float(low), float(high)


def against_naive(rows: pd.DataFrame) -> pd.DataFrame:
    """Each site's WAPE of the champion and of the seasonal naive, and their ratio, worst first."""
    table = summarise(
        rows[rows["model"].isin(["champion", "SeasonalNaive"])], ["unique_id", "model"]
    )
    wide = table.pivot(index="unique_id", columns="model", values="wape")
    wide["ratio"] = wide["champion"] / wide["SeasonalNaive"]
    counted = rows[rows["model"] == "champion"].groupby("unique_id")["y"].agg(["size", "mean"])
    return wide.join(counted).sort_values("ratio", ascending=False).reset_index()


def event_days(say: Any) -> list[dict[str, Any]]:
    """How far off the days around each festival were a week before, over all sites."""
    path = real_data("parcels", FILE)
    if path is None:
        raise LookupError(f"{FILE} is not there; skipped.")
    actuals = chosen_sites(inbound(path), None, pd.Timestamp(LAST_ORIGIN))
    data, spec = series_data(actuals), SeriesSpec(weather=())
    found = []
    for day in (pd.Timestamp("2021-11-11"), pd.Timestamp("2022-06-18")):
        issues = day + pd.to_timedelta(np.arange(-9, -4), "D")
        made, _ = platform(data, pd.DatetimeIndex(issues), spec, PARCELS, say)
        week = made[made["horizon"] == 7].merge(actuals, on=["unique_id", "ds"])
        week = week[week["model"].isin(["champion", "seasonal_naive"])].assign(scale=np.nan)
        total = week.groupby(["model", "ds"])[["prediction", "y"]].sum()
        off = (total["prediction"] / total["y"] - 1).abs().groupby("model").mean()
        figures = summarise(week, ["model"]).set_index("model")
        found += [
            {
                "around": f"{day:%Y-%m-%d}",
                "model": model,
                "wape": figures.loc[model, "wape"],
                "total_off_by": off[model],
                "coverage_80": figures.loc[model, "coverage_80"],
            }
            for model in figures.index
        ]
    return found


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sites", type=int, default=5, help="how many of the largest sites")
    parser.add_argument("--from", dest="first", default=FIRST_ORIGIN, help="first origin")
    parser.add_argument("--to", dest="last", default=LAST_ORIGIN, help="last origin")
    parser.add_argument(
        "--all-sites", action="store_true", help="every site with a year of history, and events"
    )
    parser.add_argument("--json", action="store_true", help="figures as one JSON object")
    chosen = parser.parse_args()
    warnings.filterwarnings("ignore")

    def say(text: str) -> None:
        print(text, file=sys.stderr, flush=True)

    try:
        result = run(None if chosen.all_sites else chosen.sites, chosen.first, chosen.last, say)
        if chosen.all_sites:
            result["festivals"] = event_days(say)
    except LookupError as absent:
        say(str(absent))
        return 0
    if chosen.json:
        print(json.dumps(result, indent=2, default=float))
        return 0
    show("All rows, by model", result["overall"], ["model"])
    show("On and around events", result["events"], ["event_days", "model"])
    show("Peak, trough and usual days", result["periods"], ["period", "model"])
    show("Champion by horizon", result["by_horizon"], ["horizon"])
    sites = pd.DataFrame(result["by_site"])
    print(f"\nBy site, worst first\n{sites.to_string(index=False, float_format='{:.3f}'.format)}")
    if "festivals" in result:
        print(
            "\nAround festivals, a week before, over all sites (target at most "
            f"{TARGET_EVENTS})\n{pd.DataFrame(result['festivals']).to_string(index=False)}"
        )
    low, high = result["ratio_interval"]
    print(
        f"\nchampion WAPE / best peer ({result['best_peer']}): "
        f"{result['ratio_to_best_peer']:.3f} [{low:.3f}, {high:.3f}]"
        f" (target at most {result['target_ratio']})"
        f"\nworst site / seasonal naive: {sites['ratio'].max():.3f} (target at most {TARGET_SITE});"
        f" {int((sites['ratio'] > TARGET_SITE).sum())} of {len(sites)} above"
        f"\nchampion 80 % coverage: {result['champion_coverage_80']:.3f} (target 0.76 to 0.84)"
        f"\nseconds: " + ", ".join(f"{k} {v:.0f}" for k, v in result["seconds"].items())
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
