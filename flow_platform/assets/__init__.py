"""Dagster assets, one module a stage of the lineage; thin: key, deps, metadata.

What a stage does is in `stages/`, SQL in `dbt_project/`, partitions in `partitions.py`.
"""
