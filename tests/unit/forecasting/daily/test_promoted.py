"""What promotion reads of a trained vintage: its backtest by day, and until when it learned."""

from __future__ import annotations

import json
from collections.abc import Mapping

import pandas as pd
import pytest

from flow_platform.forecasting.daily.data import SeriesData, SeriesSpec
from flow_platform.forecasting.daily.engine import ENGINE
from flow_platform.ground.errors import ModelError
from flow_platform.models.promotion import backtest_scores, trained_until
from flow_platform.models.trainer import Trainer
from flow_platform.models.vintage import TrainedModel


def test_a_vintage_keeps_its_backtest_by_target_day(models: Mapping[str, TrainedModel]) -> None:
    for model in models.values():
        kept = backtest_scores(model.artefacts)
        sums = kept.days.sum()
        assert sums["scaled_error"] / sums["rows"] == pytest.approx(model.metrics["mase"])
        assert sums["covered_80"] / sums["rows"] == pytest.approx(model.metrics["coverage_80"])
        assert kept.origins == model.backtest["issue"].nunique()
    with pytest.raises(ModelError, match=r"lacks backtest\.json"):
        backtest_scores({})


def test_the_artefacts_say_until_when_they_learned_even_if_a_cut_off_is_forged(
    panel_data: SeriesData, spec: SeriesSpec, cutoff: pd.Timestamp
) -> None:
    honest = Trainer(ENGINE).train("effects", panel_data, cutoff, spec)
    assert trained_until(honest.artefacts) == cutoff
    training = json.loads(honest.artefacts["training.json"])
    forged = training | {"cutoff": "2023-08-01T00:00:00+00:00", "train_last": "2023-07-31"}
    artefacts = honest.artefacts | {"training.json": json.dumps(forged).encode()}
    # Its bands still remember the errors of September.
    assert trained_until(artefacts) > pd.Timestamp("2023-09-25", tz="UTC")
    with pytest.raises(ModelError, match="do not say until when"):
        trained_until({})
