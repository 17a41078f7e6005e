"""The HTTP service: what client programs call. It reads published views and owns its accounts.

Nothing is trained, loaded or scheduled here; those are Dagster's, which the service asks over HTTP.
"""
