"""Records are predicted from what was known: no outcome that is known later changes a vintage."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import numpy as np
import pandas as pd
import pytest

from flow_platform.forecasting.records.data import (
    RecordData,
    RecordSpec,
    fingerprint,
    joined,
    records_of,
)
from flow_platform.forecasting.records.engine import ENGINE
from flow_platform.forecasting.records.frame import Expanding, Known
from flow_platform.forecasting.records.model import RecordModel, fallback_scores
from flow_platform.ground.errors import ModelError, TooLittleHistory
from flow_platform.ground.record_columns import RecordColumns
from flow_platform.models.promotion import trained_until
from flow_platform.models.vintage import TrainedModel
from flow_platform.sources.simulated_flows import simulated_records
from tests.stored import as_read
from tests.unit.sources.samples import plain_centre

COLUMNS = RecordColumns("claim_id", "opened_at", "amount", ("size",), ("kind",))
SPEC = RecordSpec(measure="amount", seed=7, columns=COLUMNS)
CUTOFF = pd.Timestamp("2025-06-01", tz="UTC")
CENTRES = [plain_centre("1"), plain_centre("2"), plain_centre("NY", "America/New_York")]


def claims(first: date, last: date) -> pd.DataFrame:
    made = simulated_records("claims", COLUMNS, CENTRES, 1)(["1", "2", "NY"], first, last)
    return made.sort_values(["opened_at", "claim_id"], ignore_index=True)


@pytest.fixture(scope="module")
def world() -> pd.DataFrame:
    """Records of five months around the cut-off."""
    return claims(date(2025, 3, 1), date(2025, 7, 15))


@pytest.fixture(scope="module")
def trained(world: pd.DataFrame) -> dict[str, TrainedModel]:
    prepared = ENGINE.prepare(records_of(world, COLUMNS), CUTOFF, SPEC)
    return {name: ENGINE.train(name, prepared) for name in ENGINE.trainable()}


def load(model: TrainedModel) -> RecordModel:
    return RecordModel.load(model.artefacts, "claims", COLUMNS)


def test_what_is_known_after_the_cut_off_changes_no_byte(
    world: pd.DataFrame, trained: dict[str, TrainedModel]
) -> None:
    known = world[world["available_at"] < CUTOFF]
    later = world[world["available_at"] >= CUTOFF]
    changed = pd.concat([known, later.assign(amount=1e6)]).sort_values("opened_at")
    for frame in (known, changed):
        data = records_of(frame, COLUMNS)
        assert fingerprint(data, CUTOFF, SPEC) == fingerprint(
            records_of(world, COLUMNS), CUTOFF, SPEC
        )
        prepared = ENGINE.prepare(data, CUTOFF, SPEC)
        for name, model in trained.items():
            assert ENGINE.train(name, prepared).artefacts == model.artefacts
    for model in trained.values():
        assert trained_until(model.artefacts) <= CUTOFF


def test_frames_as_the_warehouse_gives_them_train_the_same_models(
    world: pd.DataFrame, trained: dict[str, TrainedModel]
) -> None:
    stored = records_of(as_read(world), COLUMNS)
    prepared = ENGINE.prepare(stored, CUTOFF, SPEC)
    for name, model in trained.items():
        assert ENGINE.train(name, prepared).artefacts == model.artefacts


def test_columns_that_matter_are_learned_and_the_band_holds(
    world: pd.DataFrame, trained: dict[str, TrainedModel]
) -> None:
    later = world[world["opened_at"] >= CUTOFF]
    errors, inside = {}, {}
    for name, model in trained.items():
        scores = load(model).score(later)
        errors[name] = float(np.abs(scores[:, 0] - later["amount"]).mean())
        inside[name] = float(later["amount"].between(scores[:, 1], scores[:, 2]).mean())
        assert (scores[:, 1] <= scores[:, 0]).all() and (scores[:, 0] <= scores[:, 2]).all()
        assert scores.min() >= 0
    assert errors["lightgbm"] < 0.8 * errors["centre_mean"]
    assert all(0.72 < share < 0.88 for share in inside.values()), inside


def test_a_record_is_scored_without_its_outcome_and_with_values_never_seen(
    world: pd.DataFrame, trained: dict[str, TrainedModel]
) -> None:
    later = world[world["opened_at"] >= CUTOFF].head(50)
    nothing = pd.Series(pd.NaT, index=later.index, dtype="datetime64[us, UTC]")
    open_ones = later.assign(amount=np.nan, available_at=nothing)
    strange = open_ones.assign(centre_id="new", kind="never seen", size=np.nan)
    for model in map(load, trained.values()):
        assert (model.score(open_ones) == model.score(later)).all()
        assert np.isfinite(model.score(strange)).all()
        assert np.isfinite(model.score(strange.assign(kind=None))).all()


def test_the_usual_outcome_of_a_centre_is_that_known_when_the_day_began(
    world: pd.DataFrame,
) -> None:
    data = records_of(world, COLUMNS)
    asked = data.take(data.day == data.day.max() - 20)
    day = int(asked.day[0])
    known = data.take(data.known_day < day)
    assert Expanding(data).of(asked) == pytest.approx(Known.of_records(known).of(asked))
    assert Known({}).of(asked) == pytest.approx(np.ones(len(asked)))


def test_the_fallback_knows_no_outcome_of_later_days(world: pd.DataFrame) -> None:
    data = records_of(world, COLUMNS)
    asked = data.take(data.day == data.day.max() - 20)
    later = data.known_day >= int(asked.day[0])
    changed = replace(data, outcome=np.where(later, 1e6, data.outcome))
    assert (fallback_scores(changed, asked) == fallback_scores(data, asked)).all()


def test_blocks_joined_are_the_whole(world: pd.DataFrame) -> None:
    parts = [records_of(world.iloc[:500], COLUMNS), records_of(world.iloc[500:], COLUMNS)]
    whole = records_of(world, COLUMNS)
    made = joined(parts)
    assert isinstance(made, RecordData) and len(made) == len(whole)
    assert fingerprint(made, CUTOFF, SPEC) == fingerprint(whole, CUTOFF, SPEC)


def test_too_little_history_is_refused_with_what_is_missing(world: pd.DataFrame) -> None:
    data = records_of(world, COLUMNS)
    early = pd.Timestamp("2025-03-10", tz="UTC")
    with pytest.raises(TooLittleHistory, match=r"Cannot train at .* outcomes are known, 300"):
        ENGINE.prepare(data, early, SPEC)
    short = pd.Timestamp("2025-03-12", tz="UTC")
    with pytest.raises(TooLittleHistory, match="14 are needed"):
        ENGINE.prepare(data, short, replace(SPEC, least_records=1))
    nothing = records_of(world.iloc[:0], COLUMNS)
    with pytest.raises(TooLittleHistory, match="0 outcomes are known"):
        ENGINE.prepare(nothing, CUTOFF, SPEC)


def test_a_vintage_of_other_columns_and_a_broken_one_are_refused(
    trained: dict[str, TrainedModel],
) -> None:
    artefacts = trained["lightgbm"].artefacts
    other = replace(COLUMNS, numbers=("size", "weight"))
    with pytest.raises(ModelError, match="trained on the columns size, kind; the flow now has"):
        RecordModel.load(artefacts, "claims", other)
    for name in artefacts:
        if name != "backtest.json":
            with pytest.raises(ModelError):
                left = {key: value for key, value in artefacts.items() if key != name}
                RecordModel.load(left, "claims", COLUMNS)
