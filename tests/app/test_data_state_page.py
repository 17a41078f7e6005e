"""The page Data status: what it shows when all is well, and when it is not."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

from streamlit_app import texts
from streamlit_app.data.flows import STALE_DAYS
from streamlit_app.formats import capitalised
from tests.app.conftest import StartApp
from tests.app.published.deliveries import MODEL, fill_deliveries
from tests.app.published.parcels import fill, yesterday
from tests.app.published.server import Published
from tests.app.published.tables import make_tables
from tests.app.published.traffic import fill_traffic, this_hour
from tests.app.published.trips import fill_trips

PAGE = "data_state"


def _word(flow: str, key: str, language: texts.Language = "en") -> str:
    return texts.catalog(flow).text(key, language)


def test_a_platform_that_runs_has_no_faults(
    published: Published, start_app: StartApp, language: str
) -> None:
    app = start_app(PAGE, lang=language)
    assert app.is_well
    assert app.title[0].value == app.view.text("title")
    assert len(app.success) == 2
    assert app.shows("fresh.ok") and app.shows("loads.ok")


def test_the_balance_adds_up_to_the_loads(published: Published, start_app: StartApp) -> None:
    read, stored, quarantined = published.row(
        "select sum(rows_read), sum(rows_stored), sum(rows_quarantined) from published.loads"
    )
    app = start_app(PAGE, lang="en")
    assert app.shows(
        "loads.ok", read=f"{read:,}", stored=f"{stored:,}", quarantined=f"{quarantined:,}"
    )


def test_rows_that_went_nowhere_are_an_error(published: Published, start_app: StartApp) -> None:
    published.change(
        "update published.loads set rows_stored = rows_stored - 1 where load_id = 'load-000'"
    )
    app = start_app(PAGE, lang="en")
    assert len(app.error) == 1 and app.shows("loads.off", count="1")


def test_a_broken_file_is_named_until_it_loads(published: Published, start_app: StartApp) -> None:
    app = start_app(PAGE, lang="en")
    assert app.shows("broken.some")
    assert any("colis_lyon.xlsx" in table.to_string() for table in app.tables())
    published.change(
        "insert into published.loads values"
        " ('parcels', 'again', now() + interval '2 days', 'colis_lyon.xlsx', 5, 5, 0, null)"
    )
    app = start_app(PAGE, lang="en")
    assert not app.shows("broken.some") and app.shows("broken.none")


def test_days_that_lack_refused_rows_are_named_until_they_are_whole(
    published: Published, start_app: StartApp, language: str
) -> None:
    app = start_app(PAGE, lang=language)
    assert app.view.text("part") not in [one.value for one in app.subheader]
    published.change(
        "insert into published.days_not_whole values"
        " ('parcels', '2', '2025-03-04', 1, 0, 11, 'negative_count'),"
        " ('parcels', '1', '2025-03-05', 0, 7, 12, 'wrong_type')"
    )
    app = start_app(PAGE, lang=language)
    assert app.is_well and app.shows("part.some", count="2") and app.shows("part.body")
    (table,) = [one for one in app.tables() if app.heading("reason") in one]
    assert table[app.heading("reason")].tolist() == ["wrong_type", "negative_count"]
    assert table[app.heading("rows_refused")].astype(str).tolist() == ["7", "1"]
    assert "Lyon" in table[app.heading("centre")].iloc[1]


def test_drift_is_named_by_centre_and_quantity(published: Published, start_app: StartApp) -> None:
    app = start_app(PAGE, lang="fr")
    named = f"{_word('parcels', 'measure.parcels', 'fr')} (Lyon \\(Vénissieux\\))"
    assert app.shows("drift.some", what=named)


def test_data_that_stopped_arriving_are_behind(published: Published, start_app: StartApp) -> None:
    fill(published.admin_dsn, yesterday() - timedelta(days=5))
    app = start_app(PAGE, lang="en")
    found = re.search(app.pattern("fresh.old", days=str(STALE_DAYS)), app.shown)
    behind = f"{_word('parcels', 'flow')}, {_word('parcels', 'dataset.actuals')}"
    assert found and behind in found[0]
    assert not app.shows("fresh.ok")


def test_an_empty_platform_has_an_empty_state(published: Published, start_app: StartApp) -> None:
    make_tables(published.admin_dsn)
    app = start_app(PAGE, lang="fr")
    assert app.is_well
    assert [info.value for info in app.info] == [
        app.view.text(key) for key in ("fresh.none", "loads.none", "model.none", "drift.none")
    ]


def test_the_language_goes_along_to_the_next_page(
    published: Published, start_app: StartApp
) -> None:
    app = start_app(lang="fr").open(PAGE)
    assert app.title[0].value == app.view.text("title")
    assert app.query_params["lang"] == "fr"


def test_traffic_is_among_the_flows_and_has_no_streams_unless_counters_publish_live(
    published: Published, start_app: StartApp
) -> None:
    fill_traffic(published.admin_dsn, this_hour())
    app = start_app(PAGE, lang="fr")
    assert app.is_well
    assert "traffic" in set(app.tables()[0][app.heading("flow")])
    assert app.view.text("streams") not in [subheader.value for subheader in app.subheader]
    assert app.shows("fresh.ok") and app.shows("loads.ok")


def test_live_streams_show_their_last_message_and_what_they_stored(
    published: Published, start_app: StartApp
) -> None:
    published.change(
        "insert into published.streams select 'traffic', 'mqtt', 'traffic/' || n || '/count',"
        " 12, 10, 1, 4, now(), now() - n * interval '90 minutes' from generate_series(1, 3) n"
    )
    app = start_app(PAGE, lang="en")
    assert app.is_well
    (row,) = app.table_with("lag").to_dict("records")
    assert row[app.heading("lag")] == app.view.text("age.hour")
    stored = [row[app.heading(f"rows_{name}")] for name in ("stored", "repeated", "quarantined")]
    assert stored == [30, 12, 3]


def test_trips_are_among_the_flows_with_both_of_their_models(
    published: Published, start_app: StartApp
) -> None:
    fill_trips(published.admin_dsn, yesterday(), days=30)
    published.change(
        "insert into published.drift values"
        " ('trips', 'Queens', %s, 'minutes', 0.7, 0.3, 0.2, 0.4, 28, 168, 'drift')",
        yesterday(),
    )
    app = start_app(PAGE, lang="en")
    assert app.is_well
    assert "trips" in set(app.tables()[0][app.heading("flow")])
    for measure in ("default", "planned_distance"):
        name = f"{_word('trips', 'flow')}, {_word('trips', f'measure.{measure}')}"
        assert app.shows_of("trips", "model", series=capitalised(name))
    drifted = f"{_word('trips', 'feature.minutes')} (Queens)"
    assert any(drifted in warning.value for warning in app.warning)


DELIVERIES_MODELS = """
    insert into published.models (flow, measure, candidate, month, model_version, mae, mase,
        coverage_80, trained_rows, train_first, train_last, trained_at)
    values ('deliveries', %s, %s, %s, %s, %s, %s, 0.8, 34291, %s, %s, %s)
"""
MLP = "mlp-2026-11-0e0e0e0e"


def test_deliveries_are_among_the_flows_with_each_of_their_models(
    published: Published, start_app: StartApp
) -> None:
    now = datetime.now(UTC)
    fill_deliveries(published.admin_dsn, now, orders=300, days=60, late=MLP)
    today = now.date()
    for measure, version, mae, mase in (
        ("delay", MODEL, 1.9, 0.654),
        ("late_risk", MLP, None, 0.88),
    ):
        values = (measure, version.split("-")[0], today.replace(day=1), version, mae, mase)
        published.change(DELIVERIES_MODELS, *values, today, today, now)
    app = start_app(PAGE, lang="en")
    assert app.is_well
    assert "deliveries" in set(app.tables()[0][app.heading("flow")])

    def name(measure: str, language: texts.Language = "en") -> str:
        flow = _word("deliveries", "flow", language)
        return capitalised(f"{flow}, {_word('deliveries', f'measure.{measure}', language)}")

    assert app.shows_of("deliveries", "model.delay", series=name("delay"), mae="1.9")
    assert app.shows_of("deliveries", "model.late_risk", series=name("late_risk"), ratio="0.88")
    # Neither a model without a ratio nor one that does as well as the usual rate did better.
    for ratio in (None, 1.0):
        published.change("update published.models set mase = %s where measure = 'late_risk'", ratio)
        app = start_app(PAGE, lang="fr")
        series = name("late_risk", "fr")
        assert app.shows_of("deliveries", "model.late_risk.no_better", series=series, version=MLP)
        assert not app.shows_of("deliveries", "model.late_risk", series=series)


def test_a_flow_that_the_app_has_no_page_for_keeps_its_name_and_its_model(
    published: Published, start_app: StartApp
) -> None:
    published.change("insert into published.centres (centre_id, flow) values ('7', 'returns')")
    published.change(
        "insert into published.freshness values ('returns', 'actuals', %s, now(), 12)", yesterday()
    )
    published.change(
        "insert into published.models (flow, measure, candidate, model_version, trained_rows,"
        " train_first, train_last) values ('returns', 'items', 'lightgbm', 'v-1', 500, %s, %s)",
        *(yesterday(), yesterday()),
    )
    published.change(
        "insert into published.model_use values ('returns', 'items', 'v-1', %s, 14)", yesterday()
    )
    app = start_app(PAGE, lang="en")
    assert app.is_well
    assert "returns" in set(app.tables()[0][app.heading("flow")])
    assert app.shows("model.other", series="Returns, items", version="v-1")
