"""A section of sources.toml: the keys that every section has, and how a value is refused.

What only one flow's section has is declared in that flow's package (`flows/<flow>/options.py`);
reading the file is in `sources/config.py`.
"""

from __future__ import annotations

import zoneinfo
from typing import Annotated, Any, ClassVar, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, model_validator
from pydantic_core import PydanticCustomError


def expected(what: str) -> PydanticCustomError:
    """The error of a value that cannot be used; `what` says what to write in its place."""
    return PydanticCustomError("expected", "{what}", {"what": what})


def refused(message: str) -> PydanticCustomError:
    """The error of values that do not go together; `message` is a whole sentence with a remedy."""
    return PydanticCustomError("refused", "{message}", {"message": message})


def _text(value: Any) -> str:
    if not isinstance(value, str) or not value.strip():
        raise expected("a text that is not empty")
    return value


# A text with something in it.
Text = Annotated[str, BeforeValidator(_text)]


def _time_zone(value: str) -> str:
    if value not in zoneinfo.available_timezones():
        raise expected("an IANA time zone, such as America/Sao_Paulo")
    return value


TimeZone = Annotated[Text, AfterValidator(_time_zone)]


# What date_format may be besides a format of strptime.
DATE_FORMATS = ("day-first", "month-first", "excel", "epoch", "epoch_ms")


def _date_format(value: str) -> str:
    if value not in DATE_FORMATS and "%" not in value:
        words = ", ".join(DATE_FORMATS)
        raise expected(f"{words}, or a format of strptime such as %d/%m/%Y")
    return value


def is_url(text: str, schemes: tuple[str, ...]) -> bool:
    """Whether `text` is an address with a host and, if it names one, a possible port."""
    try:
        parts = urlsplit(text)
        return parts.scheme in schemes and bool(parts.hostname) and (parts.port or 1) > 0
    except ValueError:  # a port that is no number, a bracket that is not closed
        return False


class SourceConfig(BaseModel):
    """Where the rows of one flow come from: one section of sources.toml.

    The class of a flow's section says which `kinds` it may have, which columns its `columns` may
    map (`required_columns` must be mapped where `columns` is given at all), and which of its keys
    name a file (`path_keys`); those and `path` are absolute after reading. `example` is a section
    as a user would write it, for the documentation.

    >>> ParcelsSource(kind="files", path="counts/*.csv").separator is None
    True
    """

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    section: ClassVar[str]
    kinds: ClassVar[tuple[str, ...]]
    required_columns: ClassVar[tuple[str, ...]] = ()
    optional_columns: ClassVar[tuple[str, ...]] = ()
    path_keys: ClassVar[tuple[str, ...]] = ("path", "cache_dir")
    path_hint: ClassVar[str] = "a file or"
    example: ClassVar[str] = ""

    kind: str = Field("simulated", description="What kind of source the rows are read from.")
    path: str | None = Field(
        None, description="Pattern of the files to read: CSV, Parquet or Excel."
    )
    columns: dict[str, str] = Field(
        default_factory=dict,
        description="Names of columns: the platform's on the left, the source's on the right.",
    )
    encoding: str | None = Field(
        None, description="Encoding of CSV files, such as gb18030. Detected if it is not set."
    )
    separator: str | None = Field(
        None,
        min_length=1,
        max_length=1,
        description="Separator of CSV files. Detected if it is not set.",
    )
    decimal: str = Field(".", pattern=r"^[.,]$", description="Decimal mark of CSV files: . or ,")
    thousands: str | None = Field(
        None,
        pattern=r"^[.,' ]$",
        description="Mark between thousands in numbers of CSV files: . or , or ' or a space, which"
        " also stands for a no-break space.",
    )
    sheet: str | None = Field(
        None, description="The sheet of Excel files to read. Without it every sheet is read."
    )
    skip_rows: int | None = Field(
        None,
        ge=0,
        le=1000,
        description="Lines above the header of CSV files and sheets. Found if it is not set.",
    )
    date_format: Annotated[str, AfterValidator(_date_format)] | None = Field(
        None,
        description="How days and moments are written that are not in ISO format: day-first or"
        " month-first (which part of 05/01/2024 is the day), excel (serial days), epoch or epoch_ms"
        " (seconds or milliseconds since 1970, UTC), or a strptime format, which all of them have.",
    )
    centres: dict[str, str] = Field(
        default_factory=dict,
        description="Weather only: a file name without folder and suffix, or a part of it, on the"
        " left; the centre whose weather the file has on the right.",
    )
    forecast_url: str = Field(
        "https://api.open-meteo.com/v1/forecast",
        description="Weather only: address of Open-Meteo's forecasts.",
    )
    previous_runs_url: str = Field(
        "https://previous-runs-api.open-meteo.com/v1/forecast",
        description="Weather only: address of Open-Meteo's earlier forecasts.",
    )
    archive_url: str = Field(
        "https://archive-api.open-meteo.com/v1/archive",
        description="Weather only: address of Open-Meteo's observations.",
    )
    timeout_seconds: float = Field(
        10.0, gt=0, le=300, description="Seconds after which a request over HTTP is given up."
    )
    retries: int = Field(
        3, ge=0, le=10, description="How often a failed request over HTTP is tried again."
    )
    back_off_seconds: float = Field(
        0.5, ge=0, le=60, description="Seconds before a failed request is first tried again."
    )
    cache_dir: str | None = Field(
        None,
        description="Weather only: folder in which Open-Meteo's answers are kept. Without it"
        " FLOW_HOME/cache.",
    )

    @model_validator(mode="after")
    def _marks_differ(self) -> Self:
        if self.thousands == self.decimal:
            raise refused(
                f"decimal and thousands are both {self.decimal!r}. Set decimal to the mark before"
                " fractions."
            )
        return self

    @property
    def marks(self) -> str:
        """The decimal mark, and after it that between thousands where there is one."""
        return self.decimal + (self.thousands or "")


class CountsSource(SourceConfig):
    """Where counts per centre and day come from, see `sources/daily_counts.py`."""

    key: list[Text] = Field(
        default_factory=list,
        description="Columns of the source that together identify a row: of rows in which they are"
        " equal the first counts, the others go to quarantine. Without it, equal rows of a file are"
        " added up.",
    )
