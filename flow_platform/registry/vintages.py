"""Registers trained vintages, keeps the champions of months and every decision on who serves.

MLflow holds artefacts and versions; `ml.vintages` is what the rest of the platform reads, so that a
forecast needs no MLflow. Training itself is in `forecasting/`; nothing here knows of Dagster.
"""

from __future__ import annotations

import json
import os
import tempfile
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd
import psycopg
from psycopg import sql

from flow_platform.ground.errors import ModelError
from flow_platform.ground.roles import ML_ROLE
from flow_platform.models.artefacts import checksum_of
from flow_platform.models.promotion import trained_until
from flow_platform.models.vintage import Vintage
from flow_platform.registry.promotions import Decision, ServingPeriod, serving_history
from flow_platform.warehouse.server import MLFLOW_DATABASE
from flow_platform.warehouse.store import Store

if TYPE_CHECKING:
    from flow_platform.models.vintage import TrainedModel


@dataclass(frozen=True)
class Registry:
    """The vintages of one home."""

    store: Store
    home: Path

    def vintages(self, flow: str, measure: str) -> list[Vintage]:
        """Every vintage of a measure, oldest month first."""
        frame = self.store.read(
            "select flow, measure, candidate, month, cutoff, model_version, is_champion, sha256,"
            " artefact_path, fingerprint, metrics, train_first, train_last, trained_rows"
            " from ml.vintages"
            " where flow = %(flow)s and measure = %(measure)s order by month, candidate",
            {"flow": flow, "measure": measure},
        )
        return [
            Vintage(
                **{str(key): value for key, value in row.items()}
                | {name: row[name].date() for name in ("month", "train_first", "train_last")}
            )
            for row in frame.to_dict("records")
        ]

    def champions(self, flow: str, measure: str) -> list[Vintage]:
        """The champion of each month that has one, oldest first."""
        return [vintage for vintage in self.vintages(flow, measure) if vintage.is_champion]

    def find(self, version: str) -> Vintage:
        """The vintage of a version. Raises ModelError where there is none."""
        frame = self.store.read(
            "select flow, measure from ml.vintages where model_version = %(version)s",
            {"version": version},
        )
        if frame.empty:
            raise ModelError(
                f"There is no vintage {version}. `flow models list` names them; a vintage that was"
                " trained again has another version."
            )
        flow, measure = frame.iloc[0]
        return next(v for v in self.vintages(flow, measure) if v.model_version == version)

    def serving_history(self, flow: str, measure: str) -> list[ServingPeriod]:
        """Which vintage serves from which day on, oldest first."""
        return serving_history(self.champions(flow, measure), self.manual_decisions(flow, measure))

    def manual_decisions(self, flow: str, measure: str) -> list[ServingPeriod]:
        """The promotions and rollbacks that people decided, oldest first."""
        vintages = {(v.candidate, v.month): v for v in self.vintages(flow, measure)}
        frame = self.store.read(
            "select effective_day, kind, serving_candidate, serving_month from ml.promotions"
            " where flow = %(flow)s and measure = %(measure)s and kind in ('promote', 'rollback')"
            " order by decision_id",
            {"flow": flow, "measure": measure},
        )
        found = (
            (row, vintages.get((row["serving_candidate"], row["serving_month"].date())))
            for row in frame.to_dict("records")
        )
        return [
            ServingPeriod(row["effective_day"].date(), vintage, row["kind"] == "rollback")
            for row, vintage in found
            if vintage is not None
        ]

    def decisions(self, flow: str, measure: str) -> pd.DataFrame:
        """Every row of `ml.promotions` of a measure, in the order they were decided."""
        return self.store.read(
            "select * from ml.promotions where flow = %(flow)s and measure = %(measure)s"
            " order by decision_id",
            {"flow": flow, "measure": measure},
        )

    def register(
        self, flow: str, measure: str, month: date, trained: TrainedModel, fingerprint: str
    ) -> Vintage:
        """Record a trained model as the vintage of its candidate and month.

        The version is named after the artefacts' sha256: registering the same bytes again, also
        after a crash half-way, finds what is there and changes nothing. Raises ModelError for a
        model that learned from anything after the cut-off or the month it claims.
        """
        claimed = min(trained.cutoff, pd.Timestamp(month, tz="UTC"))
        learned = max(trained_until(trained.artefacts), trained.train_last.tz_localize("UTC"))
        if learned > claimed:
            raise ModelError(
                f"{trained.candidate} claims the cut-off {claimed:%Y-%m-%d %H:%M} UTC but learned"
                f" until {learned:%Y-%m-%d %H:%M}: it was trained on test rows and is not"
                " registered. Train it with the cut-off that it is registered under."
            )
        checksum = checksum_of(trained.artefacts)
        version = f"{trained.candidate}-{month:%Y-%m}-{checksum[:8]}"
        path = self._store_artefacts(flow, measure, version, checksum, trained)
        vintage = Vintage(
            flow=flow,
            measure=measure,
            candidate=trained.candidate,
            month=month,
            cutoff=trained.cutoff,
            model_version=version,
            is_champion=False,
            sha256=checksum,
            artefact_path=path,
            fingerprint=fingerprint,
            metrics={name: float(value) for name, value in trained.metrics.items()},
            train_first=trained.train_first.date(),
            train_last=trained.train_last.date(),
            trained_rows=trained.trained_rows,
        )
        with self.store.connect() as connection:
            connection.execute(
                """
                insert into ml.vintages (flow, measure, candidate, month, cutoff, model_version,
                    sha256, artefact_path, fingerprint, metrics, trained_rows, train_first,
                    train_last)
                values (%(flow)s, %(measure)s, %(candidate)s, %(month)s, %(cutoff)s, %(version)s,
                    %(sha256)s, %(path)s, %(fingerprint)s, %(metrics)s, %(rows)s, %(first)s,
                    %(last)s)
                on conflict (flow, measure, candidate, month) do update set
                    cutoff = excluded.cutoff, model_version = excluded.model_version,
                    sha256 = excluded.sha256, artefact_path = excluded.artefact_path,
                    fingerprint = excluded.fingerprint, metrics = excluded.metrics,
                    trained_rows = excluded.trained_rows, train_first = excluded.train_first,
                    train_last = excluded.train_last,
                    trained_at = case when ml.vintages.sha256 = excluded.sha256
                        then ml.vintages.trained_at else now() end
                """,
                {
                    "flow": flow,
                    "measure": measure,
                    "candidate": trained.candidate,
                    "month": month,
                    "cutoff": trained.cutoff.to_pydatetime(),
                    "version": version,
                    "sha256": checksum,
                    "path": path,
                    "fingerprint": fingerprint,
                    "metrics": json.dumps(vintage.metrics),
                    "rows": trained.trained_rows,
                    "first": vintage.train_first,
                    "last": vintage.train_last,
                },
            )
        return vintage

    def record_months(self, flow: str, measure: str, decisions: Sequence[Decision]) -> None:
        """Make each decision's vintage its month's champion, and keep the decision if it is new.

        All in one transaction: a month's champion follows from those before.
        """
        where = "flow = %s and measure = %s and month = %s"
        with self.store.connect() as connection:
            for decision in decisions:
                key = (flow, measure, decision.effective_day, decision.serving.candidate)
                connection.execute(
                    f"update ml.vintages set is_champion = false"
                    f" where {where} and is_champion and candidate <> %s",
                    key,
                )
                connection.execute(
                    f"update ml.vintages set is_champion = true where {where} and candidate = %s",
                    key,
                )
                row = decision.as_row()
                newest = connection.execute(
                    "select champion_version, challenger_version, promoted, reason"
                    " from ml.promotions where flow = %s and measure = %s and effective_day = %s"
                    " and kind in ('first', 'monthly') order by decision_id desc limit 1",
                    key[:3],
                ).fetchone()
                decided = ("champion_version", "challenger_version", "promoted", "reason")
                if newest != tuple(row[name] for name in decided):
                    _insert(connection, row)

    def record(self, decision: Decision) -> None:
        """Record a decision of a person, or a refusal."""
        with self.store.connect() as connection:
            _insert(connection, decision.as_row())

    def load(self, vintage: Vintage) -> dict[str, bytes]:
        """The vintage's artefacts by file name, after their sha256 was checked.

        Raises ModelError when a file is missing or is not what was registered.
        """
        folder = self.home / vintage.artefact_path
        remedy = f"Train it again: flow train {vintage.flow} --from {vintage.month:%Y-%m}."
        if not folder.is_dir():
            raise ModelError(f"Vintage {vintage.model_version} has no files in {folder}. {remedy}")
        artefacts = {path.name: path.read_bytes() for path in sorted(folder.iterdir())}
        if checksum_of(artefacts) != vintage.sha256:
            raise ModelError(
                f"The files of vintage {vintage.model_version} in {folder} are not what was"
                f" registered: their sha256 differs. {remedy}"
            )
        return artefacts

    @contextmanager
    def training_lock(self, flow: str) -> Iterator[None]:
        """One process at a time trains a flow's vintages; others wait, then find them trained."""
        with self.store.connect() as connection:
            connection.execute("select pg_advisory_xact_lock(hashtext(%s))", (f"train {flow}",))
            yield

    def _store_artefacts(
        self, flow: str, measure: str, version: str, checksum: str, trained: TrainedModel
    ) -> str:
        """Put the artefacts into MLflow unless they are there; return their path in the home."""
        client = self._client()
        from mlflow.entities import Metric, Param

        name = f"{flow}.{measure}"
        experiment = client.get_experiment_by_name(name)
        experiment_id = (
            experiment.experiment_id
            if experiment
            else client.create_experiment(
                name, artifact_location=str(self.home / "models" / flow / measure)
            )
        )
        found = client.search_runs(
            [experiment_id],
            filter_string=f"tags.sha256 = '{checksum}' and tags.complete = 'yes'",
            max_results=1,
        )
        if found:
            run = found[0]
            path = Path(run.info.artifact_uri.removeprefix("file://"))
            if path.is_dir():
                return str(path.relative_to(self.home))
        run = client.create_run(
            experiment_id,
            run_name=version,
            tags={"sha256": checksum, "candidate": trained.candidate},
        )
        client.log_batch(
            run.info.run_id,
            metrics=[
                Metric(metric, float(value), 0, 0)
                for metric, value in trained.metrics.items()
                if value == value
            ],
            params=[
                Param("cutoff", str(trained.cutoff)),
                Param("train_first", str(trained.train_first)),
                Param("train_last", str(trained.train_last)),
                Param("trained_rows", str(trained.trained_rows)),
            ],
        )
        with tempfile.TemporaryDirectory() as folder:
            for file_name, content in trained.artefacts.items():
                (Path(folder) / file_name).write_bytes(content)
            client.log_artifacts(run.info.run_id, folder)
        self._create_version(client, f"{name}.{trained.candidate}", run)
        client.set_tag(run.info.run_id, "complete", "yes")
        client.set_terminated(run.info.run_id)
        return str(Path(run.info.artifact_uri.removeprefix("file://")).relative_to(self.home))

    def _create_version(self, client: Any, name: str, run: Any) -> None:
        from mlflow.exceptions import MlflowException

        try:
            client.get_registered_model(name)
        except MlflowException:
            client.create_registered_model(name)
        client.create_model_version(name, run.info.artifact_uri, run.info.run_id)

    def _client(self) -> Any:
        os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
        os.environ.setdefault("MLFLOW_LOGGING_LEVEL", "WARNING")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            from mlflow import MlflowClient

            return MlflowClient(tracking_uri=self.store.server.url(ML_ROLE, MLFLOW_DATABASE))


def _insert(connection: psycopg.Connection, row: Mapping[str, Any]) -> None:
    connection.execute(
        sql.SQL("insert into ml.promotions ({}) values ({})").format(
            sql.SQL(", ").join(map(sql.Identifier, row)),
            sql.SQL(", ").join(map(sql.Placeholder, row)),
        ),
        row,
    )
