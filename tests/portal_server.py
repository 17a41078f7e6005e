"""A server that answers as the Explore API v2.1 of the open-data portal is documented."""

from __future__ import annotations

import contextlib
import csv
import io
import json
import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

from tests.local_server import QuietHandler, local_server

DATASET = "/api/explore/v2.1/catalog/datasets/comptages-routiers-permanents"
Record = dict[str, Any]


def record(counter: int | str, at: datetime, q: float | None = 100.0, **other: Any) -> Record:
    return {
        "iu_ac": str(counter),
        "libelle": f"Rue_{counter}",
        "t_1h": at.isoformat(),
        "q": q,
        "k": 5.5,
        "etat_trafic": "Fluide",
        "etat_barre": "Ouvert",
        "geo_point_2d": {"lon": 2.33, "lat": 48.85},
        **other,
    }


def hour(number: int, day: int = 1) -> datetime:
    return datetime(2026, 5, day, tzinfo=UTC) + timedelta(hours=number)


def met(condition: str, one: Record) -> bool:
    """One condition of the query language, of those that are documented for its field's type."""
    at = datetime.fromisoformat(one["t_1h"])
    if found := re.fullmatch(r"t_1h (>=|<=|>|<|=) date'(.+)'", condition):
        sign, moment = found[1], datetime.fromisoformat(found[2])
        return {
            ">": at > moment,
            "<": at < moment,
            ">=": at >= moment,
            "<=": at <= moment,
            "=": at == moment,
        }[sign]
    if found := re.fullmatch(r"iu_ac IN \((.+)\)", condition):
        return one["iu_ac"] in [text.strip("'") for text in found[1].split(",")]
    raise ValueError(condition)


class Portal:
    """What the data set holds, what the server was asked, and how it may fail."""

    def __init__(self) -> None:
        self.records: list[Record] = []
        self.asked: list[tuple[str, dict[str, str]]] = []
        # What to do with the n-th request instead of answering it: a status, or "cut".
        self.faults: dict[int, int | str] = {}
        self.before_answer: Callable[[int], None] = lambda number: None
        self.url = ""

    def answer(self, path: str, query: dict[str, str]) -> tuple[int, bytes]:
        service = path.removeprefix(f"{DATASET}/")
        try:
            conditions = query["where"].split(" AND ")
            found = [one for one in self.records if all(met(text, one) for text in conditions)]
        except ValueError as error:
            fault = {"error_code": "ODSQLError", "message": f"invalid: {error}"}
            return 400, json.dumps(fault).encode()
        fields = query["select"].split(",")
        rows = [{name: one.get(name) for name in fields} for one in found]
        if service == "records":
            assert query["order_by"] == "t_1h,iu_ac" and "offset" not in query
            rows.sort(key=lambda one: (one["t_1h"], one["iu_ac"]))
            limit = min(int(query["limit"]), 100)
            return 200, json.dumps({"total_count": len(rows), "results": rows[:limit]}).encode()
        if service == "exports/json":
            return 200, json.dumps(rows).encode()
        if service == "exports/csv":
            out = io.StringIO()
            writer = csv.writer(out, delimiter=query["delimiter"], lineterminator="\r\n")
            writer.writerow(fields)
            for one in rows:
                point = one.get("geo_point_2d") or {}
                one["geo_point_2d"] = ",".join(str(point[name]) for name in ("lat", "lon"))
                writer.writerow(["" if one[name] is None else one[name] for name in fields])
            return 200, out.getvalue().encode("utf-8-sig")
        return 404, b'{"message": "no such service"}'


@contextlib.contextmanager
def portal_server() -> Iterator[Portal]:
    """A portal that listens on the loopback while the context lasts."""
    state = Portal()

    class Handler(QuietHandler):
        def do_GET(self) -> None:
            parts = urlsplit(self.path)
            query = {name: found[0] for name, found in parse_qs(parts.query).items()}
            number = len(state.asked)
            state.asked.append((parts.path, query))
            state.before_answer(number)
            fault = state.faults.get(number)
            status, body = state.answer(parts.path, query)
            if isinstance(fault, int):
                status, body = fault, b'{"message": "too many requests"}'
            self.send_response(status)
            if status == 429:
                self.send_header("Retry-After", "0")
            if fault != "cut without a length":
                self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            with contextlib.suppress(OSError):
                self.wfile.write(body[: len(body) // 2] if str(fault).startswith("cut") else body)

    with local_server(Handler) as url:
        state.url = f"{url}{DATASET}"
        yield state
