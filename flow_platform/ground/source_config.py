"""A section of sources.toml: the keys that every section has, and how a value is refused.

What only one flow's section has is declared in that flow's package (`flows/<flow>/options.py`);
reading the file is in `sources/config.py`.
"""

from __future__ import annotations

import zoneinfo
from typing import Annotated, Any, ClassVar, Literal, Self
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
    name a file (`path_keys`); those and `path` are absolute after reading. `takes_folder` is
    whether `path` may be a folder, and `narrowing_keys` say which centres there may be. `example`
    is a section as a user would write it, for the documentation.

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
    takes_folder: ClassVar[bool] = False
    narrowing_keys: ClassVar[tuple[str, ...]] = ()
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
    decimal: str = Field(
        ".",
        pattern=r"^[.,]$",
        description="Decimal mark of CSV files: . or ,. Without it and"
        " thousands, a file whose numbers have other marks is refused.",
    )
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
    partial_days: Literal["leave_out", "use"] = Field(
        "leave_out",
        description="Whether models and accuracy use days some of whose rows were refused:"
        " leave_out or use. Not for the weather.",
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

    @model_validator(mode="before")
    @classmethod
    def _may_be_wide(cls, data: Any) -> Any:
        asked = [key for key in ("layout", "ignore") if isinstance(data, dict) and key in data]
        if asked and asked[0] not in cls.model_fields:
            raise refused(
                f"{asked[0]} is for tables with a count in each cell, and a row of [{cls.section}]"
                f" is a record of its own. Remove {asked[0]}."
            )
        return data

    @model_validator(mode="after")
    def _marks_differ(self) -> Self:
        if self.thousands == self.decimal:
            raise refused(
                f"decimal and thousands are both {self.decimal!r}. Set decimal to the mark before"
                " fractions."
            )
        return self

    @property
    def obligatory_columns(self) -> tuple[str, ...]:
        """Our names of the columns that `columns` must map where it is given."""
        return self.required_columns

    @property
    def marks(self) -> str:
        """The decimal mark, and after it that between thousands where there is one."""
        return self.decimal + (self.thousands or "")


class WideSource(SourceConfig):
    """A source whose tables may be wide: a cell for each centre and moment, see
    `sources/wide_tables.py`. `time_column` is our name of the column of days or moments.
    """

    time_column: ClassVar[str]

    layout: Literal["long", "wide"] = Field(
        "long",
        description="Kind files: long, a row for each count, or wide, a cell for each: a row for"
        " each day and a column for each centre, or the other way round.",
    )
    ignore: list[Text] = Field(
        default_factory=list,
        description="With layout wide: columns that are no centre (or no day), such as a weekday,"
        " a note or a total. Every other column that is not mapped is one.",
    )

    @property
    def is_wide(self) -> bool:
        """Whether the tables of this source are wide."""
        return self.layout == "wide"

    @property
    def obligatory_columns(self) -> tuple[str, ...]:
        return () if self.is_wide else self.required_columns

    @model_validator(mode="after")
    def _wide_columns(self) -> Self:
        if not self.is_wide:
            if self.ignore:
                raise refused('ignore is for wide tables. Remove it, or write layout = "wide".')
            return self
        if self.kind != "files":
            raise refused(f'layout = "wide" is for kind "files", not {self.kind!r}. Remove layout.')
        sides = ("centre_id", self.time_column)
        others = [one for one in self.columns if one not in (*sides, "available_at")]
        if others or all(one in self.columns for one in sides):
            raise refused(
                f'With layout = "wide" columns maps {self.time_column} (a column for each centre)'
                f" or centre_id (a column for each {self.time_column}), not both, and nothing that"
                " is in the cells."
            )
        return self


class CountsSource(WideSource):
    """Where counts per centre and day come from, see `sources/daily_counts.py`."""

    time_column = "day"

    key: list[Text] = Field(
        default_factory=list,
        description="Columns of the source that together identify a row: of rows in which they are"
        " equal the first counts, the others go to quarantine. Without it, equal rows of a file are"
        " added up.",
    )

    @model_validator(mode="after")
    def _cells_have_no_key(self) -> Self:
        if self.is_wide and self.key:
            raise refused(
                'key identifies rows, and with layout = "wide" each cell is one: its day and its'
                " centre identify it. Remove key."
            )
        return self
