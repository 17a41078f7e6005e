"""Jobs of one op, which people start: they make no asset and have no partitions."""

import dagster as dg


def job_of(op: dg.OpDefinition, *, name: str, description: str) -> dg.JobDefinition:
    """The job `name` that runs `op` once."""

    @dg.job(name=name, description=description)
    def job() -> None:
        op()

    return job
