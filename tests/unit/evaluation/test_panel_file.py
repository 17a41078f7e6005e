"""A panel file is read as it is, or refused with what is wrong."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import pandas as pd
import pytest

from flow_platform.evaluation.panel_file import read_panel_file
from flow_platform.evaluation.series_matrix import matrix_of
from flow_platform.ground.errors import ModelError
from tests.unit.refusals import assert_refused


def test_timestamps_and_their_zone_are_read_and_steps_are_counted_across_months(
    tmp_path: Path,
) -> None:
    path = tmp_path / "panel.csv"
    path.write_text(
        "unique_id,ds,y\na,2024-01-31T23:00:00+01:00,1\na,2024-02-29T23:00:00+01:00,2\n"
    )
    frame = read_panel_file(path, "h")
    assert frame["ds"].tolist() == [
        pd.Timestamp("2024-01-31 22:00"),
        pd.Timestamp("2024-02-29 22:00"),
    ]
    assert matrix_of(frame, "h", (24,)).values.shape == (1, 29 * 24 + 1)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("unique_id,y\na,1\n", "lacks the column"),
        ("unique_id,ds,y\na,1,x\n", "'x', which is not a number"),
        ("unique_id,ds,y\na,soon,1\n", "neither a time nor a whole number"),
    ],
)
def test_a_file_that_cannot_be_used_is_refused(tmp_path: Path, text: str, words: str) -> None:
    read = partial(read_panel_file, freq="h")
    assert_refused(read, tmp_path / "panel.csv", text, ModelError, words)
