"""Pages continue where the previous one ended, have each row once, and come to an end."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from psycopg.types.json import Jsonb

from flow_platform.warehouse.server import Server
from tests.api import world

pytestmark = pytest.mark.integration

TODAY = datetime.now(UTC).date()
CENTRES = ("07", "north", "w")
HORIZONS = range(1, 8)


def midnight(day: date) -> datetime:
    return datetime.combine(day, time(), UTC)


def forecasts() -> list[dict[str, Any]]:
    """Issues of the last ten days; the newest for each target is the one with least horizon."""
    return [
        {
            "flow": "parcels",
            "measure": "parcels",
            "centre_id": centre,
            "target_at": midnight(issued + timedelta(days=horizon)),
            "date": issued + timedelta(days=horizon),
            "horizon": horizon,
            "prediction": 100.0 + horizon,
            "lower_80": 90.0,
            "upper_80": 120.0,
            "lower_95": 80.0,
            "upper_95": 130.0,
            "issued_at": midnight(issued + timedelta(days=1)),
            "issued_on": issued,
            "model_version": "blend-2026-11-aaaaaaaa",
        }
        for centre in CENTRES
        for issued in (TODAY - timedelta(days=n) for n in range(10))
        for horizon in HORIZONS
    ]


def model(month: date, candidate: str, *, is_champion: bool) -> dict[str, Any]:
    return {
        "flow": "parcels",
        "measure": "parcels",
        "candidate": candidate,
        "month": month,
        "cutoff": midnight(month),
        "model_version": f"{candidate}-{month:%Y-%m}",
        "is_champion": is_champion,
        "mase": 0.5,
        "trained_rows": 10,
        "train_first": month,
        "train_last": month,
        "sha256": "0" * 64,
        "trained_at": midnight(month),
    }


REGIONS, STAGES = ("RJ", "SP"), ("approved", "in_transit")


def score(n: int, stage: str) -> dict[str, Any]:
    return {
        **{"order_id": f"o{n:03}", "centre_id": REGIONS[n % 2], "stage": stage, "day": TODAY},
        "scored_at": midnight(TODAY) + timedelta(hours=STAGES.index(stage)),
        **{"predicted_days": 7.5, "lower_80": 5.0, "upper_80": 11.0, "late_probability": 0.2},
        **{"threshold": 0.1, "is_high_risk": True, "model_version": "v", "late_version": "w"},
        **{"actual_days": 8.0 if n % 3 else None, "was_late": False if n % 3 else None},
    }


def order(n: int) -> dict[str, Any]:
    """The first thirty are at risk; of each ten two have the same risk, some were resolved."""
    return {
        **{"order_id": f"o{n:03}", "centre_id": REGIONS[n % 2], "price": 10.0, "shipper": "S"},
        "status": "delivered" if n >= 50 else "in_transit",
        "placed_at": midnight(TODAY) - timedelta(days=9),
        "promised_at": midnight(TODAY) + timedelta(days=2 if n % 3 else -2),
        "predicted_at": midnight(TODAY) + timedelta(days=4),
        **{"lower_80": 9.0, "upper_80": 16.0, "threshold": 0.1, "scored_at": midnight(TODAY)},
        "late_probability": 0.95 - 0.03 * (n // 2),
        "is_high_risk": n < 30,
        "reasons": Jsonb([{"feature": "lane_late", "effect": 0.4}]),
        **{"last_note": "a note", "last_author": "somebody", "is_resolved": n in (4, 5)},
    }


MONTH = TODAY.replace(day=1)
BEFORE = (MONTH - timedelta(days=1)).replace(day=1)


@pytest.fixture(scope="module", autouse=True)
def filled(database: Server) -> Iterator[None]:
    tables: dict[str, list[dict[str, Any]]] = {
        "predictions": forecasts(),
        "centres": [
            {"centre_id": one, "name": one, "timezone": "UTC", "flow": "parcels"} for one in CENTRES
        ],
        "models": [
            model(BEFORE, "effects", is_champion=True),
            model(BEFORE, "blend", is_champion=False),
            model(MONTH, "effects", is_champion=False),
            model(MONTH, "blend", is_champion=True),
        ],
        "freshness": [
            {"flow": "parcels", "dataset": name, "newest_day": TODAY, "rows": 10}
            for name in ("actuals", "predictions")
        ],
        "accuracy": [
            {
                **{
                    "flow": "parcels",
                    "measure": "parcels",
                    "centre_id": centre,
                    "horizon": horizon,
                },
                **{"first_date": TODAY, "last_date": TODAY, "n": 30, "mae": 2.0, "wape": 0.1},
            }
            for centre in (*CENTRES, "*")
            for horizon in HORIZONS
        ],
        "coverage": [
            {
                **{"flow": "parcels", "measure": "parcels", "cut": cut, "key": str(key)},
                **{"forecasts": 5, "coverage_80": 0.8, "first_day": TODAY, "last_day": TODAY},
            }
            for cut, keys in (("overall", [""]), ("horizon", HORIZONS))
            for key in keys
        ],
        "drift": [
            {
                **{"flow": "parcels", "centre_id": centre, "date": TODAY - timedelta(days=ago)},
                **{"feature": feature, "psi": 0.1, "n_current": 28, "n_reference": 56},
                "status": "drift" if centre == "w" else "stable",
            }
            for centre in CENTRES
            for ago in (0, 1, 40)
            for feature in ("parcels", "temperature_mean")
        ],
        "alerts": [
            {
                **{"flow": "parcels", "centre_id": "w", "date": TODAY, "kind": "drift"},
                **{"subject": feature, "state": "alerting", "detail": "PSI 1"},
            }
            for feature in ("parcels", "temperature_mean")
        ],
        "loads": [
            {
                **{"flow": "parcels", "load_id": f"l{n}", "rows_read": 10, "rows_stored": 9},
                "rows_quarantined": 1,
            }
            for n in range(3)
        ],
        "trip_minutes_by_hour": [
            {"centre_id": centre, "local_hour": hour, "trips": 5, "mean_minutes": 12.5}
            for centre in ("*", "North", "South")
            for hour in range(24)
        ],
        "trip_minutes_by_weekday": [
            {"centre_id": "*", "weekday": day, "trips": 5, "mean_minutes": 12.5} for day in range(7)
        ],
        "trip_minutes_by_borough": [
            {"centre_id": start, "dropoff_centre_id": end, "trips": 5, "mean_minutes": 12.5}
            for start in ("North", "South")
            for end in ("North", "South", None)
        ],
        "trip_minutes_by_zone_pair": [
            {
                **{"centre_id": "North", "pickup_zone": start, "dropoff_zone": end},
                **{"trips": 5, "mean_minutes": 12.5},
            }
            for start in (3, 4)
            for end in (1, 2, 3, 4, 5)
        ],
        "trip_predictions": [
            {
                **{"trip_id": f"t{n:03}", "centre_id": "North" if n % 2 else "South"},
                **{"pickup_at": midnight(TODAY), "day": TODAY, "model": name},
                **{"predicted_minutes": 10.0, "lower_80": 8.0, "upper_80": 13.0},
                **{"actual_minutes": 11.0, "model_version": "v"},
            }
            for n in range(50)
            for name in ("default", "planned_distance")
        ],
    }
    tables["centres"] += [
        {"centre_id": one, "name": one, "timezone": "UTC", "flow": "deliveries"} for one in REGIONS
    ]
    tables["delivery_predictions"] = [score(n, stage) for n in range(40) for stage in STAGES]
    tables["delivery_orders"] = [order(n) for n in range(60)]
    for table, rows in tables.items():
        world.insert(database, table, rows)
    yield
    for table in tables:
        if table != "centres":
            world.execute(database, f"truncate published.{table}")
    gone = "delete from published.centres where flow in ('parcels', 'deliveries')"
    world.execute(database, gone)
    world.execute(database, "truncate published.promotions")


def pages(client: httpx.Client, address: str) -> list[dict[str, Any]]:
    """The rows of every page from `address` on."""
    found: list[dict[str, Any]] = []
    following = address
    for _ in range(200):
        answer = client.get(following)
        assert answer.status_code == 200, answer.text
        found += answer.json()["items"]
        following = answer.json()["next"]
        if following is None:
            return found
        assert following.startswith("/")
    raise AssertionError(f"{address} has no end")


PAGED = [
    f"/forecasts/parcels?from={TODAY - timedelta(days=9)}",
    f"/forecasts/parcels?horizon=3&from={TODAY - timedelta(days=9)}",
    "/analytics/hourly-means",
    "/analytics/hourly-means?by=weekday",
    "/analytics/hourly-means?by=borough",
    "/analytics/hourly-means?by=zone_pair",
    "/analytics/accuracy?flow=parcels",
    "/analytics/coverage?flow=parcels",
    "/analytics/drift?flow=parcels",
    "/analytics/alerts",
    "/models?flow=parcels",
    "/trips/zones",
    f"/trips/predictions?day={TODAY}",
    f"/deliveries/predictions?day={TODAY}",
    f"/deliveries/predictions?day={TODAY}&centre=SP&stage=in_transit",
    "/deliveries/at-risk",
    "/deliveries/at-risk?promise=ahead&centre=RJ",
]


@pytest.mark.parametrize("address", PAGED)
def test_small_pages_together_have_the_rows_of_one_large_page(
    admin: httpx.Client, address: str
) -> None:
    joint = "&" if "?" in address else "?"
    whole = pages(admin, f"{address}{joint}limit=1000")
    assert len(whole) > 1
    for size in (1, 3, len(whole)):
        assert pages(admin, f"{address}{joint}limit={size}") == whole


@pytest.mark.parametrize("address", PAGED)
def test_no_page_is_longer_than_a_thousand_and_no_cursor_is_guessed(
    admin: httpx.Client, address: str
) -> None:
    joint = "&" if "?" in address else "?"
    for wrong in ("limit=0", "limit=1001", "limit=x", "cursor=x", "cursor=W10", "cursor=%00"):
        answer = admin.get(f"{address}{joint}{wrong}")
        assert answer.status_code == 422, (wrong, answer.text)


@pytest.mark.parametrize("address", PAGED)
def test_a_cursor_with_a_text_that_no_database_holds_belongs_to_no_page(
    admin: httpx.Client, address: str
) -> None:
    joint = "&" if "?" in address else "?"
    following = admin.get(f"{address}{joint}limit=1").json()["next"]
    cursor = parse_qs(urlsplit(following).query)["cursor"][0]
    values = json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
    for place, value in enumerate(values):
        if isinstance(value, str):
            for wrong in ("\ud800", "\x00", "x\udfff"):
                changed = json.dumps([*values[:place], wrong, *values[place + 1 :]]).encode()
                guessed = base64.urlsafe_b64encode(changed).decode()
                answer = admin.get(f"{address}{joint}cursor={guessed}")
                assert answer.status_code == 422, (wrong, answer.text)


def test_rows_that_come_meanwhile_hide_none_and_repeat_none(
    viewer: httpx.Client, database: Server
) -> None:
    address = f"/forecasts/parcels?from={TODAY}&limit=5"
    whole = pages(viewer, address)
    first = viewer.get(address).json()
    early = {**forecasts()[0], "target_at": midnight(TODAY) - timedelta(hours=2), "date": TODAY}
    world.insert(database, "predictions", [early])
    try:
        rest = pages(viewer, first["next"])
    finally:
        gone = "delete from published.predictions where target_at = %s"
        world.execute(database, gone, early["target_at"])
    assert first["items"] + rest == whole


def test_without_a_horizon_the_newest_forecast_of_each_target_is_listed(
    viewer: httpx.Client,
) -> None:
    rows = pages(viewer, f"/forecasts/parcels?centre=07&from={TODAY + timedelta(days=1)}")
    assert [row["horizon"] for row in rows] == list(HORIZONS)
    assert {row["centre_id"] for row in rows} == {"07"}
    assert {row["issued_on"] for row in rows} == {str(TODAY)}


def test_with_a_horizon_forecasts_issued_that_many_steps_ahead_are_listed(
    viewer: httpx.Client,
) -> None:
    first, last = TODAY - timedelta(days=3), TODAY + timedelta(days=1)
    rows = pages(viewer, f"/forecasts/parcels?centre=w&horizon=2&from={first}&to={last}")
    assert [row["date"] for row in rows] == [str(first + timedelta(days=n)) for n in range(5)]
    assert {row["horizon"] for row in rows} == {2}


@pytest.mark.parametrize(
    ("address", "status", "words"),
    [
        ("/forecasts/letters", 404, "parcels, retail, traffic"),
        ("/forecasts/trips", 404, "/trips/predictions"),
        ("/forecasts/parcels?centre=nowhere", 422, "07, north, w"),
        ("/forecasts/parcels?measure=letters", 422, "Use one of: parcels"),
        ("/forecasts/parcels?horizon=15", 422, "14 steps"),
        ("/forecasts/parcels?from=2026-02-02&to=2026-02-01", 422, "Swap them"),
        ("/forecasts/parcels?from=soon", 422, "query.from"),
        ("/analytics/accuracy", 422, "query.flow"),
        ("/analytics/accuracy?flow=letters", 422, "parcels, retail, traffic, trips"),
        ("/analytics/accuracy?flow=parcels&centre=nowhere", 422, "07, north, w"),
        ("/analytics/hourly-means?by=minute", 422, "query.by"),
        ("/analytics/hourly-means?centre=nowhere", 422, "East, North, South"),
        ("/analytics/drift?flow=parcels&from=2026-02-02&to=2026-02-01", 422, "Swap them"),
        ("/analytics/kpis?flow=letters", 422, "parcels, retail, traffic, trips"),
        ("/models?flow=letters", 422, "parcels, retail, traffic, trips"),
        ("/trips/predictions", 422, "query.day"),
        (f"/trips/predictions?day={TODAY}&model=best", 422, "query.model"),
        ("/forecasts/deliveries", 404, "/deliveries/predictions"),
        ("/deliveries/predictions", 422, "query.day"),
        (f"/deliveries/predictions?day={TODAY}&stage=lost", 422, "query.stage"),
        ("/deliveries/at-risk?centre=nowhere", 422, "RJ, SP"),
        ("/deliveries/at-risk?promise=kept", 422, "query.promise"),
    ],
)
def test_an_unknown_name_is_refused_with_the_known_ones(
    admin: httpx.Client, address: str, status: int, words: str
) -> None:
    answer = admin.get(address)
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert words in answer.text


@pytest.mark.parametrize("day", ["0001-01-01", "9999-12-31"])
def test_the_first_and_last_days_that_can_be_written_are_answered(
    admin: httpx.Client, day: str
) -> None:
    for address in ("/forecasts/parcels", "/analytics/drift"):
        answer = admin.get(address, params={"from": day, "to": day, "flow": "parcels"})
        assert answer.status_code == 200, answer.text
        assert answer.json()["items"] == []
    for address in ("/trips/predictions", "/deliveries/predictions"):
        assert admin.get(f"{address}?day={day}").json()["items"] == []


def test_orders_at_risk_are_those_open_and_unresolved_the_riskiest_first(
    viewer: httpx.Client,
) -> None:
    every = pages(viewer, "/deliveries/at-risk?limit=7")
    wanted = [f"o{n:03}" for n in range(30) if n not in (4, 5)]
    assert [row["order_id"] for row in every] == wanted
    assert every[0]["reasons"] == [{"feature": "lane_late", "effect": 0.4}]
    # What people of the desk wrote is no program's.
    assert not {"last_note", "last_author", "safety"} & set(every[0])
    passed = {row["order_id"] for row in pages(viewer, "/deliveries/at-risk?promise=passed")}
    ahead = {row["order_id"] for row in pages(viewer, "/deliveries/at-risk?promise=ahead")}
    assert passed == {one for one in wanted if int(one[1:]) % 3 == 0}
    assert ahead == set(wanted) - passed


def test_predictions_for_orders_have_outcomes_once_they_are_known(viewer: httpx.Client) -> None:
    rows = pages(viewer, f"/deliveries/predictions?day={TODAY}&stage=approved")
    assert len(rows) == 40 and {row["stage"] for row in rows} == {"approved"}
    outcomes = {row["order_id"]: (row["actual_days"], row["was_late"]) for row in rows}
    assert outcomes["o000"] == (None, None) and outcomes["o001"] == (8.0, False)


def test_every_model_shows_whether_it_serves(analyst: httpx.Client, database: Server) -> None:
    def serving() -> list[str]:
        rows = pages(analyst, "/models?flow=parcels")
        assert len(rows) == 4
        return [row["model_version"] for row in rows if row["is_serving"]]

    assert serving() == [f"blend-{MONTH:%Y-%m}"]
    moved = {
        **{"flow": "parcels", "measure": "parcels", "kind": "promote", "promoted": True},
        **{"serving_candidate": "effects", "serving_month": BEFORE, "reason": "", "decided_by": ""},
    }
    world.insert(database, "promotions", [moved | {"effective_day": TODAY + timedelta(days=1)}])
    assert serving() == [f"blend-{MONTH:%Y-%m}"]
    world.insert(database, "promotions", [moved | {"effective_day": TODAY}])
    assert serving() == [f"effects-{BEFORE:%Y-%m}"]


def test_kpis_say_how_every_flow_is(viewer: httpx.Client) -> None:
    rows = viewer.get("/analytics/kpis").json()["items"]
    assert {row["flow"] for row in rows} == {"parcels", "retail", "traffic", "trips", "deliveries"}
    own = next(row for row in rows if row["flow"] == "parcels")
    assert own["newest_actual_day"] == own["newest_prediction_day"] == str(TODAY)
    assert (own["open_alerts"], own["n"], own["wape"]) == (2, 30, 0.1)
    assert (own["rows_read"], own["rows_stored"], own["rows_quarantined"]) == (30, 27, 3)


def test_roles_are_checked(viewer: httpx.Client, analyst: httpx.Client) -> None:
    for address in ("/models", "/analytics/drift?flow=parcels", "/analytics/alerts"):
        assert viewer.get(address).status_code == 403
        assert analyst.get(address).status_code == 200
    for client in (viewer, analyst):
        assert client.post("/models/parcels/rollback", json={}).status_code == 403
        assert client.get(f"/pipelines/runs/{'0' * 8}-0000-0000-0000-{'0' * 12}").status_code == 403
