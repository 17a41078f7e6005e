"""Distances on the earth. Light: numpy is loaded when a distance is asked for."""

from __future__ import annotations

from typing import Any

_EARTH_KM = 6371.0


def kilometres_between(
    latitude: Any, longitude: Any, other_latitude: Any, other_longitude: Any
) -> Any:
    """The distance of two points in degrees (WGS 84) on a sphere (haversine), of numbers or arrays.

    >>> round(float(kilometres_between(48.86, 2.35, 45.76, 4.84)))
    392
    """
    import numpy as np

    south, west, north, east = (
        np.radians(degrees) for degrees in (latitude, longitude, other_latitude, other_longitude)
    )
    chord = (
        np.sin((north - south) / 2) ** 2
        + np.cos(south) * np.cos(north) * np.sin((east - west) / 2) ** 2
    )
    return 2 * _EARTH_KM * np.arcsin(np.sqrt(np.minimum(chord, 1)))
