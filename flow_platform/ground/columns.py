"""Names of columns that many tables share: what is known of a day's weather and of its calendar."""

from __future__ import annotations

# One day's weather at a place: degrees Celsius, mm, cm, km/h.
WEATHER_COLUMNS = (
    "temperature_mean",
    "temperature_min",
    "temperature_max",
    "precipitation_mm",
    "snowfall_cm",
    "wind_max_kmh",
)
# Which version of a day's weather a row is, as `raw.weather` has it.
WEATHER_KEYS = ("centre_id", "day", "vintage", "target_day", "lead_days", "available_at")
# One day's calendar at a place, as `raw.calendar` and `staging.calendar` have it.
CALENDAR_FACTS = (
    "weekday",
    "holiday",
    "is_public_holiday",
    "is_bridge_day",
    "is_school_holiday",
    "school_holiday",
    "days_to_holiday",
    "days_since_holiday",
    "is_month_start",
    "is_month_end",
    "event",
    "is_event",
    "event_announced",
)
