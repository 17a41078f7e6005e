"""Forecasts of hourly panels, one to 24 hours ahead: every issue uses only what was known then.

The daily flows are one level up; promotion, metrics and the form of a vintage are shared with them.
Nothing here knows of Dagster or SQL.
"""
