"""Bytes of a message as a JSON object, or why they are none.

What the object means is in `messages.py` (counters) and `flows/deliveries/events.py` (orders).
"""

from __future__ import annotations

import json
from typing import Any, NoReturn

LONGEST_PAYLOAD = 64 * 1024


class UnusableError(ValueError):
    """Why a message is poison ("code: words"), on its way to what returns it."""


def object_in(payload: bytes) -> dict[str, Any]:
    """The object that UTF-8 JSON text is. Raises UnusableError, and nothing else.

    The reason quotes no word of the payload.
    """
    if len(payload) > LONGEST_PAYLOAD:
        raise UnusableError(f"too_long: the payload has more than {LONGEST_PAYLOAD} bytes")
    try:
        body = _READER.decode(payload.decode("utf-8"))
    except UnicodeDecodeError as error:
        raise UnusableError(f"undecodable: not UTF-8 at byte {error.start}") from error
    except json.JSONDecodeError as error:
        raise UnusableError(f"not_json: {error.msg} at character {error.pos}") from error
    except RecursionError as error:
        raise UnusableError("too_deep: the payload is nested too deeply") from error
    except UnusableError:
        raise
    except ValueError as error:  # an integer of thousands of digits
        raise UnusableError("not_json: a number has too many digits") from error
    if not isinstance(body, dict):
        raise UnusableError(f"not_an_object: the payload is JSON, but a {_kind(body)}")
    return body


def _refuse(constant: str) -> NoReturn:
    # JSON has neither NaN nor Infinity; Python's reader takes them.
    raise UnusableError(f"not_finite: the payload holds {constant}")


_READER = json.JSONDecoder(parse_constant=_refuse)


def _kind(value: Any) -> str:
    if value is None:
        return "null"
    return {list: "list", str: "text", bool: "truth value"}.get(type(value), "number")
