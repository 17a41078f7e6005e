"""The flow deliveries in the HTTP service: predictions for orders, and the orders at risk."""

from flow_platform.api.flow_api import FlowApi
from flow_platform.flows.deliveries.api import orders

API = FlowApi(routers=(orders.router,), day_path="/deliveries/predictions?day={day}")
