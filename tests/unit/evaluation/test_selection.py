"""A backtest chooses the champion: the simplest of equals, and for single series on evidence."""

from __future__ import annotations

import numpy as np

from flow_platform.evaluation.backtest import Backtest
from flow_platform.evaluation.combinations import weights_of
from flow_platform.evaluation.selection import choose


def backtest_of(*errors: list[list[float]]) -> Backtest:
    """Candidates a, b, ... with these errors (origins, series) of one step; actuals are 10."""
    made = 10 + np.array(errors)[..., None]
    return Backtest(
        tuple("abcdef"[: len(errors)]),
        made,
        np.full(made.shape[1:], 10.0),
        np.ones(made.shape[2]),
    )


def test_ties_go_to_the_simpler_and_a_lucky_origin_does_not_win() -> None:
    tie = backtest_of([[1.0, 1.0], [1.0, 1.0]], [[0.997, 0.997], [0.997, 0.997]])
    assert choose(tie, per_series=False).champion == "a"
    clear = backtest_of([[1.0, 1.0], [1.0, 1.0]], [[0.8, 0.8], [0.9, 0.9]])
    assert choose(clear, per_series=False).champion == "b"
    lucky = backtest_of([[1.0]] * 5, [[-0.0], [1.1], [1.1], [1.1], [1.1]])
    assert choose(lucky, per_series=False).champion == "a"


def test_a_series_chooses_for_itself_where_many_origins_agree() -> None:
    one, other = [[1.0, 1.0]] * 4, [[0.5, 1.6]] * 4
    choice = choose(backtest_of(one, other), per_series=True)
    assert choice.of_series.tolist() == ["b", "a"]
    few = choose(backtest_of(one[:2], other[:2]), per_series=True)
    assert len(set(few.of_series)) == 1


def test_weights_find_errors_that_cancel() -> None:
    above, below, far = [[2.0] * 30] * 2, [[-2.0] * 30] * 2, [[9.0] * 30] * 2
    assert weights_of(backtest_of(above, below, far)) == {"a": 0.5, "b": 0.5}
