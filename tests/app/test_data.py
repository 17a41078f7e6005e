"""What the app may read, and what it is made of."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import psycopg
import pytest

from streamlit_app import data
from tests.app.published_fixture import Published, yesterday

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(autouse=True)
def _nothing_kept() -> None:
    data.forget()


def test_the_app_imports_neither_dagster_nor_the_platform() -> None:
    for path in (ROOT / "streamlit_app").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            names = (
                [alias.name for alias in node.names]
                if isinstance(node, ast.Import)
                else [node.module or ""]
                if isinstance(node, ast.ImportFrom)
                else []
            )
            assert not [n for n in names if n.split(".")[0] in {"dagster", "flow_platform"}], path


def test_importing_the_app_loads_neither_dagster_nor_the_platform() -> None:
    code = (
        "import sys, streamlit_app.layout, streamlit_app.charts, streamlit_app.texts;"
        "print([m for m in sys.modules if m.split('.')[0] in ('dagster', 'flow_platform')])"
    )
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    result = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True
    )
    assert result.stdout.strip() == "[]"


@pytest.mark.parametrize(
    "statement",
    [
        "delete from published.predictions",
        "update published.actuals set value = 0",
        "insert into published.centres (centre_id) values ('x')",
        "create table published.mine (x int)",
        "select * from raw.parcels",
    ],
)
def test_the_dashboard_role_can_only_read_what_is_published(
    published: Published, statement: str
) -> None:
    with (
        psycopg.connect(published.dashboard_dsn, autocommit=True) as connection,
        pytest.raises(psycopg.errors.InsufficientPrivilege),
    ):
        connection.execute("set default_transaction_read_only = off")
        connection.execute(statement)


def test_reads_are_as_stored(published: Published) -> None:
    rows = data.issue("parcels", "parcels", "1", yesterday())
    with psycopg.connect(published.dashboard_dsn) as connection:
        stored = connection.execute(
            "select prediction, issued_at from published.predictions"
            " where centre_id = '1' and issued_on = %s order by horizon",
            [yesterday()],
        ).fetchall()
    assert list(rows["prediction"]) == [row[0] for row in stored]
    assert list(rows["issued_at"]) == [row[1] for row in stored]


def test_a_day_without_a_count_is_nan_in_an_unbroken_row_of_days(published: Published) -> None:
    hole = yesterday() - timedelta(days=4)
    series = data.actuals("parcels", "parcels", "1", yesterday() - timedelta(days=9), yesterday())
    assert len(series) == 10
    assert [day.date() for day in series.index[series.isna()]] == [hole]


def test_the_compared_days_are_bounded_by_the_newest_count(published: Published) -> None:
    rows = data.said_at_horizon("parcels", "parcels", "1", 14, yesterday())
    assert rows["date"].max().date() == yesterday()
    assert set(rows["horizon"]) == {14}
    assert rows["date"].is_unique


def test_two_centres_of_one_name_can_be_told_apart(published: Published) -> None:
    with psycopg.connect(published.admin_dsn) as connection:
        connection.execute(
            "update published.centres set name = 'Dépôt' where centre_id in ('1', '2')"
        )
        connection.execute("update published.centres set name = null where centre_id = '3'")
    labels = data.centres("parcels").set_index("centre_id")["label"]
    assert labels["1"] == "Dépôt (1)" and labels["2"] == "Dépôt (2)" and labels["3"] == "3"


def test_a_missing_view_is_named(published: Published) -> None:
    with psycopg.connect(published.admin_dsn) as connection:
        connection.execute("drop table published.loads")
    with pytest.raises(data.NotPublished, match=r"published\.loads"):
        data.load_totals()


def test_a_view_that_is_away_for_a_moment_is_waited_for(
    published: Published, monkeypatch: pytest.MonkeyPatch
) -> None:
    with psycopg.connect(published.admin_dsn) as connection:
        connection.execute("alter table published.centres rename to away")

    def put_back(_: float) -> None:
        with psycopg.connect(published.admin_dsn) as connection:
            connection.execute("alter table published.away rename to centres")

    monkeypatch.setattr(data.time, "sleep", put_back)
    assert len(data.centres("parcels")) == 5
