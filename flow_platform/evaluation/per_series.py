"""Runs a candidate on each series within a time limit: chunk by chunk, in one process or several.

The candidates are in `candidates`, what takes the place of a failed forecast in `fallback`.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

import numpy as np

from flow_platform.evaluation.candidates import COSTLY, PER_SERIES, Candidate
from flow_platform.evaluation.fallback import CandidateForecasts, with_fallback
from flow_platform.evaluation.series_matrix import SeriesMatrix

# Series that are forecast together; the time is looked at between chunks.
CHUNK = 64
# Series that a costly candidate forecasts first, from which the time for all is estimated.
PILOT = 4

OUT_OF_TIME = "out of time"


def seconds_needed(candidate: Candidate, panel: SeriesMatrix, horizon: int, workers: int) -> float:
    """Estimated seconds for the forecasts of every series, from a few of different lengths.

    0 where the candidate is not costly or fits few series. The first fit is not counted: it
    compiles.
    """
    fits = np.flatnonzero(candidate.fits(panel))
    if candidate.name not in COSTLY or len(fits) < 4 * PILOT:
        return 0.0
    ordered = fits[np.argsort(panel.lengths[fits], kind="stable")]
    chosen = ordered[np.linspace(0, len(ordered) - 1, PILOT + 2).round().astype(int)[1:-1]]
    candidate.run(panel.only(chosen[:1]), horizon)
    started = time.monotonic()
    candidate.run(panel.only(chosen), horizon)
    return (time.monotonic() - started) / PILOT * len(fits) / workers


def forecast_each(
    candidate: Candidate,
    panel: SeriesMatrix,
    horizon: int,
    limit: float,
    workers: int = 1,
    on_progress: Callable[[int], None] = lambda series: None,
) -> CandidateForecasts:
    """Forecasts of every series, chunk by chunk, within `limit` seconds.

    Series that the candidate does not fit, for which it fails, or which it does not reach in time,
    have the seasonal naive; `reasons` has the reason for each. `on_progress` is called with the
    number of series done since it was last called.
    """
    started = time.monotonic()
    fits = candidate.fits(panel)
    values = np.full((len(panel.ids), horizon), np.nan)
    reasons = {str(panel.ids[row]): f"needs {candidate.needs}" for row in np.flatnonzero(~fits)}
    chunks = [np.arange(rows.start, rows.stop) for rows in panel.chunks(CHUNK)]
    fitting = [rows[fits[rows]] for rows in chunks]
    parts = _forecast_chunks(candidate, panel, fitting, horizon, started + limit, workers)
    for rows, chosen, part in zip(chunks, fitting, parts, strict=True):
        if part is None:
            for row in chosen:
                reasons[str(panel.ids[row])] = f"{OUT_OF_TIME} after {limit:.0f} s"
        else:
            values[chosen] = part
        on_progress(len(rows))
    return with_fallback(values, panel, reasons, candidate.name)


def _forecast_chunks(
    candidate: Candidate,
    panel: SeriesMatrix,
    chunks: list[np.ndarray],
    horizon: int,
    deadline: float,
    workers: int,
) -> Iterator[np.ndarray | None]:
    """Forecasts of each chunk of rows, None for one that is not begun before the deadline."""
    if workers > 1 and len(panel.ids) >= 4 * workers and candidate.name in COSTLY:
        import joblib

        with joblib.Parallel(n_jobs=workers) as pool:
            for rows in chunks:
                if time.monotonic() > deadline:
                    yield None
                    continue
                pieces = [panel.only(piece) for piece in np.array_split(rows, workers)]
                yield np.concatenate(
                    pool(joblib.delayed(_run)(candidate.name, piece, horizon) for piece in pieces)
                )
        return
    for rows in chunks:
        if time.monotonic() > deadline:
            yield None
        elif len(rows) == 0:
            yield np.empty((0, horizon))
        else:
            yield candidate.run(panel.only(rows), horizon)


def _run(name: str, panel: SeriesMatrix, horizon: int) -> np.ndarray:
    """Forecasts by the candidate of this name, which another process cannot be handed itself."""
    if len(panel.ids) == 0:
        return np.empty((0, horizon))
    (candidate,) = [c for c in PER_SERIES if c.name == name]
    return candidate.run(panel, horizon)
