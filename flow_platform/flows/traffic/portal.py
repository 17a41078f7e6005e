"""The open-data portal of Paris over HTTP: whole days as exports, newer hours page by page.

Syntax as documented for the Opendatasoft Explore API v2.1. Readings are judged in `judging.py`;
storing them and the cursor is in `live/portal.py`.
"""

from __future__ import annotations

import hashlib
import json
import tempfile
import time
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any, BinaryIO, TypeVar

import numpy as np
import pandas as pd
import requests

from flow_platform.flows.traffic import readings
from flow_platform.flows.traffic.clock import Clock
from flow_platform.flows.traffic.counters import Counter, counters_in, in_order
from flow_platform.flows.traffic.judging import Readings, judge
from flow_platform.flows.traffic.layouts import PARIS_TIMEZONE, traffic_layouts
from flow_platform.flows.traffic.options import TrafficSource
from flow_platform.flows.traffic.source import landing_of
from flow_platform.flows.traffic.stamps import stamp_of
from flow_platform.ground.errors import SourceError
from flow_platform.sources.dates import DateForm
from flow_platform.sources.http_retries import LONGEST_WAIT, remedy_of, retrying
from flow_platform.sources.landing import Landing
from flow_platform.sources.reader import read_file
from flow_platform.sources.tables import Table, clean_text, table_of_rows

CREDIT = "Ville de Paris, ODbL"
LICENCE_URL = "https://opendatacommons.org/licenses/odbl/1-0/"

# The most that /records gives at once; further on, its offset ends at 10,000 and is not used.
PAGE_RECORDS = 100
_FIELDS = ("iu_ac", "libelle", "t_1h", "q", "k", "etat_barre", "geo_point_2d")
# With more counters than this the address would grow too long: all are asked, and some are left.
_MOST_IDS = 60
_CHUNK_BYTES = 1 << 18
# Answers have offsets, as they are asked for; without one a moment is local time of Paris.
_CLOCK = Clock(PARIS_TIMEZONE)
_BOM = b"\xef\xbb\xbf"

_Read = TypeVar("_Read")


@dataclass(frozen=True)
class PortalLanding(Landing):
    """Readings of the portal, and the `counters` that they name."""

    counters: tuple[Counter, ...]


@dataclass(frozen=True)
class Page(PortalLanding):
    """Whole hours of the portal: `cursor` is the last of them, where the next page goes on.

    Storing a page and its cursor in one transaction loses no hour and stores none twice.
    """

    cursor: datetime


class _CutOffError(Exception):
    """An answer that broke off; the message says how."""


# -- asking --------------------------------------------------------------------------------------


def _moment(at: datetime) -> str:
    """A moment as a literal of the query language, with its offset: no portal's zone is guessed."""
    return f"date'{at.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}'"


def _reason(response: requests.Response) -> str:
    text = response.text[:300]
    try:
        body = response.json()
        text = str(body.get("message", text))[:300] if isinstance(body, dict) else text
    except ValueError:
        pass
    return clean_text(" ".join(text.split())) or "no explanation"


class _Client:
    """Asks one data set of the portal."""

    def __init__(self, config: TrafficSource) -> None:
        self.config = config
        self.url = str(config.dataset_url).rstrip("/")
        self._session = retrying(requests.Session(), config)

    def __enter__(self) -> _Client:
        return self

    def __exit__(self, *_: object) -> None:
        self._session.close()

    def ask(
        self, service: str, query: dict[str, Any], read: Callable[[requests.Response], _Read]
    ) -> _Read:
        """The answer to a request, read by `read`; an answer that breaks off is requested again.

        Raises SourceError if the portal refuses, stays busy or cannot be reached.
        """
        url = f"{self.url}/{service}"
        cut = ""
        for number in range(self.config.retries + 1):
            if number:
                time.sleep(min(self.config.back_off_seconds * 2 ** (number - 1), LONGEST_WAIT))
            try:
                response = self._session.get(
                    url, params=query, timeout=self.config.timeout_seconds, stream=True
                )
            except requests.RequestException as error:
                raise SourceError(
                    f"The portal {url} does not answer ({type(error).__name__}). Look at the"
                    " network and at dataset_url in sources.toml, then run again."
                ) from error
            with response:
                try:
                    if response.status_code != 200:
                        raise _refusal(url, response)
                    return read(response)
                except (_CutOffError, requests.RequestException) as error:
                    cut = f"{type(error).__name__}: {error}"[:200]
        raise SourceError(
            f"The portal {url} breaks off its answers ({clean_text(cut)}),"
            f" {self.config.retries + 1} times in a row. Run again later; raise timeout_seconds in"
            " sources.toml if it is slow."
        )

    def export(self, where: str, target: BinaryIO) -> bool:
        """Write a CSV export into the open file `target`; False if it has not even a header."""

        def read(response: requests.Response) -> bool:
            target.seek(0)
            target.truncate()
            last = b""
            for chunk in response.iter_content(_CHUNK_BYTES):
                target.write(chunk)
                last = chunk or last
            target.flush()
            target.seek(0)
            is_empty = target.read(len(_BOM) + 1) in (b"", _BOM)
            # Without a length, only a line that breaks off shows that an answer was cut.
            if not last.endswith(b"\n") and not (is_empty and _is_delimited(response)):
                raise _CutOffError("the export does not end with a whole line")
            return not is_empty

        query = {
            "where": where,
            "select": ",".join(_FIELDS),
            "delimiter": ";",
            "with_bom": "true",
            "timezone": "UTC",
        }
        return self.ask("exports/csv", query, read)

    def page(self, where: str) -> list[dict[str, Any]]:
        """The first records, oldest hours first."""
        query = {
            "where": where,
            "select": ",".join(_FIELDS),
            "order_by": "t_1h,iu_ac",
            "limit": PAGE_RECORDS,
            "timezone": "UTC",
        }
        answer = self.ask("records", query, _json)
        results = answer.get("results") if isinstance(answer, dict) else None
        return self._records(results, "records")

    def hour(self, at: datetime) -> list[dict[str, Any]]:
        """Every record of one hour."""
        query = {
            "where": f"t_1h = {_moment(at)}",
            "select": ",".join(_FIELDS),
            "timezone": "UTC",
        }
        return self._records(self.ask("exports/json", query, _json), "exports/json")

    def _records(self, found: Any, service: str) -> list[dict[str, Any]]:
        if not isinstance(found, list) or not all(isinstance(one, dict) for one in found):
            raise SourceError(
                f"The portal {self.url}/{service} answers without a list of records. Look whether"
                " dataset_url in sources.toml is a data set of an Explore API v2.1."
            )
        return found


def _is_delimited(response: requests.Response) -> bool:
    headers = response.headers
    return "Content-Length" in headers or "chunked" in headers.get("Transfer-Encoding", "").lower()


def _json(response: requests.Response) -> Any:
    try:
        return json.loads(response.content)
    except (ValueError, RecursionError) as error:
        # Half an answer without a length reads as damaged JSON.
        raise _CutOffError("the answer is not JSON") from error


def _refusal(url: str, response: requests.Response) -> SourceError:
    moved = "Correct dataset_url in sources.toml if the data set has moved."
    remedy = remedy_of(response, "portal", moved)
    status = f"HTTP {response.status_code}, {_reason(response)}"
    return SourceError(f"The portal {url} refuses: {status}. {remedy}")


# -- whole days ----------------------------------------------------------------------------------


def _months(first_day: date, last_day: date) -> Iterator[tuple[date, date]]:
    while first_day <= last_day:
        next_month = (first_day.replace(day=1) + timedelta(days=32)).replace(day=1)
        yield first_day, min(next_month - timedelta(days=1), last_day)
        first_day = next_month


def _of_counters(centre_ids: Collection[str] | None) -> str:
    """The condition for some counters; none where it cannot be written, or would be too long."""
    if centre_ids is None or len(centre_ids) > _MOST_IDS:
        return ""
    ids = sorted(set(centre_ids))
    if not ids or not all(one.isascii() and one.isalnum() for one in ids):
        return ""
    return f" AND iu_ac IN ({','.join(repr(one) for one in ids)})"


def fetch_readings(
    config: TrafficSource,
    first_day: date,
    last_day: date,
    centre_ids: Collection[str] | None,
    *,
    now: datetime,
) -> PortalLanding:
    """The readings of whole UTC days, of some counters or (None) of all; rows as READING_COLUMNS.

    Each calendar month is one export, and one entry in `files`. `now` (aware) decides which hours
    are still in the future.

    Raises SourceError where the portal does not give all of it.
    """
    reading = _as_written(config)
    form = DateForm.of(reading.date_format)
    parts: list[tuple[str, Readings]] = []
    found: dict[str, tuple[Counter, str]] = {}
    with _Client(config) as client, tempfile.TemporaryDirectory(prefix="flow-portal-") as folder:
        path = Path(folder) / "export.csv"
        for first, last in _months(first_day, last_day):
            file = f"{client.url}/exports/csv [{first:%Y-%m}]"
            begin, end = (
                datetime(day.year, day.month, day.day, tzinfo=UTC)
                for day in (first, last + timedelta(days=1))
            )
            where = f"t_1h >= {_moment(begin)} AND t_1h < {_moment(end)}"
            with path.open("w+b") as target:
                filled = client.export(where + _of_counters(centre_ids), target)
            table = _exported(path, reading, file) if filled else _table([], reading)
            _note(found, counters_in(table, reading))
            parts.append((file, judge(file, table, reading, None, now, _CLOCK, form)))
    landing = landing_of(parts, config, first_day, last_day, centre_ids)
    counters = in_order(counter for counter, _ in found.values())
    return PortalLanding(_identified(landing.rows), landing.rejected, landing.files, counters)


def published_readings(
    config: TrafficSource, since: datetime, until: datetime, *, now: datetime
) -> dict[str, datetime]:
    """The hours of all readings that the portal has after `since`, up to and with `until`, by id.

    Moments are aware. Raises SourceError where the portal does not give all of them.
    """
    first, last = since.astimezone(UTC).date(), until.astimezone(UTC).date()
    rows = fetch_readings(config, first, last, None, now=now).rows
    wanted = rows[(rows["counted_at"] > since) & (rows["counted_at"] <= until)]
    hours = (hour.to_pydatetime() for hour in wanted["counted_at"])
    return dict(zip(wanted["event_id"], hours, strict=True))


def _identified(rows: pd.DataFrame) -> pd.DataFrame:
    """Readings with an event_id made of their content: the portal gives none.

    The same reading asked for twice, by day and by hour, is one; a corrected one is another.
    """
    hours = pd.DatetimeIndex(rows["counted_at"]).as_unit("us").asi8
    content = zip(
        rows["centre_id"], hours, rows["vehicles"], rows["occupancy"], rows["state"], strict=True
    )
    return rows.assign(
        event_id=[
            "portal:"
            + hashlib.blake2b("|".join(map(str, row)).encode(), digest_size=12).hexdigest()
            for row in content
        ]
    )


def _as_written(config: TrafficSource) -> TrafficSource:
    """The source, with numbers and separators as this module asks the portal to write them."""
    written = {"separator": ";", "decimal": ".", "encoding": None, "values": None}
    return config.model_copy(update=written)


def _exported(path: Path, config: TrafficSource, file: str) -> Table:
    (_, table), *_ = read_file(path, config, traffic_layouts(config))
    if isinstance(table, Table):
        return table
    raise SourceError(f"The portal's answer {file} {table}")


def _note(found: dict[str, tuple[Counter, str]], named: dict[str, tuple[Counter, str]]) -> None:
    """Keep the newest name and place of each counter."""
    for centre_id, (counter, newest) in named.items():
        if centre_id not in found or newest >= found[centre_id][1]:
            found[centre_id] = (counter, newest)


# -- newer hours ---------------------------------------------------------------------------------


def fetch_since(config: TrafficSource, cursor: datetime, *, now: datetime) -> Iterator[Page]:
    """The hours after `cursor` that are over at `now` (both aware), oldest first, as pages.

    A page has whole hours, and moves the cursor to its last one. The portal is asked for what is
    after the cursor, never for an offset, so that rows that appear or go between two requests shift
    nothing. It compares texts for equality alone, so a cursor cannot be between two counters of an
    hour: an hour that fills a page is fetched whole, as an export. A reading that is published
    after others of its hour is not seen again; `fetch_readings` of its day has it.

    Raises SourceError where the portal does not answer as documented.
    """
    latest = now + readings.CLOCK_TOLERANCE
    config = _as_written(config)
    with _Client(config) as client:
        while True:
            # A stamp far ahead must not carry the cursor past all hours before it.
            where = f"t_1h > {_moment(cursor)} AND t_1h <= {_moment(latest)}"
            records = client.page(where)
            if not records:
                return
            hours = [_hour(record, config, now) for record in records]
            known = sorted({hour for hour in hours if hour is not None})
            if not known or known[0] <= cursor or known[-1] > latest:
                raise SourceError(
                    f"The portal {client.url}/records answers with other hours than those after"
                    f" {cursor:%Y-%m-%d %H:%M %z}. Look whether dataset_url in sources.toml has a"
                    " field t_1h of date and time."
                )
            is_last = len(records) < PAGE_RECORDS
            service = "records"
            if not is_last and len(known) > 1:
                # The last hour may continue on the next page, which begins with it.
                pairs = zip(records, hours, strict=True)
                records = [record for record, hour in pairs if hour != known[-1]]
                known.pop()
            elif not is_last:
                records, service = client.hour(known[0]), "exports/json"
            cursor = known[-1]
            yield _page(f"{client.url}/{service}", records, config, cursor, now)
            if is_last:
                return


def _hour(record: dict[str, Any], config: TrafficSource, now: datetime) -> datetime | None:
    names = {header["counted_at"] for header in traffic_layouts(config).headers}
    value = next((record[name] for name in names if record.get(name) is not None), None)
    at = stamp_of(value, DateForm.of(config.date_format), now, PARIS_TIMEZONE).at
    return None if np.isnat(at) else at.astype(datetime).replace(tzinfo=UTC)


def _page(
    file: str, records: list[dict[str, Any]], config: TrafficSource, cursor: datetime, now: datetime
) -> Page:
    table = _table(records, config)
    days = (date(1970, 1, 1), date(9999, 12, 30))
    judged = judge(file, table, config, None, now, _CLOCK, DateForm.of(config.date_format))
    landing = landing_of([(file, judged)], config, *days, None)
    counters = in_order(counter for counter, _ in counters_in(table, config).values())
    return Page(_identified(landing.rows), landing.rejected, landing.files, counters, cursor)


def _table(records: Sequence[dict[str, Any]], config: TrafficSource) -> Table:
    """JSON records as a table; the lines are the places of the records."""
    names = list(dict.fromkeys([*_FIELDS, *(name for record in records for name in record)]))
    rows = [[record.get(name) for name in names] for record in records]
    header = traffic_layouts(config).header_in(names)
    return table_of_rows(names, rows, range(1, len(rows) + 1), [], header)
