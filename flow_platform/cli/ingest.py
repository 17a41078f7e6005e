"""`flow ingest`: receive messages of counters and orders, fetch newer hours, show the state.

Nothing is decided here: see `streams/`, and `flows/<flow>/live/` for what is one flow's own.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Annotated

import typer

from flow_platform.cli.options import JsonOption, print_json
from flow_platform.ground.roles import INGEST_ROLE
from flow_platform.settings import get_settings

if TYPE_CHECKING:
    from flow_platform.platform import Platform
    from flow_platform.streams.kafka_lag import Reach
    from flow_platform.streams.state import StreamState

FLOW = "traffic"
DELIVERIES = "deliveries"

BrokersOption = Annotated[
    str | None,
    typer.Option(help="Such as 127.0.0.1:9092, several with commas; default: sources.toml."),
]
ClientOption = Annotated[
    list[str] | None,
    typer.Option(help="A setting of librdkafka as key=value; takes precedence over sources.toml."),
]
MaxMessagesOption = Annotated[int | None, typer.Option(min=1, help="Stop after so many messages.")]
IdleSecondsOption = Annotated[
    float | None, typer.Option(min=0, help="Stop when nothing has arrived for so long.")
]

ingest_app = typer.Typer(
    no_args_is_help=True,
    help="Streams: counters over MQTT, newer hours of the portal, orders over Kafka; their state.",
)


@ingest_app.command()
def mqtt(
    broker: Annotated[
        str | None, typer.Option(help="Such as mqtts://user@broker:8883; default: sources.toml.")
    ] = None,
    topic: Annotated[
        str | None,
        typer.Option(help="Topic to subscribe, + for the counter; default: sources.toml."),
    ] = None,
    client_id: Annotated[
        str | None, typer.Option(help="Name of the session at the broker; default: sources.toml.")
    ] = None,
    max_messages: MaxMessagesOption = None,
    idle_seconds: IdleSecondsOption = None,
) -> None:
    """Subscribe to the road counters and store each message exactly once, until stopped.

    Settings are those of [traffic] in sources.toml (broker, topic, client_id, columns); the
    password may be given by FLOW_MQTT_PASSWORD. SIGTERM ends it after everything received is
    stored.
    """
    from flow_platform.flows.traffic.context import TrafficContext
    from flow_platform.flows.traffic.live.messages import counter_messages
    from flow_platform.flows.traffic.live.subscriber_options import subscriber_options
    from flow_platform.ground import crash_points
    from flow_platform.streams.mqtt import MqttSubscriber
    from flow_platform.streams.mqtt_settlement import MqttSettlement

    platform = prepared()
    settings = platform.settings
    secret = settings.mqtt_password
    config = platform.kept(TrafficContext).source
    options = subscriber_options(
        config,
        broker=broker,
        topic=topic,
        client_id=client_id,
        password=secret.get_secret_value() if secret else None,
    )
    crash_points.arm(settings.crash_at)
    destination = counter_messages(config, options.topic)
    MqttSubscriber(
        options,
        MqttSettlement(platform.store(INGEST_ROLE), destination, options.client_id),
        on_centres=lambda ids: _remember_counters(platform, ids),
        max_messages=max_messages,
        idle_seconds=idle_seconds,
    ).run()


@ingest_app.command()
def kafka(
    brokers: BrokersOption = None,
    group: Annotated[
        str | None, typer.Option(help="Consumer group; default: sources.toml.")
    ] = None,
    topics: Annotated[
        str | None, typer.Option(help="Some of orders,payments,tracking,logs; default: all.")
    ] = None,
    client: ClientOption = None,
    from_earliest: Annotated[
        bool,
        typer.Option(
            "--from-earliest",
            help="If the broker deleted messages that were not read yet: continue, count the loss.",
        ),
    ] = False,
    max_messages: MaxMessagesOption = None,
    idle_seconds: IdleSecondsOption = None,
) -> None:
    """Consume the events of orders and store each exactly once, until stopped.

    Settings are those of [deliveries] in sources.toml: brokers, group, topic_prefix, regions, and
    client for settings of librdkafka, such as security.protocol. Several may run at once in one
    group. SIGTERM ends it after everything received is stored.
    """
    from flow_platform.flows.deliveries.context import DeliveriesContext
    from flow_platform.flows.deliveries.live.consumer_options import consumer_options
    from flow_platform.flows.deliveries.live.messages import order_messages
    from flow_platform.ground import crash_points
    from flow_platform.streams.kafka import KafkaSubscriber
    from flow_platform.streams.kafka_messages import SOURCE
    from flow_platform.streams.settlement import Settlement

    platform = prepared()
    kept = platform.kept(DeliveriesContext)
    options = consumer_options(
        kept.source,
        brokers=brokers,
        group=group,
        topics=topics.split(",") if topics else None,
        client=client or (),
    )
    crash_points.arm(platform.settings.crash_at)
    destination = order_messages(kept.source, kept.pseudonyms)
    KafkaSubscriber(
        options,
        Settlement(platform.store(INGEST_ROLE), SOURCE, destination),
        on_centres=lambda regions: _remember_regions(platform, regions),
        from_earliest=from_earliest,
        max_messages=max_messages,
        idle_seconds=idle_seconds,
    ).run()


@ingest_app.command()
def http(
    every: Annotated[
        float | None,
        typer.Option(min=1, help="Ask again after so many seconds, until stopped; default: once."),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Fetch the hours that the open-data portal has published since the last time, page by page.

    Each page is stored with its cursor in one transaction. Hours of the last two days that the
    portal has changed or published late are read again; with --every this is looked for once an
    hour. Older days: flow backfill traffic.
    """
    import time
    from dataclasses import asdict

    from flow_platform.flows.traffic.context import TrafficContext
    from flow_platform.flows.traffic.live.portal import fetch_newer
    from flow_platform.flows.traffic.portal import CREDIT
    from flow_platform.ground.errors import SourceError

    platform = prepared()
    kept = platform.kept(TrafficContext)
    compared_at: datetime | None = None
    while True:
        now = datetime.now(UTC)
        is_compared = compared_at is None or now - compared_at >= timedelta(hours=1)
        if is_compared:
            compared_at = now
        try:
            fetched = fetch_newer(
                *(platform.store(INGEST_ROLE), kept.source, kept.cache, now),
                is_compared=is_compared,
            )
        except SourceError as error:
            if every is None:
                raise
            _print(str(error))
        else:
            if as_json:
                print_json(asdict(fetched))
            else:
                newest = f"{fetched.newest:%Y-%m-%d %H:%M} UTC" if fetched.newest else "none newer"
                _print(
                    f"{fetched.stored:,} readings stored, {fetched.repeated:,} known already,"
                    f" {fetched.quarantined:,} in quarantine; newest hour: {newest}. {CREDIT}."
                )
                if fetched.changed and fetched.read_again_from:
                    _print(
                        f"The data set {_BEGUN_AGAIN[fetched.changed]}: hours after"
                        f" {fetched.read_again_from:%Y-%m-%d %H:%M} UTC. Older days are loaded"
                        " again by `flow backfill traffic`."
                    )
        if every is None:
            return
        time.sleep(every)


@ingest_app.command()
def replay(
    topic: Annotated[str, typer.Option(help="Topic, by the broker's name.")],
    partition: Annotated[int, typer.Option(min=0, help="Number of the partition.")],
    from_offset: Annotated[
        int | None, typer.Option(min=0, help="First offset to read again.")
    ] = None,
    from_time: Annotated[
        datetime | None,
        typer.Option(
            formats=["%Y-%m-%d", "%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S"],
            help="Or the moment to begin at, UTC.",
        ),
    ] = None,
    to_offset: Annotated[
        int | None, typer.Option(min=0, help="Last offset; default: as far as is settled.")
    ] = None,
    brokers: BrokersOption = None,
    client: ClientOption = None,
    as_json: JsonOption = False,
) -> None:
    """Read a range of a partition again: fill gaps, and repair what can be read by now.

    Messages that are stored already count as repeated; the position of the consumers does not
    move.
    """
    from flow_platform.flows.deliveries.context import DeliveriesContext
    from flow_platform.flows.deliveries.live.consumer_options import consumer_options
    from flow_platform.flows.deliveries.live.messages import order_messages
    from flow_platform.ground.errors import ConfigurationError
    from flow_platform.streams.kafka_replay import replay as read_again

    if (from_offset is None) == (from_time is None):
        raise ConfigurationError("Give one of --from-offset and --from-time.")
    platform = prepared()
    kept = platform.kept(DeliveriesContext)
    outcome = read_again(
        consumer_options(kept.source, brokers=brokers, client=client or ()),
        platform.store(INGEST_ROLE),
        order_messages(kept.source, kept.pseudonyms),
        topic,
        partition,
        from_offset=from_offset,
        from_time=None if from_time is None else from_time.replace(tzinfo=UTC),
        to_offset=to_offset,
    )
    found = {
        "first_offset": outcome.first,
        "last_offset": outcome.last,
        "messages": outcome.messages,
        "stored": outcome.stored,
        "repeated": outcome.repeated,
        "erased": outcome.erased,
        "quarantined": outcome.quarantined,
        "repaired": outcome.repaired,
    }
    if as_json:
        print_json(found)
    else:
        _print(
            f"{topic}/{partition}, offsets {outcome.first:,} to {outcome.last:,}:"
            f" {outcome.messages:,} messages, {outcome.stored:,} stored now,"
            f" {outcome.repeated:,} known already, {outcome.quarantined:,} in quarantine,"
            f" {outcome.erased:,} of erased persons; {outcome.repaired:,} rows of quarantine"
            " repaired."
        )


@ingest_app.command()
def status(brokers: BrokersOption = None, as_json: JsonOption = False) -> None:
    """Show the state of the streams: messages by topic, the newest, the lag, open quarantine."""
    from flow_platform.flows.deliveries.context import DeliveriesContext
    from flow_platform.flows.deliveries.live.consumer_options import consumer_options
    from flow_platform.streams.kafka_lag import reaches
    from flow_platform.streams.kafka_messages import SOURCE
    from flow_platform.streams.offsets import Offsets
    from flow_platform.streams.state import stream_state

    platform = prepared()
    now = datetime.now(UTC)
    store = platform.store(INGEST_ROLE)
    states = {flow: stream_state(store, flow, now) for flow in (FLOW, DELIVERIES)}
    found: dict[str, Reach] = {}
    config = platform.kept(DeliveriesContext).source
    if config.kind == "kafka" or brokers is not None:
        with store.connect() as connection:
            positions = Offsets(DELIVERIES, SOURCE).read(connection)
        found = reaches(consumer_options(config, brokers=brokers), positions)
    if as_json:
        printed = {flow: state.as_json() for flow, state in states.items()}
        for topic in printed[DELIVERIES]["topics"]:
            reach = found.get(topic["topic"])
            topic["end"] = None if reach is None else reach.end
            topic["lag_messages"] = None if reach is None else reach.behind
            topic["is_other_log"] = None if reach is None else reach.is_other_log
        print_json(printed)
        return
    shown = [state for state in states.values() if state.messages or state.lost]
    for state in shown:
        _show(state, found)
    if not shown:
        _print(
            'No message has arrived yet. `flow ingest mqtt` subscribes; with kind = "mqtt" under'
            " [traffic] in sources.toml `flow up` does so too. `flow ingest kafka` consumes the"
            " events of orders."
        )


def _remember_regions(platform: Platform, regions: set[str]) -> None:
    from flow_platform.flows.deliveries.context import DeliveriesContext
    from flow_platform.flows.deliveries.regions import remember_regions

    remember_regions(platform.kept(DeliveriesContext).cache, regions)


def _remember_counters(platform: Platform, ids: set[str]) -> None:
    from flow_platform.flows.traffic.context import TrafficContext
    from flow_platform.flows.traffic.counters import Counter, remember_counters

    named = [Counter(one, one, None, None, None) for one in ids]
    remember_counters(platform.kept(TrafficContext).cache, named)


def prepared() -> Platform:
    """The platform with its database in place. The part of dbt is not needed, and takes long."""
    from flow_platform.platform import Platform
    from flow_platform.privacy.erasing import reapply_erasures
    from flow_platform.warehouse.migrate import migrate
    from flow_platform.warehouse.server import create_roles_and_databases

    platform = Platform(get_settings())
    create_roles_and_databases(platform.server)
    migrate(platform.server)
    # A backup that was restored may hold persons who were erased since then.
    reapply_erasures(platform)
    return platform


def _short_moment(at: datetime, now: datetime) -> str:
    """The time if it is today, with the date if it is another day."""
    return f"{at:%H:%M:%S}" if at.date() == now.date() else f"{at:%Y-%m-%d %H:%M}"


def _show(state: StreamState, reaches: Mapping[str, Reach]) -> None:
    from rich.box import SIMPLE
    from rich.console import Console
    from rich.table import Table

    of_hours = state.flow == FLOW
    rows = state.by_topic if of_hours else state.by_topic.sort_values("topic")
    # No column of zeros: a terminal has eighty characters.
    counted = ["messages" if of_hours else "position", "stored", "quarantined"]
    counted += [name for name in ("repeated", "erased", "lost") if rows[name].any()]
    table = Table(title=f"{state.flow}, messages settled", box=SIMPLE, pad_edge=False, padding=0)
    table.add_column("topic")
    for name in (*counted, *(() if of_hours else ("behind",))):
        table.add_column(name, justify="right", no_wrap=True)
    for name in ("last message", "newest hour" if of_hours else "newest event"):
        table.add_column(name, no_wrap=True)
    for row in rows.to_dict("records"):
        newest_at = row["last_event_at"]
        reach = reaches.get(row["topic"])
        behind = "unknown" if reach is None else f"{reach.behind:,}"
        table.add_row(
            row["topic"],
            *(f"{row[name]:,}" for name in counted),
            *(() if of_hours else (behind,)),
            _short_moment(row["last_message_at"], state.at),
            _short_moment(newest_at, state.at) if newest_at == newest_at else "none",
        )
    Console().print(table)
    last, newest = state.last_message_at, state.last_event_at
    more = f", {state.erased:,} of erased persons" if state.erased else ""
    _print(
        f"In total {state.messages:,} messages: {state.stored:,} stored, {state.quarantined:,} in"
        f" quarantine, {state.repeated:,} repeated{more}."
    )
    if state.lost:
        _print(f"Lost: {state.lost:,} offsets that the broker had deleted before they were read.")
    for name, reach in reaches.items():
        if not of_hours and reach.is_other_log:
            _print(
                f"{name} is another log at the broker than the one that is settled:"
                " `flow ingest kafka` reads it from its beginning."
            )
    _show_begun_again(state)
    if last is not None:
        _print(f"Last message {last:%Y-%m-%d %H:%M:%S} UTC, {_ago(state.at - last)} ago.")
    if newest is not None:
        behind = _ago(state.at - newest)
        what = "Newest hour counted ends" if of_hours else "Newest event occurred"
        _print(f"{what} {newest:%Y-%m-%d %H:%M} UTC; lag {behind}.")
    if state.open_reasons:
        reasons = ", ".join(f"{code} {rows:,}" for code, rows in state.open_reasons.items())
        _print(
            f"Open in quarantine: {reasons} ({state.quarantined_last_day:,} in the last 24 hours)."
        )


_BEGUN_AGAIN = {
    "recreated": "was created again at the broker; it is read from its beginning",
    "truncated": "has lost its end at the broker; it is read from its beginning again",
    "emptied": "was emptied; what it publishes again is read",
    "shorter": "has lost its newest hours; what it publishes again is read",
    "changed": "has changed hours that were fetched; they were read again",
}


def _show_begun_again(state: StreamState) -> None:
    for row in state.begun_again.to_dict("records"):
        why = _BEGUN_AGAIN[row["begun_again_why"]]
        _print(
            f"{row['topic']} {why} (incarnation {row['incarnation']}, since"
            f" {row['begun_again_at']:%Y-%m-%d %H:%M} UTC)."
        )
    for row in state.sessions.to_dict("records"):
        name = f"session {row['client_id']} of {row['broker']}"
        if row["lost"]:
            _print(
                f"The {name} was lost at the broker {row['lost']:,} times, last"
                f" {row['lost_at']:%Y-%m-%d %H:%M} UTC: messages that it held did not arrive."
            )
        if row["taken_over"]:
            _print(
                f"The {name} was taken over by another client {row['taken_over']:,} times, last"
                f" {row['taken_over_at']:%Y-%m-%d %H:%M} UTC: give each client an id of its own."
            )


def _ago(span: timedelta) -> str:
    seconds = int(span.total_seconds())
    if abs(seconds) < 120:
        return f"{seconds} s"
    if abs(seconds) < 2 * 3600:
        return f"{seconds // 60} min"
    return f"{seconds // 3600} h" if abs(seconds) < 48 * 3600 else f"{seconds // 86400} days"


def _print(text: str) -> None:
    from rich.console import Console

    Console().print(text, highlight=False, soft_wrap=True, markup=False)
