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
import yaml

from streamlit_app.data import database, flows, series, state
from tests.app.published.parcels import yesterday
from tests.app.published.server import Published
from tests.app.published.tables import TABLES

ROOT = Path(__file__).resolve().parents[2]


def _contract() -> dict[str, set[str]]:
    """The columns of each published view, as dbt declares them."""
    declared = [
        model
        for path in sorted((ROOT / "dbt_project" / "models" / "published").glob("*.yml"))
        for model in yaml.safe_load(path.read_text()).get("models", ())
    ]
    return {
        model["name"].removeprefix("published__"): {column["name"] for column in model["columns"]}
        for model in declared
    }


@pytest.fixture(autouse=True)
def _nothing_kept() -> None:
    database.forget()


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
        "import sys, streamlit_app.blocks.records, streamlit_app.pages_.deliveries.orders;"
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
    rows = series.issue("parcels", "parcels", "1", yesterday())
    stored = published.rows(
        "select prediction, issued_at from published.predictions"
        " where centre_id = '1' and issued_on = %s order by horizon",
        yesterday(),
    )
    assert list(rows["prediction"]) == [row[0] for row in stored]
    assert list(rows["issued_at"]) == [row[1] for row in stored]


def test_a_day_without_a_count_is_nan_in_an_unbroken_row_of_days(published: Published) -> None:
    hole = yesterday() - timedelta(days=4)
    counts = series.actuals("parcels", "parcels", "1", yesterday() - timedelta(days=9), yesterday())
    assert len(counts) == 10
    assert [day.date() for day in counts.index[counts.isna()]] == [hole]


def test_the_compared_days_are_bounded_by_the_newest_count(published: Published) -> None:
    rows = series.forecasts_at_horizon("parcels", "parcels", "1", 14, yesterday())
    assert rows["date"].max().date() == yesterday()
    assert set(rows["horizon"]) == {14}
    assert rows["date"].is_unique


def test_two_centres_of_one_name_can_be_distinguished(published: Published) -> None:
    published.change("update published.centres set name = 'Dépôt' where centre_id in ('1', '2')")
    published.change("update published.centres set name = null where centre_id = '3'")
    labels = flows.centres("parcels").set_index("centre_id")["label"]
    assert labels["1"] == "Dépôt (1)" and labels["2"] == "Dépôt (2)" and labels["3"] == "3"


def test_a_missing_view_is_named(published: Published) -> None:
    published.change("drop table published.loads")
    with pytest.raises(database.NotPublished, match=r"published\.loads"):
        state.load_totals()


def test_a_view_that_is_away_for_a_moment_is_waited_for(
    published: Published, monkeypatch: pytest.MonkeyPatch
) -> None:
    published.change("alter table published.centres rename to away")

    def put_back(_: float) -> None:
        published.change("alter table published.away rename to centres")

    monkeypatch.setattr(database.time, "sleep", put_back)
    assert len(flows.centres("parcels")) == 5


def test_the_flows_are_those_that_have_centres(published: Published) -> None:
    published.change("insert into published.centres (centre_id, flow) values ('x', 'returns')")
    assert flows.flows() == ["parcels", "returns"]


def test_the_model_in_use_is_the_one_that_made_most_of_the_newest_predictions(
    published: Published,
) -> None:
    (used,) = state.models_in_use().to_dict("records")
    assert (used["flow"], used["measure"], used["candidate"]) == ("parcels", "parcels", "lightgbm")
    published.change(
        "insert into published.model_use select flow, measure, model_version, newest_day, 1000"
        " from published.models cross join (select max(newest_day) as newest_day from"
        " published.model_use) n where candidate = 'sarima' order by month desc limit 1"
    )
    database.forget()
    (used,) = state.models_in_use().to_dict("records")
    assert used["candidate"] == "sarima"


@pytest.mark.parametrize("name", sorted(TABLES.keys() & _contract().keys()))
def test_a_made_up_table_has_the_columns_of_the_published_view(name: str) -> None:
    made = [column.split()[0] for column in TABLES[name].split(", ")]
    assert set(made) <= _contract()[name]
