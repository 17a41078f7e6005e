"""What the app hands over as files: the rows, and no formula that a stranger wrote."""

from __future__ import annotations

import io

import openpyxl
import pandas as pd
import pytest

from streamlit_app.blocks.layout import _csv, _sheet

HARMFUL = (
    '=HYPERLINK("http://evil.example","x")',
    "=1",
    "=cmd|' /C calc'!A0",
    "@SUM(1+1)*cmd",
    "+1+cmd|x",
    "-2+3+cmd|x",
    "\t=1+1",
    "\r=1+1",
)
HARMLESS = ("order-1", "-2", "+1.5", "a=b", "", "Orléans", "'quoted")


@pytest.mark.parametrize("text", HARMFUL)
def test_no_text_is_a_formula_in_a_download(text: str) -> None:
    rows = pd.DataFrame({"order": [text], "n": [-1.5]})
    read = pd.read_csv(io.BytesIO(_csv(rows)))
    assert read["order"].tolist() == [f"'{text}"] and read["n"].tolist() == [-1.5]
    sheet = openpyxl.load_workbook(io.BytesIO(_sheet(rows))).worksheets[0]
    cell = sheet["A2"]
    assert cell.data_type == "s" and str(cell.value).strip() == text.strip() and cell.quotePrefix
    assert sheet["B2"].value == -1.5


@pytest.mark.parametrize("text", HARMLESS)
def test_other_texts_are_as_they_are(text: str) -> None:
    rows = pd.DataFrame({"order": [text, None]})
    read = pd.read_csv(io.BytesIO(_csv(rows)), dtype=str, keep_default_na=False)
    assert read["order"].tolist()[0] == text
    sheet = openpyxl.load_workbook(io.BytesIO(_sheet(rows))).worksheets[0]
    assert (sheet["A2"].value or "") == text
