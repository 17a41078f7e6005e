"""A server of monthly files that answers as RFC 9110 says: ranges, validators, conditions."""

from __future__ import annotations

import contextlib
import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from tests.local_server import QuietHandler, local_server


@dataclass
class TaxiSite:
    """What the site holds by file name, what it was asked, and how it may fail.

    `faults` says what to do with the n-th request instead of answering it: a status, ("cut", bytes
    of the body that are sent), or a name of another fault.
    """

    files: dict[str, bytes] = field(default_factory=dict)
    asked: list[tuple[str, dict[str, str]]] = field(default_factory=list)
    faults: dict[int, Any] = field(default_factory=dict)
    etags: bool = True
    weak: bool = False
    ranges: bool = True
    url: str = ""

    def names(self) -> list[str]:
        return [name for name, _ in self.asked]


@contextlib.contextmanager
def taxi_site() -> Iterator[TaxiSite]:
    """A site that listens on the loopback while the context lasts."""
    site = TaxiSite()

    class Handler(QuietHandler):
        def do_GET(self) -> None:
            name = self.path.rsplit("/", 1)[-1]
            headers = {key.lower(): value for key, value in self.headers.items()}
            fault = site.faults.get(len(site.asked))
            site.asked.append((name, headers))
            body = site.files.get(name)
            if isinstance(fault, int) or body is None:
                status = fault if isinstance(fault, int) else 404
                return self.answer(status, {}, b"<Error>no</Error>")
            tag = f'"{hashlib.md5(body).hexdigest()}"'
            tag = f"W/{tag}" if site.weak else tag
            sent = {"ETag": tag} if site.etags else {}
            if headers.get("if-none-match") == tag:
                return self.answer(304, sent, b"")
            wanted = re.fullmatch(r"bytes=(\d+)-", headers.get("range", ""))
            # A weak validator never matches: RFC 9110, 13.1.5.
            current = headers.get("if-range") == tag and not site.weak
            if wanted and site.ranges and current:
                start = int(wanted[1])
                if start >= len(body):
                    return self.answer(416, {"Content-Range": f"bytes */{len(body)}"}, b"")
                start += 7 if fault == "wrong range" else 0
                sent["Content-Range"] = f"bytes {start}-{len(body) - 1}/{len(body)}"
                return self.answer(206, sent, body[start:], fault)
            return self.answer(200, sent, body, fault)

        def answer(
            self, status: int, headers: dict[str, str], body: bytes, fault: Any = None
        ) -> None:
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            if fault not in ("no length", "cut without length"):
                self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            count = fault[1] if isinstance(fault, tuple) else len(body)
            count = count // 2 if fault == "cut without length" else count
            with contextlib.suppress(OSError):
                self.wfile.write(body[:count])

    with local_server(Handler) as url:
        site.url = f"{url}/trip-data"
        yield site
