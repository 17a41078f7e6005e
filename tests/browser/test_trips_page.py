"""The page Trips as a desk meets it: a real browser, a real server, a real database."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.app.published.parcels import fill, yesterday
from tests.app.published.server import Published
from tests.app.published.trips import fill_trips
from tests.browser.conftest import (
    Served,
    choose,
    choose_language,
    fits_a_phone,
    labelled,
    serving,
    text,
    title_of,
)

pytestmark = pytest.mark.browser

PAGE = "trips"


@pytest.fixture(scope="module")
def served(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """The app over seventy days of trips that were scored until last night."""

    def make(published: Published) -> dict[str, str]:
        fill(published.admin_dsn, yesterday(), days=90, issues=2)
        fill_trips(published.admin_dsn, datetime.now(UTC).date() - timedelta(days=1))
        return {}

    with serving(tmp_path_factory.mktemp("streamlit"), make) as ready:
        yield ready


def test_a_desk_chooses_a_borough_and_reads_it_in_both_languages(
    page: Page, served: Served
) -> None:
    page.goto(f"{served.address}/trips?lang=en")
    everywhere = re.compile(f"^{text(PAGE, 'all_centres')}, ")
    expect(page.get_by_role("heading", name=everywhere)).to_be_visible()
    expect(page.locator(".js-plotly-plot")).to_have_count(3)
    choose(page, labelled(PAGE, "centre"), "Queens")
    page.wait_for_url(re.compile(r"[?&]borough=Queens(&|$)"))
    expect(page.get_by_role("heading", name=re.compile("^Queens, "))).to_be_visible()
    choose_language(page, "fr")
    expect(title_of(page, PAGE, "fr")).to_be_visible()
    expect(page.get_by_role("heading", name=re.compile("^Queens, "))).to_be_visible()
    expect(page.get_by_text(text(PAGE, "models", "fr"))).to_be_visible()


def test_the_file_of_the_busiest_routes_is_the_table_shown(
    page: Page, served: Served, tmp_path: Path
) -> None:
    page.goto(f"{served.address}/trips?lang=en&borough=Queens")
    table = page.locator(".st-key-pairs-table table")
    expect(table).to_be_visible()
    with page.expect_download() as download:
        page.locator(".st-key-pairs-csv button").click()
    path = tmp_path / "pairs.csv"
    download.value.save_as(path)
    rows = list(csv.DictReader(path.open(encoding="utf-8")))
    shown = table.locator("tbody tr")
    expect(shown).to_have_count(len(rows))
    first = shown.first.locator("td")
    assert first.nth(0).inner_text() == rows[0]["pickup"]
    assert first.nth(2).inner_text() == f"{int(rows[0]['trips']):,}"


def test_a_phone_shows_the_page_without_scrolling_sideways(page: Page, served: Served) -> None:
    assert fits_a_phone(page, f"{served.address}/trips?lang=fr", plots=3)
