"""PostgreSQL: the embedded server, connections by role, migrations, replacing partitions.

What a table means belongs to `assets/` and `dbt_project/`; SQL that computes belongs to dbt.
"""
