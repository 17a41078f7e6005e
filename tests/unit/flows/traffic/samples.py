"""Readings of counters as the files of Paris write them, for several tests."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import Any

import pandas as pd

from flow_platform.flows.traffic.counters import Counter
from flow_platform.flows.traffic.options import TrafficSource
from flow_platform.flows.traffic.source import read_traffic
from flow_platform.sources.centres import Centre
from flow_platform.sources.landing import Landing
from tests.unit.sources.samples import NOW

FIRST, LAST = date(2021, 1, 1), date(2022, 12, 31)
YEARLY = (
    "iu_ac,libelle,iu_nd_amont,libelle_nd_amont,iu_nd_aval,libelle_nd_aval,"
    "t_1h,q,k,etat_trafic,etat_barre"
)
EXPORT = (
    "Identifiant arc;Libelle;Date et heure de comptage;Débit horaire;Taux d'occupation;Etat trafic;"
    "Identifiant noeud amont;Libelle noeud amont;Identifiant noeud aval;Libelle noeud aval;"
    "Etat arc;Date debut dispo data;Date fin dispo data;geo_point_2d;geo_shape"
)


def yearly(
    stamp: str,
    q: str = "100.0",
    k: str = "5.5",
    *,
    counter: str = "4264",
    label: str = "Av_des_Champs_Elysees",
    state: str = "1",
) -> str:
    return f"{counter},{label},1,A,2,B,{stamp},{q},{k},1,{state}"


def exported(
    stamp: str, q: str = "345.0", k: str = "3.855", *, counter: str = "191", state: str = "Ouvert"
) -> str:
    shape = '"{""coordinates"": [[2.33, 48.85], [2.34, 48.86]], ""type"": ""LineString""}"'
    return (
        f"{counter};Sts_Peres;{stamp};{q};{k};Fluide;114;Voltaire;119;Universite;{state};"
        f"2005-01-01;2019-06-01;48.8572,2.3324;{shape}"
    )


def write(path: Path, header: str, rows: Sequence[str], *, encoding: str = "utf-8") -> Path:
    path.write_bytes("\n".join([header, *rows, ""]).encode(encoding))
    return path


def read(
    path: Path,
    *,
    first: date = FIRST,
    last: date = LAST,
    ids: Sequence[str] = ("4264", "191", "5672", "376"),
    counters: Sequence[Counter] = (),
    now: Any = NOW,
    declared_in: str | None = None,
    centres: Sequence[Centre] | None = None,
    **keys: Any,
) -> Landing:
    config = TrafficSource(kind="files", path=str(path), counters=declared_in, **keys)
    return read_traffic(config, counters, first, last, ids, now=now, centres=centres)


def assert_balanced(landing: Landing) -> None:
    for file in landing.files:
        assert file.rows_read == file.rows_stored + file.rows_quarantined
        assert file.rows_in_file == file.rows_read + file.rows_left + file.rows_repeated
        assert min(file.rows_left, file.rows_repeated, file.rows_stored) >= 0
        assert (landing.rows["source_file"] == file.file).sum() == file.rows_stored
        assert (landing.rejected["source_file"] == file.file).sum() == file.rows_quarantined


def facts(landing: Landing) -> pd.DataFrame:
    """What the rows say, whatever their order and the files that brought them."""
    rows = landing.rows.drop(columns=["source_file", "source_line"])
    return rows.sort_values(["centre_id", "counted_at", "vehicles"]).reset_index(drop=True)


def hours(landing: Landing) -> list[str]:
    return [f"{at:%Y-%m-%d %H}" for at in landing.rows["counted_at"]]
