"""What to do after a look at files: columns that may be meant, the section to write, a command.

Guesses are called so: nothing is read by them.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from datetime import date
from difflib import SequenceMatcher
from typing import Any

from flow_platform.flows.kinds import Flow
from flow_platform.sources.forms import FileForm
from flow_platform.stages.looking import Looked

# How much alike two names must be for one to be taken for the other.
_ALIKE = 0.7
# What people call columns, by a word of our names for them.
_WORDS: Mapping[str, tuple[str, ...]] = {
    "centre": ("site", "center", "depot", "hub", "location", "store", "branch", "plant", "agence"),
    "day": ("date", "datum", "jour", "fecha", "data", "dt"),
    "parcels": ("volume", "quantity", "qty", "count", "colis", "pakete", "packages", "pieces", "n"),
    "at": ("time", "timestamp", "datetime", "date", "moment", "stamp"),
    "vehicles": ("volume", "flow", "traffic", "cars", "count", "debit"),
    "country": ("land", "pays", "market", "region"),
    "customer": ("client", "kunde", "buyer"),
    "price": ("unit price", "preis", "prix", "amount"),
    "quantity": ("qty", "pieces", "menge", "quantite"),
    "invoice": ("order", "receipt", "facture", "rechnung", "document"),
    "stock": ("sku", "article", "product", "item", "artikel"),
    "pickup": ("start", "begin", "origin", "from", "pu"),
    "dropoff": ("end", "stop", "destination", "to", "do"),
    "distance": ("miles", "km", "length"),
    "region": ("state", "area", "province"),
}
_BARE_KEY = re.compile(r"[A-Za-z0-9_-]+")


def likely_columns(form: FileForm) -> dict[str, str]:
    """For each missing column of ours the name in the header that is most like it.

    Names that are not like any are left out.
    """
    # A header of one name is none: the file is something else, or cut by the wrong separator.
    free = form.unused if len(form.names) > 1 else ()
    scored = sorted(
        (
            (_likeness(ours, theirs, name), ours, name)
            for ours, theirs in form.missing.items()
            for name in free
        ),
        key=lambda one: (-one[0], one[1], one[2]),
    )
    found: dict[str, str] = {}
    for score, ours, name in scored:
        if score >= _ALIKE and ours not in found and name not in found.values():
            found[ours] = name
    return {ours: found[ours] for ours in form.missing if ours in found}


def _likeness(ours: str, theirs: str, name: str) -> float:
    """How much a name is like a column of ours, from 0 to 1."""
    given, own = _plain(name), (_plain(ours), _plain(theirs))
    others = [other for word in own[0].split() for other in _WORDS.get(word, ())]
    if given in (*own, *others):
        return 1.0
    words = {word for one in (*own, *others) for word in one.split() if len(word) > 1}
    # "site code" has a word for a centre: it is less than a name that is one.
    shared = 0.8 if words & set(given.split()) else 0.0
    return max(shared, *(SequenceMatcher(None, given, one).ratio() for one in own))


def _plain(name: str) -> str:
    return " ".join(re.split(r"[\W_]+", re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name).casefold()))


def section_to_write(
    flow: Flow, keys: Mapping[str, Any], lacking: Mapping[str, str], looked: Looked
) -> str:
    """A section of sources.toml for these files, with what was found and what may be meant."""
    wanted = {**keys, **lacking}
    forms = [one.balance.form for one in looked.files if one.balance.form is not None]
    detected = {form.encoding for form in forms if form.encoding_by == "detected"}
    if len(detected) == 1 and "encoding" not in wanted:
        wanted["encoding"] = detected.pop()
    lines = [f"[{flow.name}]", *_lines(wanted, without=("columns",))]
    if guessed := columns_to_write(flow, keys, forms):
        lines.append("# a guess: correct it")
        wanted["columns"] = guessed
    return "\n".join([*lines, *_lines({"columns": wanted.get("columns")})])


def columns_to_write(
    flow: Flow, keys: Mapping[str, Any], forms: Sequence[FileForm]
) -> dict[str, str]:
    """The key `columns` with what may be meant, "?" where nothing is like it; empty without any."""
    guessed = guessed_columns(forms)
    if not guessed:
        return {}
    known = next(form.columns for form in forms if likely_columns(form))
    own = {**known, **keys.get("columns", {}), **guessed}
    allowed = {*flow.source.required_columns, *flow.source.optional_columns}
    asked = {ours: own.get(ours, "?") for ours in flow.source.required_columns}
    return asked | {ours: name for ours, name in own.items() if ours in allowed}


def guessed_columns(forms: Sequence[FileForm]) -> dict[str, str]:
    """The likely columns of the first file that lacks some, where no file has all."""
    if not forms or not all(form.missing for form in forms):
        return {}
    return next((found for form in forms if (found := likely_columns(form))), {})


def _lines(keys: Mapping[str, Any], without: tuple[str, ...] = ()) -> list[str]:
    return [
        f"{key} = {_toml(value)}"
        for key, value in keys.items()
        if key not in without and value not in (None, {}, [])
    ]


def _toml(value: Any) -> str:
    if isinstance(value, Mapping):
        pairs = (
            f"{key if _BARE_KEY.fullmatch(key) else _toml(key)} = {_toml(inner)}"
            for key, inner in value.items()
        )
        return "{ " + ", ".join(pairs) + " }"
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(_toml, value))}]"
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")


def backfill_command(flow: Flow, looked: Looked, yesterday: date) -> str | None:
    """The command that loads what was found; None where nothing would be stored."""
    if not looked.days:
        return None
    first, last = min(looked.days), max(looked.days)
    last = max(first, min(last, yesterday))
    return f"flow backfill {flow.name} --from {first} --to {last}"
