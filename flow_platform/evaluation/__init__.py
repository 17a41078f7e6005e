"""Any panel in the convention `unique_id, ds, y`: candidates, selection and honest scores.

The flows' own as-of models, which know calendars, weather and when facts became known, are one
level up. Nothing here reads a database or knows Dagster.
"""
