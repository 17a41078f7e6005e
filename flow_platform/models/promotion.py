"""Whether a challenger may take the champion's place: paired errors on origins new to both.

Pure: frames in, a `Comparison` out. Which vintages are compared, and what is recorded of the
verdict, is in `stages/promotion.py` and, for a month's backtests, `stages/training.py`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from flow_platform.ground.errors import ModelError
from flow_platform.models.metrics import seasonal_scale
from flow_platform.models.moments import utc

BAND = 0.80
# Eight weeks: with fewer blocks the noise is underestimated (docs/adr/0007-honest-promotion.md).
LEAST_DAYS = 56
# A week's errors move together: weekdays, weather and campaigns.
BLOCK_DAYS = 7
DRAWS = 1000
_KEYS = ["unique_id", "issue", "horizon"]
_COLUMNS = (
    *_KEYS,
    "issued_at",
    "ds",
    "prediction",
    "lower_80",
    "upper_80",
    "model_version",
    "trained_until",
)
_SUMS = ["rows", "scaled_error", "covered_80"]


@dataclass(frozen=True)
class Replay:
    """What one side of a comparison would have forecast at past issues.

    rows   unique_id, issue (naive day), horizon, issued_at UTC, ds (naive), prediction, lower_80,
           upper_80, model_version, and trained_until UTC: the vintage learned from nothing later;
           NaT for a forecast that learned nothing
    """

    version: str
    rows: pd.DataFrame

    def __post_init__(self) -> None:
        missing = [column for column in _COLUMNS if column not in self.rows.columns]
        if missing:
            raise ModelError(
                f"The replay of {self.version} lacks the column(s) {', '.join(missing)}. Take the"
                " rows of `forecast` and add model_version and trained_until."
            )
        if self.rows.duplicated(_KEYS).any():
            raise ModelError(
                f"The replay of {self.version} holds an issue and horizon twice. Let each issue be"
                " forecast by one vintage."
            )


@dataclass(frozen=True)
class Scores:
    """One side's errors over its origins.

    days      one row per target day (naive index): sums of rows, scaled_error and covered_80.
              By target and not by issue day, because a day's surprise is in every forecast of it.
    origins   issue days, from first_origin to last_origin
    """

    days: pd.DataFrame
    origins: int
    first_origin: pd.Timestamp | None
    last_origin: pd.Timestamp | None

    def as_json(self) -> dict[str, object]:
        """What a vintage keeps of its backtest."""
        return {
            "origins": self.origins,
            "first_origin": str(self.first_origin.date()) if self.first_origin else None,
            "last_origin": str(self.last_origin.date()) if self.last_origin else None,
            "day": [str(day.date()) for day in self.days.index],
            **{name: [float(f"{v:.10g}") for v in self.days[name]] for name in _SUMS},
        }


@dataclass(frozen=True)
class Interval:
    """A 95 % interval."""

    low: float = float("nan")
    high: float = float("nan")


@dataclass(frozen=True)
class Comparison:
    """The verdict and what it rests on; figures are NaN where nothing could be compared.

    origins     issue days with a paired row; rows: triples of series, issue and horizon
    enough      whether there was evidence enough for a verdict on the errors
    mase        of the same rows, scaled by the seasonal naive before the first origin
    difference  mean scaled error of the challenger less the champion's: below 0 is better
    coverage    share of actuals in the 80 % band
    """

    champion: str
    challenger: str
    promoted: bool
    reason: str
    enough: bool = False
    first_origin: pd.Timestamp | None = None
    last_origin: pd.Timestamp | None = None
    origins: int = 0
    rows: int = 0
    champion_mase: float = float("nan")
    challenger_mase: float = float("nan")
    difference: float = float("nan")
    difference_interval: Interval = Interval()
    champion_coverage: float = float("nan")
    champion_coverage_interval: Interval = Interval()
    challenger_coverage: float = float("nan")
    challenger_coverage_interval: Interval = Interval()


def trained_until(artefacts: Mapping[str, bytes]) -> pd.Timestamp:
    """The newest moment (UTC) that a vintage learned from, by all times in its artefacts.

    The artefacts are under the vintage's sha256; a cut-off that was only registered is not. The
    errors that its bands rest on have their times too, so a cut-off that was changed inside the
    artefacts alone is detected. Raises ModelError where there are no times.
    """
    try:
        training = json.loads(artefacts["training.json"])
        calibration = json.loads(artefacts["calibration.json"])
        known = [*calibration["recent"]["known_at"], *calibration["errors"]["known_at"]]
        times = [
            utc(pd.Timestamp(training["cutoff"])),
            pd.Timestamp(training["train_last"], tz="UTC"),
            *([pd.Timestamp(max(known), tz="UTC")] if known else []),
        ]
    except (KeyError, ValueError, TypeError) as broken:
        raise ModelError(
            f"The artefacts do not say until when they learned ({broken}); train the vintage again."
        ) from broken
    return max(times)


def score(rows: pd.DataFrame) -> Scores:
    """Errors of forecasts against their actuals, added up by target day.

    `rows` has issue, ds, y, prediction, lower_80, upper_80 and scale, the seasonal naive's error
    of the row's series; rows without an actual or a scale above 0 are left out.
    """
    used = rows[rows["y"].notna() & (rows["scale"] > 0)]
    sums = pd.DataFrame(
        {
            "ds": used["ds"].to_numpy(),
            "rows": 1.0,
            "scaled_error": (np.abs(used["y"] - used["prediction"]) / used["scale"]).to_numpy(),
            "covered_80": used["y"]
            .between(used["lower_80"], used["upper_80"])
            .to_numpy(dtype=float),
        }
    )
    return Scores(
        days=sums.groupby("ds")[_SUMS].sum(),
        origins=int(used["issue"].nunique()),
        first_origin=used["issue"].min() if len(used) else None,
        last_origin=used["issue"].max() if len(used) else None,
    )


def backtest_scores(artefacts: Mapping[str, bytes]) -> Scores:
    """The backtest that a vintage keeps under its sha256. Raises ModelError where it has none."""
    if "backtest.json" not in artefacts:
        raise ModelError("The vintage lacks backtest.json; train it again.")
    kept = json.loads(artefacts["backtest.json"])
    days = pd.DataFrame({name: kept[name] for name in _SUMS}, index=pd.to_datetime(kept["day"]))
    first, last = kept["first_origin"], kept["last_origin"]
    return Scores(
        days=days,
        origins=kept["origins"],
        first_origin=pd.Timestamp(first) if first else None,
        last_origin=pd.Timestamp(last) if last else None,
    )


def compare(
    champion: Replay,
    challenger: Replay,
    actuals: pd.DataFrame,
    *,
    season: int,
    seed: int,
    frequency: str = "D",
) -> Comparison:
    """Compare on the targets that both forecast; anything else is left out.

    `actuals` (unique_id, ds, y, available_at) holds the targets and the days before the first
    origin, from which each series' scale is taken. Issues at which one vintage serves both
    sides are left out, and any issue before the end of what either side learned from
    refuses the challenger, whatever it shows. The rest is `judge`. `frequency` is the panel's: "D",
    or "h", whose errors are added up by day as well.
    """
    pairs = champion.rows.merge(challenger.rows, on=_KEYS, suffixes=("", "_challenger"))
    pairs = pairs[pairs["model_version"] != pairs["model_version_challenger"]]
    learned = pairs[["trained_until", "trained_until_challenger"]].max(axis=1)
    seen = int((pairs["issued_at"] < learned).sum())
    if seen:
        return Comparison(
            champion.version,
            challenger.version,
            promoted=False,
            reason=f"trained on test rows: {seen} of {len(pairs)} compared forecasts were issued"
            f" before {learned.max():%Y-%m-%d %H:%M} UTC, up to when one of the two learned",
            first_origin=pairs["issue"].min(),
            last_origin=pairs["issue"].max(),
            origins=int(pairs["issue"].nunique()),
            rows=len(pairs),
        )
    scales = _scales(actuals, pairs["issued_at"].min(), season, frequency)
    pairs = pairs.assign(scale=pairs["unique_id"].map(scales).astype(float))
    pairs = pairs.merge(actuals[["unique_id", "ds", "y"]], on=["unique_id", "ds"])
    pairs["ds"] = pairs["ds"].dt.normalize()
    rival = pairs.drop(columns=["prediction", "lower_80", "upper_80"]).rename(
        columns={f"{name}_challenger": name for name in ("prediction", "lower_80", "upper_80")}
    )
    return judge(champion.version, challenger.version, score(pairs), score(rival), seed=seed)


def judge(champion: str, challenger: str, own: Scores, rival: Scores, *, seed: int) -> Comparison:
    """The verdict on two sides' errors over the same origins.

    The challenger is promoted when the 95 % interval of the difference in scaled error is below
    0 and its 80 % band is not further from 80 % than the champion's, beyond noise. Noise: a
    circular block bootstrap over target days (Politis and Romano 1992) with blocks of
    `BLOCK_DAYS`, which keeps a day's series and horizons together. Fewer than `LEAST_DAYS` days
    that both forecast equally often decide nothing.
    """
    both = own.days.join(rival.days.add_suffix("_challenger"), how="inner")
    both = both[both["rows"] == both["rows_challenger"]]
    days, rows = len(both), int(both["rows"].sum())

    def verdict(promoted: bool, reason: str, **figures: float | Interval | bool) -> Comparison:
        return Comparison(
            champion,
            challenger,
            promoted=promoted,
            reason=reason,
            first_origin=own.first_origin,
            last_origin=own.last_origin,
            origins=own.origins,
            rows=rows,
            **figures,  # type: ignore[arg-type]
        )

    if days < LEAST_DAYS:
        return verdict(
            False,
            f"not enough evidence: {days} days were forecast by both and have a count,"
            f" {LEAST_DAYS} are needed",
        )
    sums = both[["rows", *_SUMS[1:], *(f"{name}_challenger" for name in _SUMS[1:])]].to_numpy()
    mean = sums[:, 1:].sum(axis=0) / sums[:, 0].sum()
    own_error, own_hit, rival_error, rival_hit = block_bootstrap(sums, seed).T
    difference = interval(rival_error - own_error)
    # How much further from 80 % the challenger's coverage is than the champion's.
    worse = interval(np.abs(rival_hit - BAND) - np.abs(own_hit - BAND))
    figures: dict[str, float | Interval | bool] = {
        "enough": True,
        "champion_mase": float(mean[0]),
        "challenger_mase": float(mean[2]),
        "difference": float(mean[2] - mean[0]),
        "difference_interval": difference,
        "champion_coverage": float(mean[1]),
        "champion_coverage_interval": interval(own_hit),
        "challenger_coverage": float(mean[3]),
        "challenger_coverage_interval": interval(rival_hit),
    }
    errors = (
        f"MASE {mean[2]:.3f} against {mean[0]:.3f} over {own.origins} issue days, difference"
        f" {mean[2] - mean[0]:+.4f} ({difference.low:+.4f} to {difference.high:+.4f})"
    )
    bands = f"its 80 % band covers {mean[3]:.1%}, the champion's {mean[1]:.1%}"
    if not difference.high < 0:
        return verdict(False, f"not better beyond noise: {errors}", **figures)
    if worse.low > 0:
        return verdict(False, f"coverage worsens: {bands}, though {errors}", **figures)
    return verdict(True, f"better beyond noise: {errors}; {bands}", **figures)


def _scales(
    actuals: pd.DataFrame, moment: pd.Timestamp, season: int, frequency: str
) -> dict[str, float]:
    """Each series' seasonal naive error on what was known before `moment`."""
    known = actuals[(actuals["available_at"] < moment) & actuals["y"].notna()]
    return {
        str(name): seasonal_scale(
            group.set_index("ds")["y"].asfreq(frequency).to_numpy(dtype=float), season
        )
        for name, group in known.sort_values("ds").groupby("unique_id")
    }


def block_bootstrap(sums: np.ndarray, seed: int) -> np.ndarray:
    """Means of each draw, shape (draws, figures); `sums` is (days, 1 + figures), counts first.

    Days are in the order of time and are drawn in blocks of `BLOCK_DAYS`.
    """
    days = len(sums)
    starts = np.random.default_rng(seed).integers(0, days, (DRAWS, -(-days // BLOCK_DAYS), 1))
    chosen = (starts + np.arange(BLOCK_DAYS)).reshape(DRAWS, -1)[:, :days] % days
    drawn = sums[chosen].sum(axis=1)
    return drawn[:, 1:] / drawn[:, :1]


def interval(drawn: np.ndarray) -> Interval:
    """The 95 % interval of a bootstrap's draws, shape (draws,)."""
    low, high = np.quantile(drawn, [0.025, 0.975])
    return Interval(float(low), float(high))
