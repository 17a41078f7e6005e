"""`flow ingest`: land the counters' messages and the portal's newer hours, and see how it goes.

Nothing is decided here: see `ingest/mqtt.py`, `ingest/portal.py` and `ingest/state.py`.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Annotated

import typer

from flow_platform.cli_options import JsonOption, print_json
from flow_platform.settings import get_settings

if TYPE_CHECKING:
    from flow_platform.ingest.state import StreamState
    from flow_platform.platform import Platform

FLOW = "traffic"
INGEST_ROLE = "flow_ingest"

ingest_app = typer.Typer(
    no_args_is_help=True,
    help="Live readings: messages over MQTT, newer hours of the portal, and their state.",
)


@ingest_app.command()
def mqtt(
    broker: Annotated[
        str | None, typer.Option(help="Such as mqtts://user@broker:8883; else by sources.toml.")
    ] = None,
    topic: Annotated[
        str | None, typer.Option(help="Topic to subscribe, + for the counter; else sources.toml.")
    ] = None,
    client_id: Annotated[
        str | None, typer.Option(help="Name of the session at the broker; else by sources.toml.")
    ] = None,
    max_messages: Annotated[
        int | None, typer.Option(min=1, help="Stop after so many messages.")
    ] = None,
    idle_seconds: Annotated[
        float | None, typer.Option(min=0, help="Stop when nothing has come for so long.")
    ] = None,
) -> None:
    """Subscribe to the counters of traffic and land each message exactly once, until stopped.

    Settings are those of [traffic] in sources.toml (broker, topic, client_id, columns); the
    password may come from FLOW_MQTT_PASSWORD. SIGTERM ends it when all it has received is stored.
    """
    from flow_platform.ingest import crash
    from flow_platform.ingest.mqtt import Subscriber
    from flow_platform.ingest.options import subscriber_options
    from flow_platform.ingest.settlement import Settlement

    platform = _prepared()
    settings = platform.settings
    secret = settings.mqtt_password
    options = subscriber_options(
        platform.sources[FLOW],
        broker=broker,
        topic=topic,
        client_id=client_id,
        password=secret.get_secret_value() if secret else None,
    )
    crash.arm(settings.crash_at)
    settlement = Settlement(
        platform.store(INGEST_ROLE), FLOW, options.client_id, options.columns, options.topic
    )
    Subscriber(
        options,
        settlement,
        on_counters=lambda ids: _remember(platform, ids),
        max_messages=max_messages,
        idle_seconds=idle_seconds,
    ).run()


@ingest_app.command()
def http(
    every: Annotated[
        float | None,
        typer.Option(min=1, help="Ask again after so many seconds, until stopped; else once."),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Fetch the hours that the open-data portal has since the last time, page by page.

    Each page is stored with its cursor in one transaction. Older days: flow backfill traffic.
    """
    import time
    from dataclasses import asdict

    from flow_platform.errors import SourceError
    from flow_platform.ingest.portal import fetch_newer
    from flow_platform.sources.portal import CREDIT

    platform = _prepared()
    while True:
        try:
            fetched = fetch_newer(
                platform.store(INGEST_ROLE),
                platform.sources[FLOW],
                platform.counters_cache,
                datetime.now(UTC),
            )
        except SourceError as error:
            if every is None:
                raise
            _say(str(error))
        else:
            if as_json:
                print_json(asdict(fetched))
            else:
                newest = f"{fetched.newest:%Y-%m-%d %H:%M} UTC" if fetched.newest else "none newer"
                _say(
                    f"{fetched.stored:,} readings stored, {fetched.repeated:,} known already,"
                    f" {fetched.quarantined:,} in quarantine; newest hour: {newest}. {CREDIT}."
                )
        if every is None:
            return
        time.sleep(every)


@ingest_app.command()
def status(as_json: JsonOption = False) -> None:
    """Show what has come in: messages by topic, the newest, the lag, what lies in quarantine."""
    from flow_platform.ingest.state import stream_state

    state = stream_state(_prepared().store(INGEST_ROLE), FLOW, datetime.now(UTC))
    if as_json:
        print_json(state.as_json())
    elif state.messages:
        _show(state)
    else:
        _say(
            'No message has come in yet. `flow ingest mqtt` subscribes; with kind = "mqtt" under'
            " [traffic] in sources.toml `flow up` does so too."
        )


def _remember(platform: Platform, ids: set[str]) -> None:
    from flow_platform.sources.counters import Counter, remember_counters

    named = [Counter(one, one, None, None, None) for one in ids]
    remember_counters(platform.counters_cache, named)


def _prepared() -> Platform:
    """The platform with its database in place. dbt's part is not needed, and takes long."""
    from flow_platform.platform import Platform
    from flow_platform.warehouse.migrate import migrate
    from flow_platform.warehouse.roles import create_roles_and_databases

    platform = Platform(get_settings())
    create_roles_and_databases(platform.server)
    migrate(platform.server)
    return platform


def _show(state: StreamState) -> None:
    from rich.box import SIMPLE
    from rich.console import Console
    from rich.table import Table

    table = Table(title=f"{state.flow}, messages settled", box=SIMPLE)
    table.add_column("topic", no_wrap=True)
    for name in ("messages", "stored", "quarantined", "repeated", "last message", "newest hour"):
        table.add_column(name)
    for row in state.by_topic.to_dict("records"):
        hour = row["last_event_at"]
        table.add_row(
            row["topic"],
            *(f"{row[name]:,}" for name in ("messages", "stored", "quarantined", "repeated")),
            f"{row['last_message_at']:%Y-%m-%d %H:%M:%S}",
            f"{hour:%Y-%m-%d %H:%M}" if hour == hour else "none",
        )
    Console().print(table)
    last, newest = state.last_message_at, state.last_event_at
    _say(
        f"In total {state.messages:,} messages: {state.stored:,} stored, {state.quarantined:,} in"
        f" quarantine, {state.repeated:,} repeated."
    )
    if last is not None:
        _say(f"Last message {last:%Y-%m-%d %H:%M:%S} UTC, {_ago(state.at - last)} ago.")
    if newest is not None:
        behind = _ago(state.at - newest)
        _say(f"Newest hour counted ends {newest:%Y-%m-%d %H:%M} UTC; lag {behind}.")
    if state.open_reasons:
        reasons = ", ".join(f"{code} {rows:,}" for code, rows in state.open_reasons.items())
        _say(
            f"Open in quarantine: {reasons} ({state.quarantined_last_day:,} in the last 24 hours)."
        )


def _ago(span: timedelta) -> str:
    seconds = int(span.total_seconds())
    if abs(seconds) < 120:
        return f"{seconds} s"
    if abs(seconds) < 2 * 3600:
        return f"{seconds // 60} min"
    return f"{seconds // 3600} h" if abs(seconds) < 48 * 3600 else f"{seconds // 86400} days"


def _say(text: str) -> None:
    from rich.console import Console

    Console().print(text, highlight=False, soft_wrap=True, markup=False)
