"""Which vintage serves on a day follows the months' champions and people's decisions."""

from __future__ import annotations

from datetime import UTC, date, datetime

from flow_platform.api.in_service import vintages_in_service


def row(candidate: str, month: date, *, is_champion: bool) -> dict[str, object]:
    return {
        "flow": "trips",
        "measure": "default",
        "candidate": candidate,
        "month": month,
        "cutoff": datetime(month.year, month.month, 1, tzinfo=UTC),
        "model_version": f"{candidate}-{month:%Y-%m}",
        "is_champion": is_champion,
        "sha256": "",
        "artefact_path": "models/x",
        "train_first": month,
        "train_last": month,
        "trained_rows": 1,
    }


def decision(kind: str, day: date, candidate: str, month: date) -> dict[str, object]:
    return {
        "flow": "trips",
        "measure": "default",
        "effective_day": day,
        "kind": kind,
        "serving_candidate": candidate,
        "serving_month": month,
    }


def test_the_vintage_in_service_follows_months_and_decisions() -> None:
    may, june = date(2026, 5, 1), date(2026, 6, 1)
    vintages = [
        row("a", may, is_champion=True),
        row("b", may, is_champion=False),
        row("a", june, is_champion=True),
    ]
    decisions = [
        decision("promote", date(2026, 6, 10), "b", may),
        decision("rollback", date(2026, 6, 20), "a", june),
        # Of a vintage that is gone.
        decision("promote", date(2026, 6, 25), "c", may),
    ]
    key = ("trips", "default")

    def on(day: date) -> tuple[str, str | None]:
        found = vintages_in_service(vintages, decisions, day)[key]
        before = found.previous
        return found.vintage.model_version, before.model_version if before else None

    assert on(date(2026, 5, 31)) == ("a-2026-05", None)
    assert on(date(2026, 6, 1)) == ("a-2026-06", "a-2026-05")
    assert on(date(2026, 6, 10)) == ("b-2026-05", "a-2026-06")
    assert on(date(2026, 6, 26)) == ("a-2026-06", "a-2026-05")
    assert key not in vintages_in_service(vintages, decisions, date(2026, 4, 30))
