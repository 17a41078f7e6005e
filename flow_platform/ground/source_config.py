"""A section of sources.toml: the keys that every section has, and how a value is refused.

What only one flow's section has is declared in that flow's package (`flows/<flow>/options.py`);
reading the file is in `sources/config.py`.
"""

from __future__ import annotations

from typing import Annotated, Any, ClassVar
from urllib.parse import urlsplit

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field
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
    name a file (`path_keys`); those and `path` are absolute after reading.

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

    kind: str = Field("simulated", description="Where rows come from.")
    path: str | None = Field(
        None, description="Files as a glob, relative to sources.toml: CSV, Parquet, Excel."
    )
    columns: dict[str, str] = Field(
        default_factory=dict, description="Our name of a column = the source's name."
    )
    encoding: str | None = Field(None, description="Of CSV files, such as gb18030; else found.")
    separator: str | None = Field(
        None, min_length=1, max_length=1, description="Of CSV files; else found."
    )
    decimal: str = Field(".", pattern=r"^[.,]$", description="Decimal mark of CSV files.")
    sheet: str | None = Field(None, description="The sheet of Excel files to read.")
    date_format: str | None = Field(
        None, description="strptime format of days and moments that are not ISO."
    )
    centres: dict[str, str] = Field(
        default_factory=dict,
        description="File name, without folder and suffix, or a part of it = centre id (weather).",
    )
    forecast_url: str = Field(
        "https://api.open-meteo.com/v1/forecast", description="Open-Meteo's forecasts (weather)."
    )
    previous_runs_url: str = Field(
        "https://previous-runs-api.open-meteo.com/v1/forecast",
        description="Open-Meteo's earlier forecasts (weather).",
    )
    archive_url: str = Field(
        "https://archive-api.open-meteo.com/v1/archive",
        description="Open-Meteo's observations (weather).",
    )
    timeout_seconds: float = Field(
        10.0, gt=0, le=300, description="Of a request over HTTP, in seconds."
    )
    retries: int = Field(3, ge=0, le=10, description="Requests that are tried again over HTTP.")
    back_off_seconds: float = Field(
        0.5, ge=0, le=60, description="First wait before a request is tried again, in seconds."
    )
    cache_dir: str | None = Field(None, description="Where answers over HTTP are kept.")
