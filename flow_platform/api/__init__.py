"""The HTTP service that client programs call. It reads published views and owns its accounts.

Nothing is trained, loaded or scheduled here; the service asks Dagster for that over HTTP.
"""
