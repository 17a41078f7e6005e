"""Which days of a load are not whole, because rows of theirs were refused: one rule for all flows.

What a reason takes away from its day is decided in EFFECTS. Marks are written in
`stages/loading.py`; which days models and accuracy leave out is in `Platform.uses_partial_days`.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import pandas as pd

from flow_platform.ground.fates import code_of
from flow_platform.ground.rectangle import Rectangle
from flow_platform.sources.judging import commonest_reason

# "lost": its day lacks the row. "no_day": a day lacks the row, but not the one that it states.
# "nothing": no day lacks it, because it adds up others, repeats one, is of a centre that is none of
# ours, or of a time that is not over.
Effect = Literal["lost", "no_day", "nothing"]


def _all(effect: Effect, codes: str) -> dict[str, Effect]:
    return dict.fromkeys(codes.split(), effect)


# By the code of the reason. A code that is missing here, as of a new flow, counts as "lost".
EFFECTS: Mapping[str, Effect] = {
    # Values, lines and messages that cannot be read.
    **_all("lost", "missing_value wrong_type bad_number bad_text not_finite too_large negative"),
    **_all("lost", "negative_count off_step unknown_state ends_before_it_begins ragged"),
    **_all("lost", "unbalanced_quote undecodable nul_character not_json not_an_object too_deep"),
    **_all("lost", "too_long bad_event_id missing_event_id reused_event_id unknown_schema"),
    **_all("lost", "unknown_type unknown_topic wrong_topic refused_by_database nonexistent_hour"),
    # A centre that cannot be read may be any of ours.
    **_all("lost", "not_an_id bad_country bad_region bad_counter"),
    # Trips that took place, and are recorded badly.
    **_all("lost", "missing_time skipped_hour not_after too_short no_distance too_far too_fast"),
    **_all("lost", "too_slow unknown_dropoff no_amount implausible"),
    # Orders are refused whole.
    **_all("lost", "unknown_customer item_rejected no_items approved_before_placed"),
    **_all("lost", "handed_over_before_placed delivered_before_placed cancelled_before_placed"),
    **_all("lost", "delivered_before_handed_over"),
    **_all("no_day", "impossible_date unknown_clock before_2005 stray_month"),
    **_all("nothing", "totals_row duplicate twice placed_twice negative_amount"),
    **_all("nothing", "unknown_centre unknown_region unknown_pickup other_counter"),
    **_all("nothing", "future_day future_hour future_moment"),
    # A row of an order that is counted by its own row, or of which there is none.
    **_all("nothing", "order_rejected unknown_order"),
}

_CELL = ["centre_id", "day"]
_COUNTED = ("source_file", *_CELL, "reason", "rows")
MARK_COLUMNS = (*_CELL, "rows_refused", "rows_without_day", "rows_stored", "reason")


class Refused:
    """Counts the refused rows of a load that take something away, while its parts come in.

    >>> refused = Refused()
    >>> row = RejectedRow("a.csv", 2, "wrong_type: x", date(2025, 1, 1), "A", "{}")
    >>> len(refused.add(rejected_frame([row])))
    1
    """

    def __init__(self) -> None:
        self._parts: list[pd.DataFrame] = []

    def add(self, rejected: pd.DataFrame) -> pd.DataFrame:
        """More rejects (REJECTED_COLUMNS); returns them, so that they can be counted in passing."""
        codes = rejected["reason"].map(code_of)
        effects = codes.map(lambda code: EFFECTS.get(code, "lost"))
        rows = pd.DataFrame(
            {
                "source_file": rejected["source_file"].astype(object),
                "centre_id": rejected["centre_id"].astype(object),
                "day": pd.to_datetime(rejected["day"]).where(effects != "no_day"),
                "reason": codes,
            }
        )[effects != "nothing"]
        if len(rows):
            self._parts.append(_counted(rows))
        return rejected

    def __bool__(self) -> bool:
        """Whether any row was refused that a day may lack."""
        return bool(self._parts)

    @property
    def counts(self) -> pd.DataFrame:
        """source_file, centre_id, day, reason (its code) and rows; centre and day may be empty.

        There is at least one.
        """
        whole = pd.concat(self._parts, ignore_index=True)
        return whole.groupby(list(_COUNTED[:-1]), dropna=False)["rows"].sum().reset_index()


def _counted(rows: pd.DataFrame) -> pd.DataFrame:
    made = rows.groupby(list(rows.columns), dropna=False).size().reset_index(name="rows")
    return made.assign(day=made["day"].astype("datetime64[us]"))


def stored_rows(rows: pd.DataFrame) -> pd.DataFrame:
    """How many rows of each file a centre and day has: source_file, centre_id, day and rows."""
    return _counted(rows[["source_file", *_CELL]])


@dataclass(frozen=True)
class NotWhole:
    """The centres and days of a load that are not whole.

    `days` (MARK_COLUMNS) has one row for each: `rows_refused` of the day itself,
    `rows_without_day` of its files whose day or centre is not known, the commonest `reason` as
    a code. `by_file`: how many of them each file has a part in.
    """

    days: pd.DataFrame
    by_file: Mapping[str, int]

    @classmethod
    def none(cls) -> NotWhole:
        """What a source has that refuses no row, such as a simulator."""
        return cls(pd.DataFrame(columns=list(MARK_COLUMNS)), {})


@dataclass(frozen=True)
class Limits:
    """The shares above which refused rows count.

    most_lost         of the rows of a day: 0 where a row is a part of the day's sum
    most_without_day  of the rows of a file, for those of which the day or the centre is not known:
                      they may be of any day of the file
    """

    most_lost: float
    most_without_day: float


def days_not_whole(
    refused: Refused,
    stored: Sequence[pd.DataFrame],
    rows_in_files: Mapping[str, int],
    rectangle: Rectangle,
    centres: Collection[str],
    limits: Limits,
) -> NotWhole:
    """The centres and days of `rectangle` that lack more rows than `limits` allow.

    `stored` are `stored_rows` of what was stored, `rows_in_files` the rows of each file, `centres`
    all centres of the flow. No day that a doubtful file fills is whole.
    """
    if not refused:
        return NotWhole.none()
    counts = refused.counts
    has_place = counts["day"].notna() & counts["centre_id"].isin(set(centres))
    placed = counts[has_place & _is_inside(counts, rectangle)]
    doubtful = _of_doubtful_files(counts[~has_place], rows_in_files, limits.most_without_day)
    filled = pd.concat(stored, ignore_index=True)
    # Every reason of a doubtful file is one of each of its days.
    doubted = filled[["source_file", *_CELL]].merge(doubtful, on="source_file")
    cells = pd.concat(
        [
            placed.groupby(_CELL)["rows"].sum().rename("rows_refused"),
            doubted.groupby(_CELL)["rows"].sum().rename("rows_without_day"),
            filled.groupby(_CELL)["rows"].sum().rename("rows_stored"),
        ],
        axis="columns",
    )
    cells = cells.fillna(0).astype("int64")
    most = limits.most_lost * (cells["rows_refused"] + cells["rows_stored"])
    marked = cells[(cells["rows_refused"] > most) | (cells["rows_without_day"] > 0)]
    why = pd.concat([placed, doubted], ignore_index=True)
    why = why[pd.MultiIndex.from_frame(why[_CELL]).isin(marked.index)]
    files = why.drop_duplicates(["source_file", *_CELL])["source_file"].value_counts()
    days = marked.join(commonest_reason(why, _CELL)).rename_axis(_CELL).reset_index()
    return NotWhole(
        days[list(MARK_COLUMNS)].sort_values(_CELL, ignore_index=True),
        {str(file): int(number) for file, number in files.items()},
    )


def _is_inside(counts: pd.DataFrame, rectangle: Rectangle) -> pd.Series:
    first, last = pd.Timestamp(rectangle.first_day), pd.Timestamp(rectangle.last_day)
    return counts["centre_id"].isin(rectangle.centres) & counts["day"].between(first, last)


def _of_doubtful_files(
    counts: pd.DataFrame, rows_in_files: Mapping[str, int], most: float
) -> pd.DataFrame:
    """Of counts of rows without a place, those of files that have too many: file, reason, rows."""
    share = counts.groupby("source_file")["rows"].transform("sum")
    in_file = counts["source_file"].map(lambda file: rows_in_files.get(file, 0)).astype(float)
    found = counts[share > most * in_file]
    return found.groupby(["source_file", "reason"])["rows"].sum().reset_index()
