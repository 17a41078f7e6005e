"""The sensor that has orders from streams merged and scored, in micro-batches.

It requests the partitions whose orders got new events, in few runs; no payload is in a request.
Which marks are open or claimed is in `touched.py`.
"""

from collections.abc import Iterator
from datetime import UTC, datetime

import dagster as dg

from flow_platform.flows.deliveries.flow import DELIVERIES
from flow_platform.flows.deliveries.touched import claim, open_requests, release, settle
from flow_platform.flows.kinds import Flow
from flow_platform.ground.rectangle import covering
from flow_platform.ground.roles import INGEST_ROLE
from flow_platform.partitions import rectangle_tags
from flow_platform.platform import Platform

# Tags of a request's runs: its name, the number of the run, and how many there are.
REQUEST_TAG, RUN_TAG, RUNS_TAG = "flow/touched", "flow/touched_run", "flow/touched_runs"
MOST_RUNS = 4


def touched_sensors() -> list[dg.SensorDefinition]:
    """The sensor of the flow whose rows may arrive in streams.

    It exists for every kind of source: erasing a person marks orders too, whose sums must be
    computed again.
    """
    flow = DELIVERIES

    @dg.sensor(
        name=f"merge_touched_{flow.name}",
        job_name=f"{flow.name}_daily",
        minimum_interval_seconds=60,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Asks for the centres and days whose orders got new events since the last time,"
        " until runs have merged and scored them.",
        required_resource_keys={"platform"},
    )
    def merge_touched(
        context: dg.SensorEvaluationContext,
    ) -> Iterator[dg.RunRequest | dg.SkipReason]:
        chosen: Platform = context.resources.platform
        store = chosen.store(INGEST_ROLE)
        for request in open_requests(store, flow):
            runs = context.instance.get_runs(dg.RunsFilter(tags={REQUEST_TAG: request}))
            if any(not run.is_finished for run in runs):
                yield dg.SkipReason(f"{len(runs)} runs of request {request} are at work.")
                return
            done = {run.tags[RUN_TAG] for run in runs if run.is_success}
            if runs and len(done) == int(runs[0].tags[RUNS_TAG]):
                settle(store, request)
            else:
                context.log.warning("The runs of request %s failed; asked for again.", request)
                release(store, request)
        yield from _ask(context, chosen, flow)

    return [merge_touched]


def _ask(
    context: dg.SensorEvaluationContext, platform: Platform, flow: Flow
) -> Iterator[dg.RunRequest | dg.SkipReason]:
    store = platform.store(INGEST_ROLE)
    made = claim(store, flow)
    if made is None:
        yield dg.SkipReason("No order has got an event since the last time.")
        return
    centres = platform.areas_of(flow)
    first, today = platform.settings.first_day, datetime.now(UTC).date()
    cells = [cell for cell in made.cells if cell[0] in centres and first <= cell[1] <= today]
    outside = len(made.cells) - len(cells)
    if outside:
        context.log.warning(
            "%d centres and days that events touched are no partitions: regions that this graph"
            " does not know yet (reload it), or days outside %s to %s.",
            outside,
            first,
            today,
        )
    if not cells:
        # Kept where a reload of the graph may bring the region.
        (release if outside else settle)(store, made.request)
        yield dg.SkipReason(
            f"{made.orders:,} orders got events; {made.unknown:,} of them were not placed yet, and"
            f" {outside} partitions of the others are not in this graph."
        )
        return
    rectangles = covering(cells, centres, MOST_RUNS)
    for number, keys in enumerate(rectangles):
        yield dg.RunRequest(
            run_key=f"{made.request} {number}",
            tags={
                **rectangle_tags(keys),
                REQUEST_TAG: made.request,
                RUN_TAG: str(number),
                RUNS_TAG: str(len(rectangles)),
            },
        )
