"""Live streams: receiving messages over MQTT or Kafka and settling each exactly once.

What differs by transport is in the modules named after it; everything else is shared. What one flow
supplies (`destination.Destination`) is in `flow_platform/destinations/`, and nothing here imports
it. Sources that are asked for their days are loaded in `stages/`.
"""
