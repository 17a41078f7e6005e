"""The reasons for an order's risk, in words: the models' feature names as readers know them.

How strong each is is given too; the numbers behind it stay in the database.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from streamlit_app.formats import capitalised
from streamlit_app.view import View

# Features about past orders are named after what those have in common with the order.
_SHARED = ("seller", "region", "carrier", "category", "postal_area", "payment_method", "lane")
# The risk of an order scored after its promised date, and the name of that reason among features.
CERTAIN, PASSED = 1.0, "promise_passed"
# Effects are log-odds: these multiply the odds of being late by 2 and by 1.2.
_STRONG, _SOME = 0.69, 0.18


def feature_words(view: View, feature: str) -> str:
    """A feature's name in the reader's language; one without a text stays readable."""
    words = view.name("reason", feature)
    if words != feature:
        return words
    for shared in _SHARED:
        what = feature.removeprefix(f"{shared}_")
        if what != feature and f"past.{what}" in view.catalog:
            return view.text(f"past.{what}", of=view.name("past_of", shared))
    return feature.replace("_", " ")


def named(view: View, features: Iterable[str]) -> list[str]:
    """The features in words, in their order, each once."""
    return list(dict.fromkeys(feature_words(view, feature) for feature in features if feature))


def sentences(view: View, reasons: Iterable[Any]) -> list[str]:
    """Each reason with its strength, the strongest first; those that raise nothing are left out."""
    lines: dict[str, str] = {}
    for reason in sorted(reasons, key=lambda reason: -float(reason.get("effect") or 0)):
        effect = float(reason.get("effect") or 0)
        if effect <= 0:
            continue
        strength = "strong" if effect >= _STRONG else "some" if effect >= _SOME else "little"
        words = feature_words(view, str(reason.get("feature")))
        lines.setdefault(words, view.text(f"order.why.{strength}", what=capitalised(words)))
    return list(lines.values())
