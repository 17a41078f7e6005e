"""Every environment variable the platform reads, typed, in one place.

Reading a setting does no I/O: no file is opened and no directory made here. What the settings
mean for PostgreSQL is in `warehouse/`; docs/reference/settings.md is made from this class.
"""

from __future__ import annotations

from datetime import date
from functools import cached_property, lru_cache
from pathlib import Path

from pydantic import Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from flow_platform.ground.errors import ConfigurationError

PROJECT_ROOT = Path(__file__).resolve().parent.parent


class Settings(BaseSettings):
    """Settings of one installation ("home"). Two homes on one machine share nothing."""

    model_config = SettingsConfigDict(env_prefix="FLOW_", extra="ignore")

    home: Path = Field(
        PROJECT_ROOT / ".flow", description="Folder that holds all state: database, models, logs."
    )
    database_url: SecretStr | None = Field(
        None,
        description="Administrator's URL of a PostgreSQL server (postgresql://user:password@host:port)."
        " Without it an embedded server runs in FLOW_HOME.",
    )
    secret: SecretStr | None = Field(
        None,
        description="Key from which customers' pseudonyms and, on a PostgreSQL server, the roles'"
        " passwords are derived. Without it a key is made and kept in FLOW_HOME/secret.",
    )
    sources: Path | None = Field(
        None, description="Path of sources.toml. Without it every source is simulated."
    )
    centres: Path | None = Field(
        None,
        description="CSV file of your centres. Without it five French sorting centres are used.",
    )
    events: Path | None = Field(
        None,
        description="CSV file of known events, such as campaigns and strikes.",
    )
    retention: Path | None = Field(
        None,
        description="TOML file with the days for which each kind of personal data is kept. Without"
        " it the defaults of docs/privacy.md hold.",
    )
    first_day: date = Field(
        date(2020, 1, 1), description="First partition day of the daily flows (UTC)."
    )
    seed: int = Field(20240229, description="Seed of the simulated world and of the models.")
    dagster_port: int = Field(3000, description="Port of the Dagster UI on 127.0.0.1.")
    streamlit_port: int = Field(8501, description="Port of the Streamlit app on 127.0.0.1.")
    api_port: int = Field(8000, description="Port of the HTTP API on 127.0.0.1.")
    bind: str = Field(
        "127.0.0.1",
        description="Address the servers listen on. The Dagster UI has no sign-in: leave it on the"
        " loopback address, or put a gateway with a sign-in before it.",
    )
    mqtt_password: SecretStr | None = Field(
        None,
        description="Password for the MQTT broker. It takes precedence over one in the broker's"
        " address.",
    )
    crash_at: str | None = Field(
        None,
        description="For tests only: a point of `flow_platform/ground/crash_points.py` at which the"
        " subscriber kills itself.",
    )
    dashboard_dsn: SecretStr | None = Field(
        None,
        description="Connection string with which the app reads. `flow up` sets it from the role"
        " flow_dashboard.",
    )
    desk_dsn: SecretStr | None = Field(
        None,
        description="Connection string with which the app stores notes and resolutions of the"
        " deliveries desk. `flow up` sets it from the role flow_desk. Without it the desk is"
        " read-only.",
    )
    api_proxies: str | None = Field(
        None,
        description="Proxies before the API whose X-Forwarded-For and X-Forwarded-Proto headers are"
        " trusted: addresses or networks, separated by commas.",
    )
    api_requests_per_minute: int = Field(
        60_000, ge=1, description="Requests that one account may send to the API in a minute."
    )
    api_dagster_url: str | None = Field(
        None,
        description="Address of the Dagster UI, through which the API starts runs. Without it this"
        " machine at FLOW_DAGSTER_PORT.",
    )
    api_dsn: SecretStr | None = Field(
        None,
        description="Connection string of the API. `flow up` sets it from the role flow_api.",
    )
    api_token_key: SecretStr | None = Field(
        None,
        description="Key that signs the API's access tokens. `flow up` derives it from the secret.",
    )

    @cached_property
    def home_path(self) -> Path:
        """`home` as an absolute path."""
        return self.home.expanduser().absolute()

    @property
    def dagster_url_for_api(self) -> str:
        """Where the API starts runs."""
        return self.api_dagster_url or f"http://127.0.0.1:{self.dagster_port}"

    @property
    def uses_embedded_database(self) -> bool:
        """Whether the platform runs its own PostgreSQL in `home`."""
        return self.database_url is None


@lru_cache(maxsize=1)
def get_settings() -> Settings:
    """The settings of this process, read once.

    Raises ConfigurationError naming each variable that cannot be used.
    """
    try:
        return Settings()
    except ValidationError as error:
        problems = "; ".join(
            f"FLOW_{'_'.join(str(part) for part in problem['loc']).upper()}: {problem['msg']}"
            for problem in error.errors()
        )
        raise ConfigurationError(
            f"Environment variables cannot be used: {problems}. Correct or unset them."
        ) from error
