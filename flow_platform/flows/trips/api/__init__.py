"""The flow trips in the HTTP service: predictions of single trips, past trips, zones, means.

Which paths are matched first, and what opens with the service, is declared here.
"""

from flow_platform.api.flow_api import FlowApi
from flow_platform.flows.trips.api import means, predict, records
from flow_platform.flows.trips.api.service import open_trips

API = FlowApi(
    busiest=(predict.router,),
    routers=(records.router, means.router),
    openings=(open_trips,),
    day_path="/trips/predictions?day={day}",
    large_body_paths=frozenset({predict.BATCH_PATH}),
)
