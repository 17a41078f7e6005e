"""Writes what a source gave into `raw`, with every row accounted for. Shared by all flows.

How a source is read is in the flow's package; here rows are replaced, and rejects and balances are
recorded.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

import pandas as pd
import psycopg

from flow_platform.flows.catalogue import flow_named
from flow_platform.flows.kinds import RecordFlow
from flow_platform.ground.rectangle import Rectangle
from flow_platform.ground.roles import INGEST_ROLE
from flow_platform.parts import parts_of
from flow_platform.platform import Platform
from flow_platform.sources.judging import commonest_reason
from flow_platform.sources.landing import FileBalance, Landing
from flow_platform.sources.whole_days import Limits, NotWhole, Refused, days_not_whole, stored_rows
from flow_platform.stages.readings import prepare_readings
from flow_platform.warehouse.store import copy_rows


@dataclass(frozen=True)
class Balance:
    """Rows of one landing: read = stored + quarantined, and the files that could not be read.

    `files` are the balances of each file. `classes` counts the stored rows by class, in flows whose
    rows have one; `rejected` the rejects by the code of their reason; `reasons` has the commonest
    reason of each file, where it is known. `warnings` say what the source did not have yet.
    `days_not_whole` counts the centres and days that lack refused rows.
    """

    rows_read: int
    rows_stored: int
    rows_quarantined: int
    rows_left: int
    rows_repeated: int
    broken_files: tuple[str, ...]
    empty_partitions: int
    classes: dict[str, int] = field(default_factory=dict)
    rejected: dict[str, int] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()
    files: tuple[FileBalance, ...] = ()
    reasons: dict[str, str] = field(default_factory=dict)
    days_not_whole: int = 0

    @property
    def rows_in_files(self) -> int:
        """Every row of the files that were opened."""
        return self.rows_read + self.rows_left + self.rows_repeated


def load_rows(platform: Platform, flow: str, rectangle: Rectangle, landing: Landing) -> Balance:
    """Replace the rows of a rectangle in `raw.<flow>`, and record what became of every row.

    Rows that cannot be used go to `ops.quarantine`, whole. A row there that its file no longer has
    in that form is marked as repaired by the next load of its partition.
    """
    warnings = prepare_readings(platform, flow, rectangle, landing.files)
    if not landing.is_refused:
        platform.store(INGEST_ROLE).replace(f"raw.{flow}", landing.rows, rectangle)
    lacking = record_landing(platform, flow, rectangle, landing)
    filled = landing.rows[["centre_id", "day"]].drop_duplicates()
    empty = len(rectangle) - len(filled)
    found = balance_of(landing.files, empty, rejected=landing.rejected, lacking=lacking)
    return replace(found, warnings=warnings)


def balance_of(
    files: Sequence[FileBalance],
    empty_partitions: int,
    classes: dict[str, int] | None = None,
    rejected: pd.DataFrame | None = None,
    lacking: NotWhole | None = None,
) -> Balance:
    """The balance of a landing: its files' added up. `rejected` are its rejects, `lacking` the days
    that lack them."""
    codes: dict[str, int] = {}
    reasons: dict[str, str] = {}
    if rejected is not None and len(rejected):
        named = rejected["reason"].str.partition(":")[0].value_counts().sort_index()
        codes = {str(code): int(count) for code, count in named.items()}
        counts = rejected[["source_file", "reason"]].assign(rows=1)
        of_file = commonest_reason(counts, ["source_file"])
        reasons = {str(file): str(reason) for file, reason in of_file.items()}
    return Balance(
        rows_read=sum(file.rows_read for file in files),
        rows_stored=sum(file.rows_stored for file in files),
        rows_quarantined=sum(file.rows_quarantined for file in files),
        rows_left=sum(file.rows_left for file in files),
        rows_repeated=sum(file.rows_repeated for file in files),
        broken_files=tuple(file.error for file in files if file.error),
        empty_partitions=empty_partitions,
        classes=classes or {},
        rejected=codes,
        files=tuple(files),
        reasons=reasons,
        days_not_whole=0 if lacking is None else len(lacking.days),
    )


def record_landing(
    platform: Platform, flow: str, rectangle: Rectangle, landing: Landing
) -> NotWhole:
    """Record the balance of each file of a load, its rejected rows and the days that lack them.

    Returns these days.
    """
    readable = [file.file for file in landing.files if file.error is None]
    refused = Refused()
    refused.add(landing.rejected)
    # Most loads refuse nothing: their rows need not be counted.
    stored = [stored_rows(landing.rows)] if refused else []
    lacking = not_whole(platform, flow, rectangle, refused, stored, landing.files)
    with platform.store(INGEST_ROLE).connect() as connection, connection.cursor() as cursor:
        is_refused = landing.is_refused
        record_loads(cursor, flow, rectangle, landing.files, lacking, is_refused=is_refused)
        record_rejects(cursor, flow, rectangle, landing.rejected, readable)
    return lacking


def not_whole(
    platform: Platform,
    flow: str,
    rectangle: Rectangle,
    refused: Refused,
    stored: Sequence[pd.DataFrame],
    files: Sequence[FileBalance],
) -> NotWhole:
    """The centres and days of a load that lack rows, by the rule of `sources/whole_days.py`.

    A count adds up all rows of its day, so that any refused one makes it too small. A record is
    whole by itself: a day of records is in doubt from the share on that `rows_kept` warns of.
    """
    if not refused:
        return NotWhole.none()
    named = flow_named(flow)
    most = parts_of(named).raw.most_rejected
    return days_not_whole(
        refused,
        stored,
        {file.file: file.rows_in_file for file in files},
        rectangle,
        platform.centre_ids_of(named),
        Limits(most if isinstance(named, RecordFlow) else 0.0, most),
    )


def record_loads(
    cursor: psycopg.Cursor,
    flow: str,
    rectangle: Rectangle,
    files: Sequence[FileBalance],
    lacking: NotWhole | None = None,
    *,
    is_refused: bool = False,
) -> None:
    """Write one row a file of what became of its rows, and replace the marks of the rectangle.

    `lacking` are the centres and days that are not whole; None where no row was refused. Rows of
    files that are there no more go, unless the source was refused as a whole: what was stored of
    them is still there, and so are the marks.
    """
    lacking = lacking or NotWhole.none()
    if not is_refused:
        _mark_days(cursor, flow, rectangle, lacking)
    # Named by what was asked for: loading the same again replaces its own record.
    load_id = hashlib.sha256(
        "|".join(
            [flow, *rectangle.centres, str(rectangle.first_day), str(rectangle.last_day)]
        ).encode()
    ).hexdigest()[:16]
    loads = pd.DataFrame(
        [
            {
                "load_id": load_id,
                "flow": flow,
                "file": file.file,
                "first_day": rectangle.first_day,
                "last_day": rectangle.last_day,
                "rows_in_file": file.rows_in_file,
                "rows_read": file.rows_read,
                "rows_stored": file.rows_stored,
                "rows_quarantined": file.rows_quarantined,
                "rows_left": file.rows_left,
                "rows_repeated": file.rows_repeated,
                "error": file.error,
                "encoding": file.encoding,
                "days_not_whole": lacking.by_file.get(file.file, 0),
                "dates": file.dates,
            }
            for file in files
        ]
    )
    cursor.execute(
        "create temporary table new_loads (like ops.loads including defaults) on commit drop"
    )
    copy_rows(cursor, "new_loads", loads)
    # An unchanged load keeps its time: running again must leave the same rows.
    cursor.execute(
        """
        delete from ops.loads
        where load_id = %(load)s and file not in (select file from new_loads)
          and not %(is_refused)s
        """,
        {"load": load_id, "is_refused": is_refused},
    )
    cursor.execute(
        """
        insert into ops.loads select * from new_loads
        on conflict (load_id, flow, file) do update set
            loaded_at = excluded.loaded_at, rows_in_file = excluded.rows_in_file,
            rows_read = excluded.rows_read, rows_stored = excluded.rows_stored,
            rows_quarantined = excluded.rows_quarantined, rows_left = excluded.rows_left,
            rows_repeated = excluded.rows_repeated, error = excluded.error,
            encoding = excluded.encoding, days_not_whole = excluded.days_not_whole,
            dates = excluded.dates
        where (ops.loads.rows_in_file, ops.loads.rows_read, ops.loads.rows_stored,
               ops.loads.rows_quarantined, ops.loads.rows_repeated, ops.loads.error,
               ops.loads.encoding, ops.loads.days_not_whole, ops.loads.dates)
            is distinct from (excluded.rows_in_file, excluded.rows_read, excluded.rows_stored,
               excluded.rows_quarantined, excluded.rows_repeated, excluded.error,
               excluded.encoding, excluded.days_not_whole, excluded.dates)
        """
    )


def _mark_days(cursor: psycopg.Cursor, flow: str, rectangle: Rectangle, lacking: NotWhole) -> None:
    """Replace the marks of a rectangle: a day is as whole as its newest load."""
    cursor.execute(
        "delete from ops.days_not_whole where flow = %(flow)s and centre_id = any(%(centres)s)"
        " and day between %(first)s and %(last)s",
        {"flow": flow, **rectangle.window},
    )
    copy_rows(cursor, "ops.days_not_whole", lacking.days.assign(flow=flow))


def record_rejects(
    cursor: psycopg.Cursor,
    flow: str,
    rectangle: Rectangle,
    rejected: pd.DataFrame | Iterable[pd.DataFrame],
    files: Sequence[str],
) -> None:
    """Keep the rejects of whole `files`; those there that are rejects no more are repaired.

    `rejected`, a frame or the parts of one, may say by which digest a row is known, where its
    payload is another each time.
    """
    if isinstance(rejected, pd.DataFrame):
        if not files and rejected.empty:
            return
        rejected = [rejected]
    cursor.execute(
        "create temporary table new_rejects (like ops.quarantine including defaults) on commit drop"
    )
    for part in rejected:
        copy_rows(cursor, "new_rejects", _with_digests(part).assign(flow=flow))
    # Without statistics the planner would compare every row with every other.
    cursor.execute("analyze new_rejects")
    cursor.execute(
        """
        insert into ops.quarantine select * from new_rejects
        on conflict (flow, source_file, source_line, payload_sha256) do update
            set reason = excluded.reason, state = 'open'
        where ops.quarantine.reason <> excluded.reason or ops.quarantine.state <> 'open'
        """
    )
    cursor.execute(
        """
        update ops.quarantine as old set state = 'repaired'
        where flow = %(flow)s and state = 'open'
          and source_file = any(%(files)s)
          and (day is null or day between %(first)s and %(last)s)
          and (centre_id is null or centre_id = any(%(centres)s))
          and not exists (
              select from new_rejects as new
              where new.source_file = old.source_file and new.source_line = old.source_line
                and new.payload_sha256 = old.payload_sha256)
        """,
        {
            "flow": flow,
            "files": list(files),
            "first": rectangle.first_day,
            "last": rectangle.last_day,
            "centres": list(rectangle.centres),
        },
    )


def _with_digests(rejected: pd.DataFrame) -> pd.DataFrame:
    if "payload_sha256" in rejected:
        return rejected
    digests = [hashlib.sha256(payload.encode()).hexdigest() for payload in rejected["payload"]]
    return rejected.assign(payload_sha256=digests)
