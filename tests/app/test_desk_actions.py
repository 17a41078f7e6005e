"""Notes and resolutions at the deliveries desk: the form, the figures, and the rights."""

from __future__ import annotations

import psycopg
import pytest

from streamlit_app.pages_.deliveries import desk
from tests.app.conftest import StartApp
from tests.app.orders_screen import act, listed, now, to_act
from tests.app.published.deliveries import (
    RISKIEST,
    desk_dsn,
    fill_deliveries,
)
from tests.app.published.server import Published

PAGE = "deliveries"


def test_resolving_an_order_lowers_the_figure_at_once_and_reopening_raises_it_again(
    orders: Published, start_app: StartApp
) -> None:
    app = start_app(PAGE, lang="en", order=RISKIEST)
    before = to_act(app)
    act(app, RISKIEST, "resolve", "Ana", "Called the carrier")
    assert app.is_well
    assert to_act(app) == before - 1
    assert RISKIEST not in listed(app)
    assert app.shows("order.done.resolve") and "Called the carrier" in app.shown
    assert app.shows("order.resolved", author="Ana")
    assert orders.row("select order_id, action, note, author from ops.desk_actions") == (
        *(RISKIEST, "resolve", "Called the carrier", "Ana"),
    )
    # The name stays for the next action of the session.
    assert app.text_input(key=f"author.{RISKIEST}.1").value == "Ana"
    act(app, RISKIEST, "reopen", "Ana")
    assert to_act(app) == before and app.shows("order.done.reopen")


def test_a_note_is_added_as_it_was_written_and_obeyed_by_nothing(
    orders: Published, start_app: StartApp
) -> None:
    app = start_app(PAGE, lang="en", order=RISKIEST)
    note = "**Rua 7** <b>'; drop table ops.desk_actions; --"
    act(app, RISKIEST, "note", "Zoë", note)
    assert app.is_well and app.shows("order.done.note")
    assert orders.row("select note, author from ops.desk_actions") == (note, "Zoë")
    assert "\\*\\*Rua 7\\*\\* \\<b\\>" in app.shown


@pytest.mark.parametrize(
    ("action", "author", "note", "why"),
    [
        ("note", "Ana", "   ", "note"),
        ("resolve", "  ", "done", "author"),
        ("note", "Ana", "a\0b", "long"),
    ],
)
def test_an_action_that_lacks_something_is_not_written_and_says_why(
    orders: Published, start_app: StartApp, action: str, author: str, note: str, why: str
) -> None:
    app = start_app(PAGE, lang="en", order=RISKIEST)
    act(app, RISKIEST, action, author, note)
    assert not app.exception
    (error,) = app.error
    assert error.value == app.view.text(f"order.failed.{why}")
    assert orders.row("select count(*) from ops.desk_actions") == (0,)
    # What was written stays in the form.
    assert app.text_area(key=f"note.{RISKIEST}.0").value == note


def test_a_desk_that_was_given_no_right_says_so_and_shows_the_order_all_the_same(
    published: Published, start_app: StartApp, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill_deliveries(published.admin_dsn, now(), granted=False)
    monkeypatch.setenv(desk.DSN_VARIABLE, desk_dsn(published))
    app = start_app(PAGE, lang="en", order=RISKIEST)
    assert app.is_well and app.shows("order.actions.unread")
    act(app, RISKIEST, "resolve", "Ana")
    assert not app.exception
    (error,) = app.error
    assert error.value == app.view.text("order.failed.refused")
    assert any("InsufficientPrivilege" in code.value for code in app.code)


def test_a_page_without_the_desks_connection_only_reads(
    orders: Published, start_app: StartApp, monkeypatch: pytest.MonkeyPatch
) -> None:
    orders.change(
        "insert into ops.desk_actions (order_id, action, note, author)"
        " values (%s, 'note', 'Seen', 'Bo')",
        RISKIEST,
    )
    monkeypatch.delenv(desk.DSN_VARIABLE)
    app = start_app(PAGE, lang="en", order=RISKIEST)
    assert app.is_well
    assert app.shows("order.read_only") and "Seen" in app.shown
    assert not app.text_area


def test_a_database_that_went_away_while_acting_is_reported_without_its_password(
    orders: Published, start_app: StartApp, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(desk.DSN_VARIABLE, "host=/nowhere user=flow_desk password=hunter2")
    app = start_app(PAGE, lang="en", order=RISKIEST)
    act(app, RISKIEST, "resolve", "Ana")
    (error,) = app.error
    assert error.value == app.view.text("order.failed.down")
    assert "hunter2" not in str([code.value for code in app.code])


@pytest.mark.parametrize(
    "statement",
    [
        "update ops.desk_actions set note = 'x'",
        "delete from ops.desk_actions",
        "truncate ops.desk_actions",
    ],
)
def test_what_the_desk_wrote_can_only_be_added_to(orders: Published, statement: str) -> None:
    with (
        psycopg.connect(desk_dsn(orders), autocommit=True) as connection,
        pytest.raises(psycopg.errors.InsufficientPrivilege),
    ):
        connection.execute(statement.encode())


def test_an_action_on_an_order_that_is_not_there_is_refused(
    orders: Published, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(desk.DeskError) as refused:
        desk.act("no such order", "resolve", "Ana")
    assert refused.value.why == "gone"
    with pytest.raises(desk.DeskError) as refused:
        desk.act(RISKIEST, "note", "A" * 101, "x")
    assert refused.value.why == "long"
