"""A page for a new flow is two files, made from the templates: it is shown, and no other changes.

Each template is filled in with made-up names in a copy of the app, and opened over made-up tables.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from flow_platform.scaffold.new_flow import TEMPLATES
from streamlit_app import texts
from tests.app.published.server import APP, Published

SERIES = {"flow": "returns", "title": "Returns", "measure": "items"}
RECORD = {"flow": "claims", "title": "Claims", "measure": "settlement_days"}

# Parcels as another flow, so that its page has all that a series flow has.
_AS_SERIES = """
    insert into published.centres (centre_id, name, timezone, flow)
        select centre_id, name, timezone, 'returns' from published.centres;
    insert into published.predictions
        select 'returns', 'items', centre_id, target_at, date, horizon, prediction, lower_80,
            upper_80, lower_95, upper_95, issued_at, issued_on, model_version, level
        from published.predictions;
    insert into published.actuals
        select 'returns', 'items', centre_id, target_at, date, value from published.actuals;
    insert into published.explanations
        select 'returns', 'items', centre_id, date, issued_on, prediction, usual, by_calendar,
            by_weather, by_events, by_recent_level, by_trend
        from published.explanations;
    insert into published.coverage
        select 'returns', 'items', cut, key, forecasts, coverage_80, coverage_95, expected_80,
            expected_95, mean_width_80, first_day, last_day
        from published.coverage;
    insert into published.freshness
        select 'returns', dataset, newest_day, newest_at, rows from published.freshness;
"""
_AS_RECORDS = """
    insert into published.centres (centre_id, name, timezone, flow)
        select centre_id, name, timezone, 'claims' from published.centres;
    insert into published.accuracy (flow, measure, centre_id, horizon, first_date, last_date, n,
            mae, bias, coverage_80, mean_actual)
        select 'claims', 'settlement_days', centre_id, 0, current_date - 60, current_date, 500,
            3.21, -0.02, 0.79, 14.5
        from unnest(array['*', '1', '2']) as centre_id;
    insert into published.coverage (flow, measure, cut, key, forecasts, coverage_80, expected_80,
            mean_width_80, first_day, last_day)
        select 'claims', 'settlement_days', cut, key, 500, 0.79, 0.8, 0.4, current_date - 60,
            current_date
        from (values ('overall', ''), ('weekday', '1'), ('weekday', '2'), ('centre', '1'))
            as cuts (cut, key);
    insert into published.freshness values
        ('claims', 'actuals', current_date, now(), 500),
        ('claims', 'predictions', current_date, now(), 500);
    create table published.claims_predictions (claim_id text, predicted_days float8, day date,
        scored_at timestamptz, is_open bool);
    insert into published.claims_predictions values ('c-1', 12.5, current_date, now(), true);
    grant select on published.claims_predictions to flow_dashboard;
"""
_MODELS = """
    insert into published.models (flow, measure, candidate, model_version, mae, wape, coverage_80,
            trained_rows, train_first, train_last)
        values (%(flow)s, %(measure)s, 'lightgbm', 'v-1', 3.2, 0.1, 0.8, 500, current_date,
            current_date);
    insert into published.model_use values (%(flow)s, %(measure)s, 'v-1', current_date, 10);
"""
# Opens pages of the copy in both languages; the copy is first on the path.
_VISIT = """
import json, sys
from streamlit.testing.v1 import AppTest
import streamlit_app

assert streamlit_app.__file__.startswith(sys.argv[1]), streamlit_app.__file__
visits = []
for language in ("fr", "en"):
    for page in sys.argv[2:]:
        app = AppTest.from_file(sys.argv[1] + "/streamlit_app/app.py", default_timeout=60)
        app.query_params["lang"] = language
        app.run()
        app.switch_page(page).run()
        kinds = (app.title, app.subheader, app.markdown, app.caption, app.info, app.html)
        visits.append({
            "language": language,
            "page": page,
            "faults": [fault.value for fault in (*app.exception, *app.error)],
            "titles": [title.value for title in app.title],
            "tables": len(app.table),
            "shown": "\\n".join(str(part.value) for kind in kinds for part in kind),
        })
print(json.dumps(visits))
"""


def rendered(template: str, names: dict[str, str]) -> str:
    """A template with its placeholders filled in; blanks of texts stay as they are."""
    content = (TEMPLATES / template).read_text(encoding="utf-8")
    for placeholder, name in names.items():
        content = content.replace(f"{{{placeholder}}}", name)
    return content


@pytest.fixture
def copied(tmp_path: Path) -> Path:
    """A copy of the app that a test may change."""
    shutil.copytree(
        APP.parent, tmp_path / "streamlit_app", ignore=shutil.ignore_patterns("__pycache__")
    )
    return tmp_path


def _add(copied: Path, kind: str, names: dict[str, str]) -> None:
    app = copied / "streamlit_app"
    page, catalog = app / f"pages_/{names['flow']}.py", app / f"texts/{names['flow']}.toml"
    assert not page.exists() and not catalog.exists()
    page.write_text(
        rendered(f"{kind}/streamlit_app/pages_/{{flow}}.py.txt", names), encoding="utf-8"
    )
    catalog.write_text(
        rendered(f"{kind}/streamlit_app/texts/{{flow}}.toml.txt", names), encoding="utf-8"
    )


def _visit(copied: Path, published: Published, *pages: str) -> list[dict[str, Any]]:
    done = subprocess.run(
        [sys.executable, "-c", _VISIT, str(copied), *pages],
        env={
            **os.environ,
            "PYTHONPATH": str(copied),
            "FLOW_DASHBOARD_DSN": published.dashboard_dsn,
        },
        cwd=copied,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    visits: list[dict[str, Any]] = json.loads(done.stdout.strip().splitlines()[-1])
    assert [visit["faults"] for visit in visits] == [[]] * len(visits)
    return visits


@pytest.mark.parametrize(
    ("kind", "names", "data", "tables"),
    [("series", SERIES, _AS_SERIES, 3), ("record", RECORD, _AS_RECORDS, 3)],
)
def test_a_page_made_from_a_template_is_shown_in_both_languages(
    published: Published,
    copied: Path,
    kind: str,
    names: dict[str, str],
    data: str,
    tables: int,
) -> None:
    _add(copied, kind, names)
    pages = (f"pages_/{names['flow']}.py", "pages_/data_state.py")
    # Without any data of the flow, the page says so.
    for visit in _visit(copied, published, pages[0]):
        assert visit["titles"] == [names["title"]] and visit["tables"] == 0
        assert f"[{names['flow']}]" in visit["shown"]
    published.change(data)
    for statement in _MODELS.split(";")[:-1]:
        values = [names["flow"], names["measure"]]
        published.change(statement.replace("%(flow)s", "%s").replace("%(measure)s", "%s"), *values)
    for visit in _visit(copied, published, *pages):
        if visit["page"] == pages[0]:
            assert visit["titles"] == [names["title"]]
            assert visit["tables"] == tables
        else:
            # The page Data status has the sentence about the model of the flow's own catalog.
            assert f"**{names['title']}, {names['measure']}**".replace("_", r"\_") in visit["shown"]


@pytest.mark.parametrize(("kind", "names"), [("series", SERIES), ("record", RECORD)])
def test_a_template_names_all_that_a_flow_needs(
    tmp_path: Path, kind: str, names: dict[str, str]
) -> None:
    page = tmp_path / f"{names['flow']}.py"
    page.write_text(rendered(f"{kind}/streamlit_app/pages_/{{flow}}.py.txt", names))
    for command in ("check", "format --check"):
        config = str(APP.parents[1] / "pyproject.toml")
        ruff = [str(Path(sys.executable).with_name("ruff")), *command.split(), "--config", config]
        done = subprocess.run([*ruff, str(page)], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout
    catalog = tmp_path / f"{names['flow']}.toml"
    catalog.write_text(rendered(f"{kind}/streamlit_app/texts/{{flow}}.toml.txt", names))
    source = texts.read(catalog)
    assert source.position is not None and set(source.uses) <= set(texts.sources())
    assert texts.FLOW_KEY in source.texts
    own = texts.Catalog(names["flow"], source.texts)
    assert own.model_key(names["measure"], no_better=False) == "model"
    assert f"measure.{names['measure']}" in own
