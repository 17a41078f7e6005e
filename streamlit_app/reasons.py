"""What raises an order's risk, in words: the models' feature names as people say them.

How strongly is told too; the numbers behind it stay in the database.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from streamlit_app.formats import Language, capitalised
from streamlit_app.texts import Say, name_of

# Whose past orders a feature tells of.
_WHOSE = ("seller", "region", "carrier", "category", "postal_area", "payment_method", "lane")
# The risk of an order whose promise had passed when it was said, and what stands for the reason.
CERTAIN, PASSED = 1.0, "promise_passed"
# Effects are log-odds: these multiply the odds of being late by 2 and by 1.2.
_STRONG, _SOME = 0.69, 0.18


def feature_words(feature: str, language: Language) -> str:
    """A feature's name in the reader's language; one the app does not know stays readable."""
    words = name_of("reason", feature, language)
    if words != feature:
        return words
    for whose in _WHOSE:
        told = feature.removeprefix(f"{whose}_")
        pattern = name_of("told", told, language)
        if told != feature and pattern != told:
            return pattern.format(who=name_of("who", whose, language))
    return feature.replace("_", " ")


def named(features: Iterable[str], language: Language) -> list[str]:
    """The features in words, in their order, each once."""
    return list(dict.fromkeys(feature_words(feature, language) for feature in features if feature))


def sentences(reasons: Iterable[Any], language: Language, say: Say) -> list[str]:
    """Each reason with its weight, the weightiest first; those that raise nothing are left out."""
    told: dict[str, str] = {}
    weighty = sorted(reasons, key=lambda reason: -float(reason.get("effect") or 0))
    for reason in weighty:
        effect = float(reason.get("effect") or 0)
        if effect <= 0:
            continue
        how = "strong" if effect >= _STRONG else "some" if effect >= _SOME else "little"
        words = feature_words(str(reason.get("feature")), language)
        told.setdefault(words, say(f"order.why.{how}", what=capitalised(words)))
    return list(told.values())
