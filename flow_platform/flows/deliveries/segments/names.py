"""Names of segments: chosen by how each differs from all customers, kept from month to month.

Names are keys, which the app translates. Differences are measured in robust deviations from all
customers of the month.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from flow_platform.flows.deliveries.segments.customers import Floats
from flow_platform.flows.deliveries.segments.scaling import Scaling

# The traits that a name claims: each above or below the usual.
_CLAIMS: Mapping[str, Mapping[str, int]] = {
    "loyal": {"log_orders": 1},
    "valued": {"log_value": 1},
    "disappointed": {"late_share": 1},
    "satisfied": {"gap_days": -1},
    "new": {"recency_days": -1},
    "dormant": {"recency_days": 1},
    "modest": {"log_value": -1},
    "occasional": {},
    # For a second segment of a kind.
    "new_valued": {"recency_days": -1, "log_value": 1},
    "new_modest": {"recency_days": -1, "log_value": -1},
    "new_disappointed": {"recency_days": -1, "late_share": 1},
    "dormant_loyal": {"recency_days": 1, "log_orders": 1},
    "dormant_valued": {"recency_days": 1, "log_value": 1},
    "dormant_modest": {"recency_days": 1, "log_value": -1},
    "dormant_disappointed": {"recency_days": 1, "late_share": 1},
}
# For segments of which every trait is another's name already.
_NUMBERED = tuple(f"occasional_{number}" for number in range(2, 9))
NAMES = (*_CLAIMS, *_NUMBERED)

# A name claims nothing that is closer to the usual; one that a segment had is kept a little longer.
# To call people loyal or disappointed takes more.
_APART, _STILL_APART = 0.3, 0.5
_FARTHER_APART = {"log_orders": 0.5, "late_share": 0.5}
# Beyond this distance (robust deviations) a segment is not the one of the month before.
_SAME_SEGMENT = 1.0
# Traits beyond this separate a segment no better: one is as much as "new" can mean.
_STRIKING = 1.5
_SECOND_CHOICE, _LAST_CHOICE, _NEVER = 0.5, 50.0, 1e6
# Where several names are true: names that people act on are preferred.
_PREFERENCE = {
    "loyal": -1.0,
    "disappointed": -1.0,
    # A customer who spent much and has not ordered since is first of all a lost one.
    "dormant": -0.5,
    "modest": 0.25,
    "satisfied": 0.5,
}


@dataclass(frozen=True)
class Known:
    """A named segment of an earlier month: its centre in the features' own units."""

    name: str
    centre: Mapping[str, float]


def names_of(centres: Floats, scaling: Scaling, earlier: Sequence[Known] = ()) -> tuple[str, ...]:
    """A name for each centre (coordinates of `scaling`), each once; those of NAMES.

    A segment at the place of one of `earlier` keeps its name while it is still true. The others
    get what fits them best together, of the names that are free. The order of centres does not
    matter, nor do the numbers that months gave their segments.
    """
    traits = scaling.traits(centres)
    names = _kept(centres, scaling, traits, earlier)
    # In an order of their own, so that a tie is broken alike however segments are numbered.
    free = sorted(set(range(len(centres))) - names.keys(), key=lambda one: tuple(centres[one]))
    left = [name for name in NAMES if name not in names.values()]
    costs = np.array([[_cost(traits[place], name) for name in left] for place in free])
    names |= {free[row]: left[column] for row, column in _pairs(costs)}
    return tuple(names[place] for place in range(len(centres)))


def _kept(
    centres: Floats,
    scaling: Scaling,
    traits: Sequence[Mapping[str, float]],
    earlier: Sequence[Known],
) -> dict[int, str]:
    """The names that segments keep, by their place."""
    shared = [
        place
        for place, column in enumerate(scaling.columns)
        if all(column in one.centre for one in earlier)
    ]
    if not earlier or not shared:
        return {}
    columns = [scaling.columns[place] for place in shared]
    # Features that do not separate customers this month stay where they were.
    points = np.array(
        [
            [one.centre[column] if column in columns else 0.0 for column in scaling.columns]
            for one in earlier
        ]
    )
    before = scaling.placed(points)[:, shared]
    now = centres[:, shared]
    away = np.sqrt(((now[:, None, :] - before[None, :, :]) ** 2).sum(axis=2))
    return {
        place: earlier[other].name
        for place, other in _pairs(away)
        if away[place, other] <= _SAME_SEGMENT
        and _is_true(traits[place], earlier[other].name, _STILL_APART)
    }


def _is_true(traits: Mapping[str, float], name: str, strictness: float = 1.0) -> bool:
    return all(
        traits.get(trait, 0.0) * sign >= strictness * _FARTHER_APART.get(trait, _APART)
        for trait, sign in _CLAIMS.get(name, {}).items()
    )


def _cost(traits: Mapping[str, float], name: str) -> float:
    """How badly a name fits: the distance between the traits it claims and the segment's."""
    if name in _NUMBERED:
        return _LAST_CHOICE + _NUMBERED.index(name)
    if not _is_true(traits, name):
        return _NEVER
    claims = _CLAIMS[name]
    missed = sum(
        (min(max(value, -_STRIKING), _STRIKING) - claims.get(trait, 0)) ** 2
        for trait, value in traits.items()
    )
    return missed + (_SECOND_CHOICE if len(claims) > 1 else _PREFERENCE.get(name, 0.0))


def _pairs(costs: Floats) -> list[tuple[int, int]]:
    from scipy.optimize import linear_sum_assignment

    if not costs.size:
        return []
    rows, columns = linear_sum_assignment(costs)
    return list(zip(rows.tolist(), columns.tolist(), strict=True))
