"""A panel file is read as it is, or refused with what is wrong: ids, y, separators, encodings.

How ds are read is in `test_panel_times`.
"""

from __future__ import annotations

import gzip
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flow_platform.evaluation.panel_file import read_panel_file
from flow_platform.evaluation.series_matrix import matrix_of
from flow_platform.ground.errors import ModelError
from tests.unit.evaluation.panel_texts import csv_of, read_parquet, read_text
from tests.unit.refusals import assert_refused

DAYS = pd.date_range("2025-01-01", periods=60).strftime("%Y-%m-%d").tolist()
# Texts that readers of CSV take for missing values, for numbers or for booleans.
ALIKE = ["NA", "nan", "NaN", "null", "none", "None", "N/A", "#N/A", "<NA>", "007", "01", "1", "1.0"]
ALIKE += ["1e3", "True", "inf", "-1", "0x1", "2024-01-01", " 1", "00"]


@pytest.mark.parametrize(
    "ids",
    [["NA", "FR", "007"], ["001", "002"], ["01", "1"], [*ALIKE]],
    ids=["panel", "zeros", "zeros_clash", "alike"],
)
def test_ids_are_the_texts_that_the_file_has(tmp_path: Path, ids: list[str]) -> None:
    frame = read_text(tmp_path, csv_of(DAYS, ids), "D")
    assert frame["unique_id"].drop_duplicates().tolist() == ids
    panel = matrix_of(frame, "D", (7,))
    assert panel.ids.tolist() == sorted(ids)
    assert panel.values.shape == (len(ids), 60)


names = st.text(st.characters(codec="utf-8", exclude_categories=("C", "Z")), min_size=1, max_size=8)


@settings(deadline=None, max_examples=60)
@given(ids=st.lists(names | st.sampled_from(ALIKE), min_size=1, max_size=6, unique=True))
def test_any_ids_are_the_same_in_csv_and_parquet(ids: list[str]) -> None:
    quoted = ['"' + name.replace('"', '""') + '"' for name in ids]
    # Where every id is a whole number with ".0", a program wrote a float.
    wanted = [name.removesuffix(".0") for name in ids] if set(ids) == {"1.0"} else ids
    with TemporaryDirectory() as folder:
        text = read_text(Path(folder), csv_of(DAYS[:2], quoted), "D")
        table = read_parquet(
            Path(folder), "D", unique_id=np.repeat(ids, 2), ds=DAYS[:2] * len(ids), y=1.0
        )
    assert text["unique_id"].drop_duplicates().tolist() == wanted
    assert table["unique_id"].drop_duplicates().tolist() == wanted


def test_whole_numbers_that_a_program_wrote_as_floats_are_whole(tmp_path: Path) -> None:
    frame = read_text(tmp_path, csv_of(DAYS[:2], ["489434.0", "7.0"]), "D")
    assert frame["unique_id"].tolist() == ["489434", "489434", "7", "7"]
    for column, wanted in [
        ([7.0, 8.0], ["7", "8"]),
        ([7.0, 7.5], ["7", "7.5"]),
        ([7, 8], ["7", "8"]),
        (pd.Categorical(["007", "NA"]), ["007", "NA"]),
    ]:
        frame = read_parquet(tmp_path, "D", unique_id=column, ds=DAYS[:2], y=1.0)
        assert frame["unique_id"].tolist() == wanted


def test_an_id_with_a_point_beside_other_ids_stays_as_it_is(tmp_path: Path) -> None:
    frame = read_text(tmp_path, csv_of(DAYS[:1], ["489434.0", "C489434"]), "D")
    assert frame["unique_id"].tolist() == ["489434.0", "C489434"]


def test_a_point_that_may_be_between_thousands_is_refused(tmp_path: Path) -> None:
    rows = [f"7,{day},{y}" for day, y in zip(DAYS, ("987", "4.462", "12"), strict=False)]
    header = "unique_id,ds,y"
    with pytest.raises(
        ModelError, match=r"'4\.462', which may be 4462 or a number with a fraction"
    ):
        read_text(tmp_path, "\n".join([header, *rows]), "D")
    rows.append(f"7,{DAYS[3]},0.5")
    assert read_text(tmp_path, "\n".join([header, *rows]), "D")["y"].tolist() == [
        987,
        4.462,
        12,
        0.5,
    ]


def test_rows_without_an_id_are_counted_and_refused(tmp_path: Path) -> None:
    text = f"unique_id,ds,y\n7,{DAYS[0]},1\n,{DAYS[0]},2\n  ,{DAYS[1]},3\n"
    with pytest.raises(ModelError, match=r"2 row.s. have no unique_id, the first is row 2"):
        read_text(tmp_path, text, "D")
    with pytest.raises(ModelError, match=r"1 row.s. have no unique_id"):
        read_parquet(tmp_path, "D", unique_id=[np.nan, 7.0], ds=DAYS[:2], y=1.0)


def test_rows_that_hold_nothing_are_no_rows(tmp_path: Path) -> None:
    text = f"unique_id,ds,y\n7,{DAYS[0]},1\n,,\n\n7,{DAYS[1]},2\n,,\n"
    assert read_text(tmp_path, text, "D")["y"].tolist() == [1.0, 2.0]


def test_a_y_that_is_not_known_is_kept_as_unknown(tmp_path: Path) -> None:
    values = ["", "NA", "nan", "null", "none", "3.5", " 4 "]
    text = "unique_id,ds,y\n" + "".join(
        f"a,{day},{y}\n" for day, y in zip(DAYS, values, strict=False)
    )
    frame = read_text(tmp_path, text, "D")
    assert frame["y"].isna().tolist() == [True] * 5 + [False] * 2
    assert frame["y"].tolist()[5:] == [3.5, 4.0]
    assert matrix_of(frame, "D", (1,)).values.tolist() == [[3.5, 4.0]]


@pytest.mark.parametrize(
    ("y", "words"),
    [
        ('"1,234"', "'1,234', which is not a number. Write a decimal point"),
        ('"12,5"', "'12,5', which is not a number. Write a decimal point"),
        ("12,5", "'a,2025-01-01,12,5' has 4 field.s., not 3. Write numbers with a decimal point"),
        ("1 234", "'1 234', which is not a number. Write a decimal point"),
        ("5%", "'5%', which is not a number. Correct it"),
        ("True", "'True', which is not a number"),
        ("inf", "y holds inf, which is too large"),
        ("1e300", r"y holds 1e\+300, which is too large"),
    ],
)
def test_a_y_that_is_no_number_is_named_with_the_remedy(tmp_path: Path, y: str, words: str) -> None:
    with pytest.raises(ModelError, match=words):
        read_text(tmp_path, f"unique_id,ds,y\na,{DAYS[0]},{y}\n", "D")


def test_decimal_commas_between_semicolons_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="'12,5', which is not a number"):
        read_text(tmp_path, f"unique_id;ds;y\na;{DAYS[0]};12,5\n", "D")


@pytest.mark.parametrize("column", [[True], pd.to_datetime(["2024-01-01"]), [[1.0]], [np.inf]])
def test_a_column_of_another_type_is_no_y(tmp_path: Path, column: object) -> None:
    with pytest.raises(ModelError, match="y holds"):
        read_parquet(tmp_path, "D", unique_id=["a"], ds=DAYS[:1], y=column)


PLAIN = csv_of(DAYS, ["Zürich", "b"])


@pytest.mark.parametrize(
    "text",
    [
        csv_of(DAYS, ["Zürich", "b"], ";"),
        csv_of(DAYS, ["Zürich", "b"], "\t"),
        "sep=;\n" + csv_of(DAYS, ["Zürich", "b"], ";"),
        "Export of today\n\n" + PLAIN,
        PLAIN.replace("\n", "\r\n"),
        PLAIN.replace("\n", "\r"),
        PLAIN.replace("\n", ",\n").replace("y,\n", "y\n", 1),
        PLAIN.replace("unique_id,ds,y", "unique_id, ds , y"),
        PLAIN.rstrip("\n"),
        PLAIN.encode("utf-8-sig"),
        PLAIN.encode("utf-16"),
    ],
)
def test_a_panel_is_the_same_however_its_table_is_written(
    tmp_path: Path, text: str | bytes
) -> None:
    wanted = read_text(tmp_path, PLAIN, "D")
    pd.testing.assert_frame_equal(read_text(tmp_path, text, "D"), wanted)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (b"", "is empty"),
        (b"\n \n", "is empty"),
        (b"unique_id,ds,y", "has no rows"),
        (b"unique_id,ds,y\n", "has no rows"),
        (b"unique_id,ds,y,y\na,2025-01-01,1,2\n", "2 columns y"),
        (b"date,a,b\n2025-01-01,1,2\n", "lacks the column.*it has date, a, b"),
        ("unique_id,ds,y\nZürich,2025-01-01,1\n".encode("latin-1"), "not in UTF-8. Save it"),
        (b"PK\x03\x04\0\0\xff\xfe", "is no text"),
        (b"unique_id,ds,y\na,2025-01-01,1\na,2025-01-02\n", "has 2 field.*Complete the row"),
        (b'unique_id,ds,y\na,2025-01-01,1\n"a,2025-01-02,3\na,2025-01-03,1\n', "quotes"),
        (b"unique_id,ds,y\na,2025-01-01,NA\n", "no row with a y"),
    ],
)
def test_a_file_that_is_no_table_of_rows_is_refused_in_one_sentence(
    tmp_path: Path, text: bytes, words: str
) -> None:
    with pytest.raises(ModelError, match=words) as caught:
        matrix_of(read_text(tmp_path, text, "D"), "D", (1,))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("unique_id", "2 row.s. have no unique_id"),
        ("ds", "2 row.s. have no ds"),
        ("y", "no row with a y"),
    ],
)
@pytest.mark.parametrize("nothing", [None, np.nan, ""])
def test_a_column_that_holds_nothing_is_refused(
    tmp_path: Path, name: str, words: str, nothing: object
) -> None:
    columns: dict[str, object] = {"unique_id": ["a", "a"], "ds": DAYS[:2], "y": [1.0, 2.0]}
    columns[name] = [nothing, nothing]
    with pytest.raises(ModelError, match=words):
        matrix_of(read_parquet(tmp_path, "D", **columns), "D", (1,))


@pytest.mark.parametrize("content", [b"", b"PAR1", b"PAR1abcdPAR1", b"unique_id,ds,y\n"])
def test_a_broken_parquet_file_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "panel.parquet"
    path.write_bytes(content)
    with pytest.raises(ModelError, match="cannot be read"):
        read_panel_file(path, "D")


def test_a_compressed_file_is_read_and_a_folder_is_not(tmp_path: Path) -> None:
    path = tmp_path / "panel.csv.gz"
    path.write_bytes(gzip.compress(PLAIN.encode()))
    assert len(read_panel_file(path, "D")) == 120
    with pytest.raises(ModelError, match="cannot be read"):
        read_panel_file(tmp_path, "D")


@settings(deadline=None, max_examples=150)
@given(
    line=st.text(max_size=40) | st.lists(st.sampled_from([*ALIKE, "", '"', ";", "é"])).map(",".join)
)
def test_no_line_ends_in_a_trace(line: str) -> None:
    with TemporaryDirectory() as folder:
        text = f"unique_id,ds,y\na,2025-01-01,1\n{line}\n".encode("utf-8", "surrogatepass")
        for freq in ("D", "h", "MS", "1"):
            try:
                matrix_of(read_text(Path(folder), text, freq), freq, (1,))
            except ModelError as refused:
                assert "panel" in str(refused) or "--freq" in str(refused) or "row" in str(refused)


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
