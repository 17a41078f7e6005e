"""What made the prediction of one trip, in minutes and in sentences."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from pydantic import BaseModel, Field

from flow_platform.flows.trips.api.city import City, Conditions
from flow_platform.flows.trips.api.questions import ModelName, Question

DECIMALS = 3

_WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")


class Part(BaseModel):
    """Minutes that one subject adds to the usual trip."""

    subject: Literal["zones", "time", "calendar", "weather", "distance"]
    minutes: float = Field(examples=[21.4], description="Below zero where it shortens the trip.")
    text: str = Field(examples=["From Midtown Center to JFK Airport: 21.4 minutes more."])


class Explanation(BaseModel):
    """What made the prediction: usual_minutes and the minutes of the parts add up to minutes."""

    minutes: float = Field(examples=[41.27])
    usual_minutes: float = Field(examples=[14.2], description="The mean of all trips.")
    parts: list[Part]
    text: str = Field(
        examples=["41.3 minutes: a usual trip takes 14.2. From Midtown Center to JFK Airport: ..."]
    )
    model: ModelName
    model_version: str


def explain_question(
    question: Question, city: City, version: str, contributions: Mapping[str, float]
) -> Explanation:
    """The explanation of a prediction of model `version`.

    `contributions` are the minutes of "usual" and of each subject, as the model explains them.
    """
    parts = {name: value for name, value in contributions.items() if name != "usual"}
    # Rounded so that they still add up: what is lost by rounding goes to the usual trip.
    rounded = {name: round(value, DECIMALS) for name, value in parts.items()}
    minutes = round(contributions["usual"] + sum(parts.values()), DECIMALS)
    usual = round(minutes - sum(rounded.values()), DECIMALS)
    shown = [
        Part(subject=name, minutes=value, text=_sentence(name, value, question, city))
        for name, value in rounded.items()
        if name != "distance" or question.model == "planned_distance"
    ]
    text = " ".join(
        [f"{minutes:.1f} minutes: a usual trip takes {usual:.1f}.", *(one.text for one in shown)]
    )
    return Explanation(
        minutes=minutes,
        usual_minutes=usual,
        parts=shown,
        text=text,
        model=question.model,
        model_version=version,
    )


def _sentence(subject: str, minutes: float, question: Question, city: City) -> str:
    cause = _cause(subject, question, city)
    if abs(minutes) < 0.05:
        return f"{cause}: no difference."
    return f"{cause}: {abs(minutes):.1f} minutes {'more' if minutes > 0 else 'less'}."


def _cause(subject: str, question: Question, city: City) -> str:
    trip, local = question.trip, question.local
    day = city.on(local.date())
    if subject == "zones":
        return f"From {city.zones[trip.pickup_zone].name} to {city.zones[trip.dropoff_zone].name}"
    if subject == "time":
        return f"{_WEEKDAYS[local.weekday()]} at {local:%H:%M}"
    if subject == "calendar":
        return f"The calendar ({_holidays(day)})"
    if subject == "weather":
        return f"The weather of the day ({_weather(day)})"
    return f"A planned route of {trip.planned_distance_km:.1f} km"


def _holidays(day: Conditions) -> str:
    flags = {
        "a public holiday": day.is_public_holiday,
        "school holidays": day.is_school_holiday,
    }
    return " and ".join(name for name, flag in flags.items() if flag) or "no holiday"


def _weather(day: Conditions) -> str:
    known = [
        f"{value:.{digits}f} {unit}"
        for value, digits, unit in (
            (day.temperature_mean, 0, "°C"),
            (day.precipitation_mm, 1, "mm of rain"),
            (day.snowfall_cm, 1, "cm of snow"),
            (day.wind_max_kmh, 0, "km/h of wind"),
        )
        if value == value
    ]
    return ", ".join(known) or "not known"
