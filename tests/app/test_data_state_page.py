"""The page Data state: what it says when all is well, and when it is not."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import psycopg
import pytest

from tests.app.conftest import StartApp
from tests.app.deliveries_fixture import MODEL, fill_deliveries
from tests.app.published_fixture import (
    Published,
    fill,
    fill_traffic,
    fill_trips,
    make_tables,
    this_hour,
    yesterday,
)

PAGE = "pages_/data_state.py"


@pytest.mark.parametrize(("language", "title"), [("fr", "État des données"), ("en", "Data state")])
def test_a_platform_that_runs_is_said_to(
    published: Published, start_app: StartApp, language: str, title: str
) -> None:
    app = start_app(PAGE, lang=language)
    assert not app.exception and not app.error
    assert app.title[0].value == title
    assert len(app.success) == 2  # fresh, balanced


def test_the_balance_adds_up_to_the_loads(published: Published, start_app: StartApp) -> None:
    with psycopg.connect(published.dashboard_dsn) as connection:
        read, stored, quarantined = connection.execute(
            "select sum(rows_read), sum(rows_stored), sum(rows_quarantined) from published.loads"
        ).fetchone() or (0, 0, 0)
    words = start_app(PAGE, lang="en").success[1].value
    assert f"{read:,} rows read = {stored:,} stored + {quarantined:,} quarantined" in words


def test_rows_that_went_nowhere_are_an_error(published: Published, start_app: StartApp) -> None:
    with psycopg.connect(published.admin_dsn) as connection:
        connection.execute(
            "update published.loads set rows_stored = rows_stored - 1 where load_id = 'load-000'"
        )
    app = start_app(PAGE, lang="en")
    assert "do not balance in 1 loads" in app.error[0].value


def test_a_broken_file_is_named_until_it_loads(published: Published, start_app: StartApp) -> None:
    app = start_app(PAGE, lang="en")
    assert any("to correct" in warning.value for warning in app.warning)
    assert any("colis_lyon.xlsx" in table.value.to_string() for table in app.table)
    with psycopg.connect(published.admin_dsn) as connection:
        connection.execute(
            "insert into published.loads values"
            " ('parcels', 'again', now() + interval '2 days', 'colis_lyon.xlsx', 5, 5, 0, null)"
        )
    app = start_app(PAGE, lang="en")
    assert not any("to correct" in warning.value for warning in app.warning)


def test_drift_is_named_by_centre_and_quantity(published: Published, start_app: StartApp) -> None:
    app = start_app(PAGE, lang="fr")
    told = [warning.value for warning in app.warning if "Inhabituel" in warning.value]
    assert len(told) == 1 and "Lyon" in told[0] and "colis" in told[0]


def test_data_that_stopped_coming_are_behind(published: Published, start_app: StartApp) -> None:
    fill(published.admin_dsn, yesterday() - timedelta(days=5))
    app = start_app(PAGE, lang="en")
    assert any("behind: parcels, counts" in warning.value for warning in app.warning)


def test_an_empty_platform_has_an_empty_state(published: Published, start_app: StartApp) -> None:
    make_tables(published.admin_dsn)
    app = start_app(PAGE, lang="fr")
    assert not app.exception and not app.error
    assert len(app.info) == 4


def test_the_language_goes_along_to_the_next_page(
    published: Published, start_app: StartApp
) -> None:
    app = start_app(lang="fr")
    app.switch_page(PAGE).run()
    assert app.title[0].value == "État des données"
    assert app.query_params["lang"] == "fr"


def test_traffic_is_among_the_flows_and_has_no_streams_unless_counters_publish_live(
    published: Published, start_app: StartApp
) -> None:
    fill_traffic(published.admin_dsn, this_hour())
    app = start_app(PAGE, lang="fr")
    assert not app.exception and not app.error
    assert "traffic" in set(app.table[0].value["Flux"])
    assert "Flux en direct" not in [subheader.value for subheader in app.subheader]
    assert len(app.success) == 2  # fresh, balanced


def test_live_streams_say_when_they_spoke_last_and_what_they_stored(
    published: Published, start_app: StartApp
) -> None:
    with psycopg.connect(published.admin_dsn) as connection:
        connection.execute(
            "insert into published.streams select 'traffic', 'mqtt', 'traffic/' || n || '/count',"
            " 12, 10, 1, 4, now(), now() - n * interval '90 minutes' from generate_series(1, 3) n"
        )
    app = start_app(PAGE, lang="en")
    assert not app.exception and not app.error
    (row,) = next(t.value for t in app.table if "Ago" in t.value.columns).to_dict("records")
    assert row["Ago"] == "1 hour"
    assert (row["Stored"], row["Repeated"], row["Quarantined"]) == (30, 12, 3)


def test_trips_are_among_the_flows_and_both_models_speak(
    published: Published, start_app: StartApp
) -> None:
    fill_trips(published.admin_dsn, yesterday(), days=30)
    with psycopg.connect(published.admin_dsn) as connection:
        connection.execute(
            "insert into published.drift values"
            " ('trips', 'Queens', %s, 'minutes', 0.7, 0.3, 0.2, 0.4, 28, 168, 'drift')",
            [yesterday()],
        )
    app = start_app(PAGE, lang="en")
    assert not app.exception and not app.error
    assert "trips" in set(app.table[0].value["Flow"])
    said = [element.value for element in app.markdown]
    for model in ("Trips, without planned distance", "Trips, with planned distance"):
        (words,) = [text for text in said if model in text]
        assert "minutes on average" in words and "of trips inside the range" in words
    assert any("duration (Queens)" in warning.value for warning in app.warning)


def test_deliveries_are_among_the_flows_and_each_of_their_models_is_told(
    published: Published, start_app: StartApp
) -> None:
    now = datetime.now(UTC)
    fill_deliveries(published.admin_dsn, now, orders=300, days=60, late="mlp-2026-11-0e0e0e0e")
    with psycopg.connect(published.admin_dsn) as connection:
        for measure, version, mae, mase in (
            ("delay", MODEL, 1.9, 0.654),
            ("late_risk", "mlp-2026-11-0e0e0e0e", None, 0.88),
        ):
            connection.execute(
                "insert into published.models (flow, measure, candidate, month, model_version, mae,"
                " mase, coverage_80, trained_rows, train_first, train_last, trained_at)"
                " values ('deliveries', %s, %s, %s, %s, %s, %s, 0.8, 34291, %s, %s, %s)",
                [
                    *(measure, version.split("-")[0], now.date().replace(day=1), version, mae),
                    *(mase, now.date(), now.date(), now),
                ],
            )
    app = start_app(PAGE, lang="en")
    assert not app.exception and not app.error
    assert "deliveries" in set(app.table[0].value["Flow"])
    said = "\n".join(element.value for element in app.markdown)
    assert "Deliveries, delay when approved" in said and "off by 1.9 days on average" in said
    assert "Deliveries, risk when approved" in said
    assert "is 0.88 times that of the usual rate" in said
    with psycopg.connect(published.admin_dsn) as connection:
        connection.execute("update published.models set mase = null where measure = 'late_risk'")
    app = start_app(PAGE, lang="fr")
    said = "\n".join(element.value for element in app.markdown)
    assert "le taux habituel. Aucun modèle n’a fait mieux" in said
