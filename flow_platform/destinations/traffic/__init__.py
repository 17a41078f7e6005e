"""Readings of road counters: messages over MQTT, and newer hours of the open-data portal."""
