"""The configuration of one process of the service: where its database is, its key, its limits.

`flow up` and `flow run api` set these; the process never sees an administrator's credentials.
"""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass, field
from pathlib import Path

from flow_platform.ground.errors import ConfigurationError
from flow_platform.settings import get_settings

Network = ipaddress.IPv4Network | ipaddress.IPv6Network
KIB, MIB = 1024, 1024 * 1024


@dataclass(frozen=True)
class Limit:
    """At most `allowance` of something in a window of `seconds`, over all processes."""

    allowance: int
    seconds: int


@dataclass(frozen=True)
class Limits:
    """How much one client may use. The defaults suit one machine."""

    # Requests of one signed-in account, and of one address over all accounts.
    account: Limit = Limit(60_000, 60)
    address: Limit = Limit(120_000, 60)
    # Each of these costs an Argon2 hash: 64 MiB of memory and tenths of a second of a core.
    sign_in_address: Limit = Limit(60, 60)
    sign_in_name: Limit = Limit(20, 60)
    register_address: Limit = Limit(20, 3600)
    refresh_address: Limit = Limit(600, 60)
    # Failed sign-ins under one name, known or not.
    failures: Limit = Limit(5, 15 * 60)
    body_bytes: int = MIB
    # Of operations that take many rows at once; their flow declares the paths.
    large_body_bytes: int = 4 * MIB


@dataclass(frozen=True)
class ApiConfig:
    """Everything `create_app` needs. Two apps of one config are two processes of one service.

    >>> app = create_app(ApiConfig(dsn="dbname=flow", token_key=os.urandom(32), home=Path(".flow")))
    """

    dsn: str
    token_key: bytes
    home: Path
    dagster_url: str = "http://127.0.0.1:3000"
    bind: str = "127.0.0.1"
    port: int = 8000
    trusted_proxies: tuple[Network, ...] = ()
    limits: Limits = field(default_factory=Limits)
    pool_size: int = 10
    statement_timeout_seconds: int = 10
    access_token_seconds: int = 15 * 60
    refresh_token_seconds: int = 14 * 24 * 3600
    session_seconds: int = 90 * 24 * 3600

    def __post_init__(self) -> None:
        if len(self.token_key) != 32 or len(set(self.token_key)) < 8:
            raise ConfigurationError(
                "FLOW_API_TOKEN_KEY must be 32 random bytes in hex. `flow run api` sets it from"
                " FLOW_SECRET; do not set it yourself."
            )

    @classmethod
    def from_environment(cls) -> ApiConfig:
        """The config that `flow up` has put into the environment.

        Raises ConfigurationError naming what is missing or cannot be used.
        """
        settings = get_settings()
        if settings.api_dsn is None or settings.api_token_key is None:
            raise ConfigurationError(
                "FLOW_API_DSN and FLOW_API_TOKEN_KEY are not set. Start the service with"
                " `flow up` or `flow run api`, which set them."
            )
        try:
            key = bytes.fromhex(settings.api_token_key.get_secret_value())
        except ValueError:
            key = b""
        return cls(
            dsn=settings.api_dsn.get_secret_value(),
            token_key=key,
            home=settings.home_path,
            dagster_url=settings.dagster_url_for_api,
            bind=settings.bind,
            port=settings.api_port,
            trusted_proxies=networks(settings.api_proxies),
            limits=Limits(account=Limit(settings.api_requests_per_minute, 60)),
        )


def networks(text: str | None) -> tuple[Network, ...]:
    """The addresses or networks in a list with commas; () for None. Raises ConfigurationError.

    >>> networks("10.0.0.5, fd00::/8")
    (IPv4Network('10.0.0.5/32'), IPv6Network('fd00::/8'))
    """
    try:
        return tuple(
            ipaddress.ip_network(part.strip()) for part in (text or "").split(",") if part.strip()
        )
    except ValueError as error:
        raise ConfigurationError(
            f"FLOW_API_PROXIES: {error}. Write addresses or networks with commas, such as"
            " 10.0.0.5, 10.1.0.0/16."
        ) from error
