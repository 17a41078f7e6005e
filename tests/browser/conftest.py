"""Chromium and the app as `streamlit run` serves it, on a published database of their own.

What each test expects is in the test modules; how the database is made, in tests/app.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import (
    Browser,
    BrowserContext,
    Locator,
    Page,
    expect,
    sync_playwright,
)

from streamlit_app.formats import LANGUAGE_NAMES
from streamlit_app.texts import Language
from tests.app.published.parcels import fill, yesterday
from tests.app.published.server import Published, Server, running_app
from tests.app.screen import view_of

CHROMIUM = Path("/usr/bin/chromium")
# Nothing but the page itself may go over the network.
OPTIONS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
WAIT_MS = 30_000
expect.set_options(timeout=WAIT_MS)


class Served(NamedTuple):
    """The app's address, the database behind it, and the server that can be stopped."""

    address: str
    published: Published
    server: Server


@contextmanager
def serving(folder: Path, make: Callable[[Published], dict[str, str]]) -> Iterator[Served]:
    """The app over the tables that `make` fills; `make` returns more of the app's environment."""
    server = Server()
    try:
        published = server.start()
        given = make(published)
        with running_app(published.dashboard_dsn, folder / "streamlit.log", **given) as address:
            yield Served(address, published, server)
    finally:
        server.remove()


# Of a module, not of the session: as long as Playwright runs, so does an event loop in this thread,
# and other tests could not start theirs.
@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    if not CHROMIUM.exists():
        reason = f"No browser: {CHROMIUM} is missing (apt-get install chromium)."
        if os.environ.get("CI") == "true":
            pytest.fail(f"{reason} In CI these tests must run.")
        pytest.skip(reason)
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=list(OPTIONS))
        yield chromium
        chromium.close()


@pytest.fixture(scope="module")
def served(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """The app over the forecasts of a platform that ran as it should until last night."""

    def make(published: Published) -> dict[str, str]:
        fill(published.admin_dsn, yesterday())
        return {}

    with serving(tmp_path_factory.mktemp("streamlit"), make) as ready:
        yield ready


# One for the module: what a window has loaded of Plotly, the next need not load again.
@pytest.fixture(scope="module")
def desk(browser: Browser) -> Iterator[BrowserContext]:
    """An English reader's browser, with a window as wide as a desk's screen."""
    context = browser.new_context(
        locale="en-GB", viewport={"width": 1280, "height": 900}, accept_downloads=True
    )
    context.set_default_timeout(WAIT_MS)
    yield context
    context.close()


@pytest.fixture
def page(desk: BrowserContext) -> Iterator[Page]:
    """A new window: to the app, a new session."""
    window = desk.new_page()
    yield window
    window.close()


def text(page: str, key: str, language: Language = "en", **values: str) -> str:
    """A text of a page as it is on the screen."""
    return view_of(page, language).text(key, **values)


def labelled(page: str, key: str, language: Language = "en") -> re.Pattern[str]:
    """What the accessible name of a box begins with or contains."""
    return re.compile(re.escape(text(page, key, language)))


def choose_language(page: Page, language: Language) -> None:
    """Use the language switch."""
    name = LANGUAGE_NAMES[language]
    page.get_by_role("radio", name=name).or_(page.get_by_role("button", name=name)).first.click()


def choose(page: Page, label: re.Pattern[str], option: str) -> None:
    """Type into a select box until one option is left, and take it."""
    box = page.get_by_role("combobox", name=label)
    box.click()
    box.fill(option)
    page.get_by_role("option", name=option).first.click()


def title_of(page: Page, name: str, language: Language = "en") -> Locator:
    """The title of one of the app's pages."""
    return page.get_by_role("heading", name=text(name, "title", language), exact=True)


def fits_the_width(page: Page) -> bool:
    """Whether nothing is wider than the window."""
    main = page.get_by_test_id("stMain")
    return bool(main.evaluate("main => main.scrollWidth <= main.clientWidth"))


def fits_a_phone(page: Page, address: str, plots: int) -> bool:
    """Whether a page with so many plots needs no sideways scrolling on a telephone."""
    page.set_viewport_size({"width": 390, "height": 844})
    page.goto(address)
    expect(page.locator(".js-plotly-plot").nth(plots - 1)).to_be_visible()
    return fits_the_width(page)


def hosts_asked(page: Page) -> set[str]:
    """The hosts that the page asks for anything from now on."""
    hosts: set[str] = set()
    page.on("request", lambda request: hosts.add(urlsplit(request.url).hostname or "127.0.0.1"))
    return hosts


def reached_by_tab(page: Page, until: str = "") -> str:
    """The names of what the keyboard reaches in sixty steps, or until one of them is reached."""
    reached = ""
    for _ in range(60):
        page.keyboard.press("Tab")
        reached += page.evaluate(
            "(document.activeElement.ariaLabel || '') + document.activeElement.innerText + '|'"
        )
        if until and until in reached:
            break
    return reached
