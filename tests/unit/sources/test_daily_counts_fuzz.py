"""A thousand mutated files: never a crash, never a silent loss, balances hold.

The mutations are seeded, so that a failure is found again by its number.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from datetime import date, timedelta
from io import BytesIO
from pathlib import Path

import openpyxl
import pandas as pd
import pytest

from flow_platform.flows.parcels.options import ParcelsSource
from flow_platform.sources.daily_counts import read_daily_counts
from tests.unit.sources.balances import assert_payloads_are_whole, checked_rejects
from tests.unit.sources.samples import NOW, plain_centre

CENTRES = [plain_centre(str(number)) for number in range(1, 6)]
IDS = ["1", "2", "3"]
NAMES = ["centre_id", "day", "parcels", "note"]
POISON = (
    "=1+1", "NaN", "-5", "1e309", "9" * 400, "", "été", "1 234", "\0", "2025-02-30", "0000-00-00",
    "9999-12-31", "２０２５", "inf", "-0", "1,5", '"', "\ufeff", "\u2028", "\x1a", "true", "\t",
)  # fmt: skip

Rows = list[list[str]]


def sound_rows(chance: random.Random) -> Rows:
    start = date(2025, 1, 1)
    return [
        [
            str(chance.randint(1, 5)),
            (start + timedelta(days=number % 90)).isoformat(),
            str(chance.randint(0, 90_000)),
            f"note {number}",
        ]
        for number in range(chance.randint(1, 30))
    ]


def poison_cells(rows: Rows, chance: random.Random) -> Rows:
    for _ in range(chance.randint(1, 8)):
        row = chance.choice(rows)
        row[chance.randrange(len(row))] = chance.choice(POISON)
    return rows


def swap_columns(rows: Rows, chance: random.Random) -> Rows:
    return [[row[1], row[0], *row[2:]] for row in rows]


def repeat_rows(rows: Rows, chance: random.Random) -> Rows:
    return rows + [list(chance.choice(rows)) for _ in range(chance.randint(1, 5))]


def lose_cells(rows: Rows, chance: random.Random) -> Rows:
    row = chance.choice(rows)
    del row[chance.randrange(len(row))]
    return rows


ROW_MUTATIONS: list[Callable[[Rows, random.Random], Rows]] = [
    poison_cells,
    swap_columns,
    repeat_rows,
    lose_cells,
    lambda rows, chance: rows,
    lambda rows, chance: [],
]


def as_csv(rows: Rows, names: Sequence[str] = NAMES) -> bytes:
    return "\n".join(",".join(row) for row in [names, *rows]).encode("utf-8", "surrogatepass")


def as_parquet(rows: Rows, names: Sequence[str] = NAMES) -> bytes:
    padded = [(row + [""] * len(names))[: len(names)] for row in rows]
    out = BytesIO()
    pd.DataFrame(padded, columns=list(names)).astype(str).to_parquet(out)
    return out.getvalue()


def as_excel(rows: Rows, names: Sequence[str] = NAMES) -> bytes:
    book = openpyxl.Workbook()
    for row in [names, *rows]:
        book.active.append([cell.replace("\0", "").replace("\x1a", "") for cell in row])
    out = BytesIO()
    book.save(out)
    return out.getvalue()


def flip(data: bytes, chance: random.Random) -> bytes:
    out = bytearray(data)
    for _ in range(chance.randint(1, 12)):
        if out:
            out[chance.randrange(len(out))] = chance.randrange(256)
    return bytes(out)


BYTE_MUTATIONS: list[Callable[[bytes, random.Random], bytes]] = [
    lambda data, chance: data,
    lambda data, chance: data[: chance.randint(0, len(data))],
    flip,
    lambda data, chance: b"",
    lambda data, chance: b"\xef\xbb\xbf" + data,
    lambda data, chance: b"\xff\xfe" + data,
    lambda data, chance: data.replace(b"\n", b"\r\n"),
    lambda data, chance: data.replace(b"\n", b"\r"),
    lambda data, chance: data.replace(b",", b";"),
    lambda data, chance: data.decode("utf-8", "replace").encode("utf-16"),
    lambda data, chance: data.decode("utf-8", "replace").encode("cp1252", "replace"),
    lambda data, chance: data.replace(b"note", b'"no\nte"'),
    lambda data, chance: data.replace(b"note", b'"note', chance.randint(1, 5)),
    lambda data, chance: chance.randbytes(chance.randint(1, 2_000)),
    lambda data, chance: data + chance.randbytes(20),
    lambda data, chance: data[: len(data) // 2] + data[len(data) // 3 :],
]

FORMATS: list[tuple[str, Callable[[Rows], bytes]]] = [
    ("csv", as_csv),
    ("csv", as_csv),
    ("csv", as_csv),
    ("parquet", as_parquet),
    ("xlsx", as_excel),
]


@pytest.mark.parametrize("batch", range(10))
def test_a_hundred_mutated_files_balance_and_never_crash(tmp_path: Path, batch: int) -> None:
    contents: dict[str, bytes] = {}
    sound: dict[str, int] = {}
    for number in range(batch * 100, batch * 100 + 100):
        chance = random.Random(number)
        suffix, write = FORMATS[number % len(FORMATS)]
        mutate_rows, mutate_bytes = chance.choice(ROW_MUTATIONS), chance.choice(BYTE_MUTATIONS)
        rows = mutate_rows(sound_rows(chance), chance)
        written = write(rows)
        content = mutate_bytes(written, chance)
        path = tmp_path / f"{number:04d}.{suffix}"
        path.write_bytes(content)
        contents[str(path)] = content
        if content == written and suffix != "csv":
            sound[str(path)] = len(rows)

    config = ParcelsSource(kind="files", path=str(tmp_path / "*"))
    first, last = date(2025, 1, 1), date(2025, 2, 15)
    landing = read_daily_counts(config, "parcels", CENTRES, first, last, IDS, now=NOW)

    assert [file.file for file in landing.files] == sorted(contents)
    for file in landing.files:
        assert file.rows_in_file == file.rows_read + file.rows_left + file.rows_repeated
        rejected = checked_rejects(landing, file)
        if file.error is not None:
            assert file.file in file.error
        elif file.file.endswith(".csv"):
            assert_every_line_is_accounted_for(contents[file.file], landing.rows, rejected, file)
        elif file.file in sound:
            assert file.rows_in_file == sound[file.file]
    assert_payloads_are_whole(landing)
    assert landing.rows["parcels"].between(0, 1e9).all()
    assert landing.rows["centre_id"].isin(IDS).all()
    assert landing.rows["day"].between(pd.Timestamp(first), pd.Timestamp(last)).all()


def assert_every_line_is_accounted_for(
    content: bytes, rows: pd.DataFrame, rejected: pd.DataFrame, file: object
) -> None:
    """Lines of the file that are not blank, less the header, are rows of the load: a quoted cell
    that runs over lines is the only way for a row to have more than one line."""
    wide = content.startswith((b"\xff\xfe", b"\xfe\xff"))
    text = content.decode("utf-16" if wide else "utf-8", "replace").removeprefix("\ufeff")
    lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    filled = sum(bool(line.strip()) for line in lines) - 1
    in_file = file.rows_in_file  # type: ignore[attr-defined]
    if '"' not in text:
        assert in_file == filled
    else:
        assert filled / 50 <= in_file <= filled
        opened = text.count('"')
        assert in_file >= filled - opened
