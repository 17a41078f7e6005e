"""Looks at files as a load would read them, and stores nothing: what is behind `flow load check`.

The rows are read and judged by the flow's own part `look`. What is printed of it is in
`cli/load.py`; remedies are in `refusals.py`.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from typing import Any

import pandas as pd

from flow_platform.flows.kinds import Flow
from flow_platform.ground.fates import code_of
from flow_platform.ground.rectangle import Rectangle
from flow_platform.parts import parts_of
from flow_platform.platform import Platform
from flow_platform.sources.centres import Centre
from flow_platform.sources.config import Sources
from flow_platform.sources.forms import FileForm
from flow_platform.sources.ids import why_not_an_id
from flow_platform.sources.landing import FileBalance, Landing
from flow_platform.sources.values import EARLIEST_DAY
from flow_platform.stages.loading import Balance, balance_of

# So many rows of each file are shown.
FIRST_ROWS = 5
# The codes of reasons of rows that could not be cut into columns, or not decoded.
BROKEN_ROW = ("ragged", "unbalanced_quote", "undecodable", "nul_character")
# The codes of reasons of rows whose centre is not one.
_UNKNOWN = ("unknown_centre", "unknown_region")


@dataclass(frozen=True, kw_only=True)
class Look:
    """What a load of files would do, without doing it; a flow's part `look` makes it.

    `landings` have, in parts, the rows that would be stored, the rejected ones, and every file's
    balance once. `facts` says of a file what only the flow knows: its "clock" and "units".
    """

    landings: Iterable[Landing]
    facts: Callable[[FileForm], Mapping[str, str]]


def counts_facts(form: FileForm) -> dict[str, str]:
    """The facts of a file of counts per centre and day."""
    return {
        "clock": "a day is the local day of its centre (timezone in the centres file); a moment"
        " with an offset is turned into it",
        "units": "plain counts; rows of one centre and day are added up",
    }


def records_facts(form: FileForm) -> dict[str, str]:
    """The facts of a file with a record a row."""
    return {
        "clock": "moments without an offset are local time of their centre (timezone in the centres"
        " file); days are UTC days",
    }


@dataclass
class Refusal:
    """Rows of a file that would be refused for one reason: how many, and the first of them.

    `row` are its values in the columns that are read, empty where it is not shown.
    """

    reason: str
    line: int
    row: Mapping[str, Any]
    rows: int = 0


@dataclass
class LookedFile:
    """What a load would do with one file or sheet. `rows` are the first that would be stored."""

    balance: FileBalance
    facts: Mapping[str, str] = field(default_factory=dict)
    rows: list[dict[str, Any]] = field(default_factory=list)
    refusals: list[Refusal] = field(default_factory=list)


@dataclass
class Filled:
    """The rows that would be stored of one centre, and their days."""

    rows: int
    first_day: date
    last_day: date


@dataclass
class Looked:
    """What a load of all days and centres would store and refuse.

    `days` are those with rows. `unknown` counts the refused rows by the id that is no centre.
    """

    files: list[LookedFile] = field(default_factory=list)
    days: set[date] = field(default_factory=set)
    centres: dict[str, Filled] = field(default_factory=dict)
    unknown: Counter[str] = field(default_factory=Counter)

    @property
    def balance(self) -> Balance:
        """The balance that the load would have."""
        return balance_of([one.balance for one in self.files], 0)

    @property
    def gaps(self) -> list[tuple[date, date]]:
        """Runs of days without any row, between the first and the last day."""
        ordered = sorted(self.days)
        one = timedelta(days=1)
        return [
            (before + one, after - one)
            for before, after in pairwise(ordered)
            if after - before > one
        ]


def look_at(platform: Platform, flow: Flow, now: datetime | None = None) -> Looked:
    """What a load of every day and centre of a flow would store and refuse.

    Days begin in 2005: no flow stores earlier ones but trips, where these count as left.
    """
    # No clock on earth is more than a day ahead of UTC.
    last = (now or datetime.now(UTC)).date() + timedelta(days=1)
    rectangle = Rectangle(platform.centre_ids_of(flow), EARLIEST_DAY, last)
    look = parts_of(flow).raw.look(platform, rectangle)
    found = _Found(platform.centres_of(flow))
    for landing in look.landings:
        found.add(landing)
    return found.looked(look.facts)


def with_unknown_centres(platform: Platform, flow: Flow, looked: Looked) -> Platform | None:
    """The same installation if the ids that are no centres were centres, of UTC.

    None where no row was refused for its centre. Rows have one reason each: that of an unknown
    centre hides all others.
    """
    ids = [one for one in looked.unknown if why_not_an_id(one) is None]
    if not ids:
        return None
    other = Platform(platform.settings)
    config = platform.sources[flow.name]
    wide = config.model_copy(update=dict.fromkeys(config.narrowing_keys))
    other.sources = Sources({**platform.sources.given, flow.name: wide})
    new = (Centre(one, one, None, None, None, None, None, "UTC", None) for one in ids)
    other.centres = platform.centres
    if flow.centres_from == "file":
        other.centres = (*platform.centres, *new)
    return other


class _Found:
    """Gathers landings, of which only what is shown is kept."""

    def __init__(self, centres: Sequence[Centre]) -> None:
        self._zones = {one.centre_id: one.timezone for one in centres}
        self._balances: list[FileBalance] = []
        self._rows: dict[str, pd.DataFrame] = {}
        self._refusals: dict[str, dict[str, Refusal]] = {}
        self._looked = Looked()

    def add(self, landing: Landing) -> None:
        self._balances += landing.files
        if len(landing.rows):
            self._add_rows(landing.rows)
        if len(landing.rejected):
            self._add_rejected(landing.rejected)

    def _add_rows(self, rows: pd.DataFrame) -> None:
        for file, own in rows.groupby("source_file", sort=False):
            before = [self._rows[str(file)]] if str(file) in self._rows else []
            some = own.nsmallest(FIRST_ROWS, "source_line")
            both = pd.concat([*before, some.astype(object)])
            self._rows[str(file)] = both.sort_values("source_line").head(FIRST_ROWS)
        days = pd.DatetimeIndex(rows["day"])
        self._looked.days.update(one.date() for one in days.unique())
        by_centre = pd.Series(days).groupby(rows["centre_id"].astype(object).to_numpy())
        for centre, first, last, size in by_centre.agg(["min", "max", "size"]).itertuples():
            new = Filled(size, first.date(), last.date())
            old = self._looked.centres.setdefault(str(centre), replace(new, rows=0))
            old.rows += new.rows
            old.first_day = min(old.first_day, new.first_day)
            old.last_day = max(old.last_day, new.last_day)

    def _add_rejected(self, rejected: pd.DataFrame) -> None:
        # Rows have thousands of reasons where each names its own value.
        codes, reasons = pd.factorize(rejected["reason"])
        kinds = pd.Series([_kind_of(reason) for reason in reasons], dtype=object)
        named = rejected.assign(kind=kinds.to_numpy()[codes])
        for (file, kind), own in named.groupby(["source_file", "kind"], sort=False):
            place = int(own["source_line"].astype("int64").to_numpy().argmin())
            first = own.iloc[place]
            refusal = self._refusals.setdefault(str(file), {}).setdefault(
                str(kind), Refusal(first["reason"], int(first["source_line"]), {}, 0)
            )
            if refusal.rows == 0 or first["source_line"] < refusal.line:
                refusal.reason, refusal.line = first["reason"], int(first["source_line"])
                refusal.row = json.loads(first["payload"]) if first["payload"] else {}
            refusal.rows += len(own)
        unknown = named[named["kind"].map(code_of).isin(_UNKNOWN)]
        self._looked.unknown.update(str(one) for one in unknown["centre_id"].dropna())

    def looked(self, facts: Callable[[FileForm], Mapping[str, str]]) -> Looked:
        """All that was found."""
        for balance in self._balances:
            form = balance.form
            refusals = sorted(
                self._refusals.get(balance.file, {}).values(), key=lambda one: -one.rows
            )
            for one in refusals:
                one.row = _read_columns(one.row, form)
            of_form = {} if form is None or balance.error is not None else facts(form)
            rows = self._rows.get(balance.file)
            shown = [] if rows is None else [self._shown(row) for row in rows.to_dict("records")]
            self._looked.files.append(LookedFile(balance, of_form, shown, refusals))
        return self._looked

    def _shown(self, row: Mapping[Any, Any]) -> dict[str, Any]:
        """A row as it would be stored, without what is empty; its first moment also as local."""
        shown: dict[str, Any] = {"line": int(row["source_line"])}
        zone = self._zones.get(str(row["centre_id"]))
        is_local_shown = False
        for name, value in row.items():
            if name in ("source_file", "source_line") or pd.isna(value):
                continue
            if isinstance(value, pd.Timestamp) and value.tzinfo is not None:
                shown[str(name)] = f"{value.tz_convert('UTC'):%Y-%m-%d %H:%M:%S} UTC"
                if zone is not None and not is_local_shown and name != "available_at":
                    shown["local"] = f"{value.tz_convert(zone):%Y-%m-%d %H:%M:%S} {zone}"
                    is_local_shown = True
            else:
                is_day = isinstance(value, pd.Timestamp)
                shown[str(name)] = str(value.date()) if is_day else _plain(value)
        return shown


def _plain(value: Any) -> Any:
    """A value of a frame as JSON has it."""
    return value.item() if hasattr(value, "item") else value


def _kind_of(reason: str) -> str:
    """What reasons of one kind share: the code, and the column that the words begin with."""
    code, _, words = reason.partition(":")
    column = words.split(maxsplit=1)[0] if words.split() else ""
    return f"{code}: {column}" if column.isidentifier() else code


def _read_columns(row: Mapping[str, Any], form: FileForm | None) -> dict[str, Any]:
    """A row without the columns that are not read."""
    if form is None or not form.columns:
        return dict(row)
    known = set(form.columns.values())
    return {name: value for name, value in row.items() if name in known or name[:1] == "("}
