"""`flow simulate`: what the outside world would send, sent to a broker to try the platform with.

What is sent is made in `sources/deliveries_simulator.py`; `ingest/simulated_stream.py` sends it.
"""

from __future__ import annotations

from typing import Annotated

import typer
from rich.console import Console

from flow_platform.cli.options import JsonOption, print_json
from flow_platform.settings import get_settings

simulate_app = typer.Typer(
    no_args_is_help=True, help="Send what a simulated outside world says to a message broker."
)


@simulate_app.command()
def deliveries(
    rate: Annotated[float, typer.Option(min=0.1, help="Events a second.")],
    brokers: Annotated[
        str | None, typer.Option(help="host:port, several by commas; else by sources.toml.")
    ] = None,
    minutes: Annotated[float | None, typer.Option(min=0, help="Stop after so long.")] = None,
    events: Annotated[int | None, typer.Option(min=1, help="Stop after so many events.")] = None,
    seed: Annotated[
        int | None, typer.Option(help="Another marketplace; without it that of FLOW_SEED.")
    ] = None,
    poison: Annotated[
        float,
        typer.Option(min=0, max=0.9, help="Share of messages, sent beside, that are no events."),
    ] = 0.0,
    as_json: JsonOption = False,
) -> None:
    """Send the simulated marketplace's events of the present days, until stopped or all are sent.

    They come in the order in which they became known, those of the last days first, with names and
    addresses of invented customers. `flow ingest kafka` lands them. Sending them again sends the
    same events, which land once.
    """
    from dataclasses import asdict

    from flow_platform.flows.deliveries.context import DeliveriesContext
    from flow_platform.flows.deliveries.flow import DELIVERIES
    from flow_platform.ingest.simulated_stream import send_events
    from flow_platform.platform import Platform
    from flow_platform.sources.config import deliveries_option
    from flow_platform.sources.deliveries_simulator import Marketplace

    platform = Platform(get_settings())
    config = platform.sources[DELIVERIES.name]
    market = platform.kept(DeliveriesContext).simulated
    if seed is not None:
        market = Marketplace(market.place, seed)
    sent = send_events(
        market,
        brokers=brokers or deliveries_option(config, "brokers"),
        topic_prefix=deliveries_option(config, "topic_prefix"),
        rate=rate,
        seconds=None if minutes is None else minutes * 60,
        most=events,
        poison=poison,
    )
    if as_json:
        print_json(asdict(sent))
        return
    Console(stderr=True).print(
        f"{sent.events:,} events of {sent.orders:,} orders and {sent.poison:,} messages that are"
        f" none were sent in {sent.seconds:.0f} s. `flow ingest kafka` lands them; `flow ingest"
        " status` shows how many have landed.",
        highlight=False,
    )
