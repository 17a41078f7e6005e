"""The columns of readings of road counters, under the names that files and the portal give them."""

from __future__ import annotations

from collections.abc import Mapping

from flow_platform.flows.traffic.options import TrafficSource
from flow_platform.sources.layouts import Layouts
from flow_platform.sources.wide_tables import wide_layouts

# The city of Paris stamps an hour with its end, in local time unless an offset is written.
PARIS_TIMEZONE = "Europe/Paris"

# Without these columns a file is not one of readings; the others are read where they are there.
_REQUIRED = ("centre_id", "counted_at", "vehicles")
_NUMBERS = ("vehicles", "occupancy")
_PARIS = {
    "centre_id": "iu_ac",
    "counted_at": "t_1h",
    "vehicles": "q",
    "occupancy": "k",
    "state": "etat_barre",
    "name": "libelle",
    "point": "geo_point_2d",
}
# The portal's export "with labels".
_PORTAL = {
    "centre_id": "Identifiant arc",
    "counted_at": "Date et heure de comptage",
    "vehicles": "Débit horaire",
    "occupancy": "Taux d'occupation",
    "state": "Etat arc",
    "name": "Libelle",
    "point": "geo_point_2d",
}
_OWN = {name: name for name in ("centre_id", "counted_at", *_NUMBERS, "state", "name")}
_KNOWN = (_PARIS, _PORTAL, _OWN)


def traffic_layouts(config: TrafficSource) -> Layouts:
    """The headers a file may have. Mapped columns take precedence over known names."""
    if config.is_wide:
        return wide_layouts(config, "vehicles")
    mapped = {ours: name for ours, name in config.columns.items() if ours != "event_id"}
    headers: tuple[dict[str, str], ...] = _KNOWN
    if mapped:
        headers = tuple({**layout, **mapped} for layout in (_OWN, _PARIS, _PORTAL)) + _KNOWN
    counts = ("vehicles",)
    return Layouts(headers, _REQUIRED, numbers=_NUMBERS, counts=counts, floats=_NUMBERS, known=())


def is_of_paris(header: Mapping[str, str]) -> bool:
    """Whether counters and moments of a file have the names that the city of Paris gives them."""
    return any(
        all(header.get(name) == layout[name] for name in ("centre_id", "counted_at"))
        for layout in (_PARIS, _PORTAL)
    )
