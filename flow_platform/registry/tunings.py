"""Keeps searches for LightGBM's parameters: trials in Optuna's database, results in `ml.tunings`.

Which parameters a month's vintages use is answered here; how they are sought is in
`forecasting/daily/tuning.py`.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import date
from typing import TYPE_CHECKING, Any

from psycopg import sql
from psycopg.types.json import Jsonb

from flow_platform.models.boosters import Boosting
from flow_platform.warehouse.server import OPTUNA_DATABASE
from flow_platform.warehouse.store import Store

if TYPE_CHECKING:
    import optuna

    from flow_platform.forecasting.daily.tuning import Tuned


@dataclass(frozen=True)
class Tuning:
    """What a search found for the vintages of a measure from `month` on."""

    flow: str
    measure: str
    month: date
    study: str
    tuned: Tuned

    def __str__(self) -> str:
        return f"{self.flow} {self.measure} {self.month:%Y-%m}: {self.tuned}"

    def as_row(self) -> dict[str, Any]:
        """The columns of `ml.tunings`."""
        return {
            "flow": self.flow,
            "measure": self.measure,
            "month": self.month,
            "study": self.study,
            "parameters": asdict(self.tuned.boosting),
            "trials": self.tuned.trials,
            "seconds": self.tuned.seconds,
            "loss": self.tuned.loss,
            "default_loss": self.tuned.default_loss,
            "adopted": self.tuned.adopted,
        }


@dataclass(frozen=True)
class Tunings:
    """The tunings of one home."""

    store: Store

    def boosting(self, flow: str, measure: str, month: date) -> Boosting:
        """The parameters that vintages of `month` use: no tuning of a later month is looked at.

        The newest tuning decides. One that found nothing better means the defaults.
        """
        newest = self.store.read(
            "select parameters, adopted from ml.tunings"
            " where flow = %(flow)s and measure = %(measure)s and month <= %(month)s"
            " order by month desc, tuning_id desc limit 1",
            {"flow": flow, "measure": measure, "month": month},
        )
        if newest.empty or not newest["adopted"].iloc[0]:
            return Boosting()
        return Boosting(**newest["parameters"].iloc[0])

    def record(self, tuning: Tuning) -> None:
        """Keep what a search found."""
        row = tuning.as_row() | {"parameters": Jsonb(asdict(tuning.tuned.boosting))}
        with self.store.connect() as connection:
            connection.execute(
                sql.SQL("insert into ml.tunings ({}) values ({})").format(
                    sql.SQL(", ").join(map(sql.Identifier, row)),
                    sql.SQL(", ").join(map(sql.Placeholder, row)),
                ),
                row,
            )

    @contextmanager
    def study(self, name: str) -> Iterator[optuna.Study]:
        """The study of this name, as earlier searches left it, or a new one.

        One process at a time searches; others wait. So a trial that still runs in it was killed.
        """
        import optuna

        optuna.logging.set_verbosity(optuna.logging.WARNING)
        with self.store.connect() as connection:
            connection.execute("select pg_advisory_xact_lock(hashtext('tune'))")
            storage = optuna.storages.RDBStorage(
                self.store.server.url(self.store.role, OPTUNA_DATABASE)
            )
            try:
                yield optuna.create_study(study_name=name, storage=storage, load_if_exists=True)
            finally:
                storage.engine.dispose()
