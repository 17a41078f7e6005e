"""One server for the whole session, and the app started over for each test."""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any, cast

import pytest
import streamlit as st

from streamlit_app import texts
from streamlit_app.data import database
from streamlit_app.pages_.deliveries import desk
from tests.app.published.deliveries import desk_dsn, fill_deliveries
from tests.app.published.parcels import fill, yesterday
from tests.app.published.server import Published, Server
from tests.app.screen import Screen

StartApp = Callable[..., Screen]


@pytest.fixture(params=texts.LANGUAGES)
def language(request: pytest.FixtureRequest) -> texts.Language:
    """Each language of the app, one after the other."""
    return cast(texts.Language, request.param)


def pytest_itemcollected(item: pytest.Item) -> None:
    """A test that needs the server is an integration test."""
    if "running" in getattr(item, "fixturenames", ()):
        item.add_marker(pytest.mark.integration)


@pytest.fixture(scope="module", autouse=True)
def no_rubbish_of_others() -> None:
    """What earlier tests of the worker left is collected here, in the thread that made it.

    Streamlit compiles a page in a thread of its own. Where that sets off the collector, and a
    finaliser logs a traceback, CPython 3.11's compiler is entered twice and fails with "AST
    constructor recursion depth mismatch": SQLite connections that a test had left open did that.
    """
    gc.collect()


@pytest.fixture(scope="session")
def server() -> Iterator[Server]:
    made = Server()
    try:
        yield made
    finally:
        made.remove()


@pytest.fixture(scope="session")
def running(server: Server) -> Published:
    return server.start()


@pytest.fixture
def published(running: Published, monkeypatch: pytest.MonkeyPatch) -> Published:
    """The database of a platform that ran as it should until last night."""
    fill(running.admin_dsn, yesterday())
    monkeypatch.setenv("FLOW_DASHBOARD_DSN", running.dashboard_dsn)
    return running


@pytest.fixture
def orders(published: Published, monkeypatch: pytest.MonkeyPatch) -> Published:
    """A platform that followed some sixty orders until a few minutes ago."""
    fill_deliveries(published.admin_dsn, datetime.now(UTC))
    monkeypatch.setenv(desk.DSN_VARIABLE, desk_dsn(published))
    return published


@pytest.fixture
def start_app() -> StartApp:
    """Opens the app at a page and an address: `start_app("trips", lang="fr", borough="Queens")`."""

    def start(page: str | None = None, **address: str) -> Screen:
        st.cache_data.clear()
        app = Screen()
        app.query_params.update(address)
        app.run()
        return app if page is None else app.open(page)

    return start


@pytest.fixture
def files(monkeypatch: pytest.MonkeyPatch) -> dict[str, bytes]:
    """What each download button of the app would hand over, by its key."""
    handed: dict[str, bytes] = {}

    def download_button(label: str, content: Any, *, key: str, **_: Any) -> bool:
        handed[key] = content() if callable(content) else content
        return False

    monkeypatch.setattr(st, "download_button", download_button)
    return handed


def check_an_outage_is_reported(server: Server, app: Screen) -> None:
    """Stop the database under a page that is shown; then start it, and ask again."""
    server.stop()
    try:
        database.forget()
        app.run()
        assert not app.exception
        assert len(app.error) == 1 and app.shows("down.title")
        assert "Traceback" not in app.shown
    finally:
        server.start()
    app.button(key="retry").click().run()
    assert app.is_well and app.table
