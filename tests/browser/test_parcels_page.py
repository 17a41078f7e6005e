"""The page Parcels as a manager meets it: a real browser, a real server, a real database."""

from __future__ import annotations

import csv
import re
from datetime import date, timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import psycopg
import pytest
from playwright.sync_api import Page, expect

from streamlit_app.data.series import FORECAST_COLUMNS
from tests.app.published.parcels import yesterday
from tests.app.screen import view_of
from tests.browser.conftest import (
    Served,
    choose,
    choose_language,
    fits_a_phone,
    hosts_asked,
    labelled,
    reached_by_tab,
    text,
    title_of,
)

pytestmark = [pytest.mark.browser, pytest.mark.slow]

PAGE = "parcels"
LYON = "Lyon (Vénissieux)"
# In the order of the file's columns.
STORED = """
    select p.date, p.centre_id, p.horizon, p.prediction, p.lower_80, p.upper_80, p.lower_95,
        p.upper_95, a.value as actual, p.issued_at at time zone 'UTC', p.model_version
    from published.predictions p
    left join published.actuals a using (flow, measure, centre_id, date)
    where p.centre_id = %s and p.issued_on = %s order by p.date
"""


def _stored(served: Served, centre_id: str, issued_on: date) -> list[tuple[Any, ...]]:
    with psycopg.connect(served.published.dashboard_dsn) as connection:
        return connection.execute(STORED, [centre_id, issued_on]).fetchall()


def _asked(page: Page) -> dict[str, str]:
    return {name: values[0] for name, values in parse_qs(urlsplit(page.url).query).items()}


def _wait_for_address(page: Page, name: str, value: str) -> None:
    page.wait_for_url(re.compile(rf"[?&]{name}={re.escape(value)}(&|$)"))


def _drawn(page: Page, name: str, *, chart: int = 0) -> dict[str, float | None]:
    """One drawn trace of a chart: its days and heights, None where nothing is drawn."""
    plot = page.locator(".js-plotly-plot").nth(chart)
    expect(plot.locator(".scatterlayer .trace").first).to_be_attached()
    # Asked until there is one: while the page runs again, a chart is there without its traces.
    pairs = page.wait_for_function(
        """([chart, name]) => {
            const plot = document.querySelectorAll(".js-plotly-plot")[chart];
            const trace = plot?._fullData?.find(trace => trace.name === name);
            if (!trace) return null;
            const heights = Array.from(trace.y, y => Number.isFinite(y) ? y : null);
            const day = x => (typeof x === "number" ? new Date(x).toISOString() : x).slice(0, 10);
            return Array.from(trace.x, day).map((x, i) => [x, heights[i]]);
        }""",
        arg=[chart, name],
    )
    return dict(pairs.json_value())


def test_a_manager_chooses_a_centre_and_an_evening_and_sees_its_curve(
    page: Page, served: Served
) -> None:
    past, view = yesterday() - timedelta(days=10), view_of(PAGE)
    evening = view.long_day(past, year=True)
    page.goto(served.address)
    expect(title_of(page, PAGE)).to_be_visible()
    choose(page, labelled(PAGE, "centre"), LYON)
    _wait_for_address(page, "centre", "2")
    choose(page, labelled(PAGE, "issue"), evening)
    _wait_for_address(page, "date", past.isoformat())
    table = view.text("table", day=evening, centre=LYON)
    expect(page.get_by_text(table, exact=True)).to_be_visible()

    stored = _stored(served, "2", past)
    expect(page.locator(".fp-main")).to_contain_text(view.rounded(stored[0][3]))
    forecast = _drawn(page, text(PAGE, "legend.forecast"))
    assert forecast == {row[0].isoformat(): row[3] for row in stored}
    actual = _drawn(page, text(PAGE, "legend.actual"))
    assert {row[0].isoformat(): row[8] for row in stored}.items() <= actual.items()


def test_a_day_without_a_count_is_a_gap_in_the_curve(page: Page, served: Served) -> None:
    page.goto(f"{served.address}/?lang=en&centre=1")
    hole = (yesterday() - timedelta(days=4)).isoformat()
    assert _drawn(page, text(PAGE, "legend.actual"))[hole] is None
    expect(page.locator(".js-plotly-plot").first).to_contain_text(text(PAGE, "absent"))


def test_the_downloaded_file_is_what_the_database_holds(page: Page, served: Served) -> None:
    past = yesterday() - timedelta(days=6)
    page.goto(f"{served.address}/?lang=en&centre=1&date={past.isoformat()}")
    with page.expect_download() as download:
        page.get_by_role("button", name=text(PAGE, "download.csv")).first.click()
    with download.value.path().open(encoding="utf-8", newline="") as file:
        header, *lines = list(csv.reader(file))
    assert tuple(header) == FORECAST_COLUMNS
    stored = _stored(served, "1", past)
    assert len(lines) == len(stored) == 14
    for line, row in zip(lines, stored, strict=True):
        assert line[:3] == [row[0].isoformat(), row[1], str(row[2])]
        assert [float(text) if text else None for text in line[3:9]] == list(row[3:9])
        assert line[9:] == [f"{row[9]:%Y-%m-%dT%H:%M:%SZ}", row[10]]
    assert "" in [line[8] for line in lines]  # days to come, and one without a count


def test_the_language_is_switched_kept_in_the_address_and_declared(
    page: Page, served: Served
) -> None:
    page.goto(f"{served.address}/?lang=en&centre=1")
    expect(title_of(page, PAGE)).to_be_visible()
    choose_language(page, "fr")
    expect(title_of(page, PAGE, "fr")).to_be_visible()
    _wait_for_address(page, "lang", "fr")
    assert _asked(page)["centre"] == "1"
    expect(page.locator("html")).to_have_attribute("lang", "fr")
    page.reload()
    expect(title_of(page, PAGE, "fr")).to_be_visible()
    expect(page.get_by_role("table").first).to_contain_text(re.compile(r"\d\u202f\d{3}"))
    page.get_by_role("link", name=text("data_state", "title", "fr")).click()
    expect(title_of(page, "data_state", "fr")).to_be_visible()


def test_a_phone_shows_the_page_without_scrolling_sideways(page: Page, served: Served) -> None:
    assert fits_a_phone(page, f"{served.address}/?lang=fr&centre=2", plots=2)


def test_every_choice_is_reached_with_the_keyboard(page: Page, served: Served) -> None:
    page.goto(f"{served.address}/?lang=en&centre=1")
    expect(page.locator(".js-plotly-plot").nth(1)).to_be_visible()
    # Sixty keys take a second: on a busy machine the page would still be growing.
    expect(page.get_by_role("button", name=text(PAGE, "download.csv")).first).to_be_visible()
    wanted = [text(PAGE, key) for key in ("centre", "issue", "horizon", "download.csv")]
    reached = reached_by_tab(page)
    assert [choice for choice in wanted if choice not in reached] == []


def test_the_page_asks_no_other_machine_for_anything(page: Page, served: Served) -> None:
    hosts = hosts_asked(page)
    page.goto(f"{served.address}/?lang=en&centre=1")
    expect(page.locator(".js-plotly-plot").nth(1)).to_be_visible()
    assert hosts == {"127.0.0.1"}


def test_a_database_that_went_away_is_reported_and_is_back_with_one_click(
    page: Page, served: Served
) -> None:
    # An evening that no other test looks at: their answers are kept for half a minute.
    evening = yesterday() - timedelta(days=17)
    page.goto(f"{served.address}/?lang=en&centre=1&date={evening}")
    expect(page.locator(".js-plotly-plot").first).to_be_visible()
    served.server.stop()
    try:
        choose(page, labelled(PAGE, "centre"), "Lille (Lesquin)")
        expect(page.get_by_text(text(PAGE, "down.title"))).to_be_visible()
        expect(page.get_by_text("Traceback")).to_have_count(0)
    finally:
        served.server.start()
    page.get_by_role("button", name=text(PAGE, "retry")).click()
    expect(page.locator(".js-plotly-plot").first).to_be_visible()
    assert _asked(page)["centre"] == "4"
