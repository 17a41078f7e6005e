"""What one live flow supplies to `streams/`, and how its records are written to `raw`.

One folder for each flow: reading its messages, storing its records, its section of sources.toml,
repairing its quarantine. Nothing that two flows share is here.
"""
