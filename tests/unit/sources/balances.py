"""What holds of every file of a load, whatever is wrong with it."""

from __future__ import annotations

import json

import pandas as pd

from flow_platform.sources.landing import FileBalance, Landing


def checked_rejects(landing: Landing, file: FileBalance) -> pd.DataFrame:
    """The rejected rows of a file, whose numbers, reasons and error are checked."""
    assert file.rows_read == file.rows_stored + file.rows_quarantined
    assert (landing.rows["source_file"] == file.file).sum() == file.rows_stored
    rejected = landing.rejected[landing.rejected["source_file"] == file.file]
    assert len(rejected) == file.rows_quarantined
    assert rejected["reason"].str.match(r"[a-z_0-9]+: .+").all()
    if file.error is not None:
        assert file.rows_in_file == 0
        assert file.file.split(" [")[0] in file.error
        file.error.encode("utf-8")
    return rejected


def assert_payloads_are_whole(landing: Landing) -> None:
    """Every payload is JSON that PostgreSQL can store."""
    for payload in landing.rejected["payload"]:
        assert "\0" not in payload
        json.loads(payload.encode("utf-8"))
