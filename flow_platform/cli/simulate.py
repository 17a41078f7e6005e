"""`flow simulate`: sends messages of a simulated outside world to a broker, to try the platform.

The messages are made in `flows/deliveries/simulator/` and sent by
`flows/deliveries/order_producer.py`.
"""

from __future__ import annotations

from typing import Annotated

import typer
from rich.console import Console

from flow_platform.cli.options import JsonOption, print_json
from flow_platform.settings import get_settings

simulate_app = typer.Typer(
    no_args_is_help=True, help="Send messages of a simulated outside world to a broker."
)


@simulate_app.command()
def deliveries(
    rate: Annotated[float, typer.Option(min=0.1, help="Events a second.")],
    brokers: Annotated[
        str | None, typer.Option(help="host:port, several with commas; default: sources.toml.")
    ] = None,
    minutes: Annotated[float | None, typer.Option(min=0, help="Stop after so long.")] = None,
    events: Annotated[int | None, typer.Option(min=1, help="Stop after so many events.")] = None,
    seed: Annotated[
        int | None, typer.Option(help="Another marketplace; default: that of FLOW_SEED.")
    ] = None,
    poison: Annotated[
        float,
        typer.Option(min=0, max=0.9, help="Share of additional messages that are no events."),
    ] = 0.0,
    as_json: JsonOption = False,
) -> None:
    """Send the simulated marketplace's events of the present days, until stopped or all are sent.

    They are sent in the order in which they became known, those of the last days first, with names
    and addresses of invented customers. `flow ingest kafka` stores them. Sending them again sends
    the same events, which are stored once.
    """
    from dataclasses import asdict

    from flow_platform.flows.deliveries.context import DeliveriesContext
    from flow_platform.flows.deliveries.order_producer import send_events
    from flow_platform.flows.deliveries.simulator import Marketplace
    from flow_platform.platform import Platform

    platform = Platform(get_settings())
    kept = platform.kept(DeliveriesContext)
    market = kept.simulated
    if seed is not None:
        market = Marketplace(market.place, seed)
    sent = send_events(
        market,
        brokers=brokers or kept.source.brokers,
        topic_prefix=kept.source.topic_prefix,
        rate=rate,
        seconds=None if minutes is None else minutes * 60,
        most=events,
        poison=poison,
    )
    if as_json:
        print_json(asdict(sent))
        return
    Console(stderr=True).print(
        f"{sent.events:,} events of {sent.orders:,} orders and {sent.poison:,} messages that are no"
        f" events were sent in {sent.seconds:.0f} s. `flow ingest kafka` stores them; `flow ingest"
        " status` shows how many are stored.",
        highlight=False,
    )
