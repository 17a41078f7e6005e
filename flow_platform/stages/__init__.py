"""What each stage of the lineage does to a rectangle of partitions, as plain functions.

`assets/` wraps them for Dagster; benchmarks and tests call them without it. A stage reads its
inputs from the warehouse, calls the pure packages and replaces its partitions.
"""
