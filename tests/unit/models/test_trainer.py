"""Candidates trained one after another share their work, and never hold two of it in memory."""

from __future__ import annotations

import weakref
from dataclasses import dataclass, field

import pandas as pd
import pytest

from flow_platform.ground.errors import ModelError
from flow_platform.models.engine import Engine
from flow_platform.models.trainer import Trainer
from flow_platform.models.vintage import TrainedModel

JUNE, JULY = (pd.Timestamp(f"2025-{month}-01", tz="UTC") for month in ("06", "07"))


class Work:
    """Prepared work that can be watched."""

    def __init__(self, cutoff: pd.Timestamp) -> None:
        self.cutoff = cutoff


@dataclass
class Watched:
    """An engine that counts what it prepares, and whether older work was in memory then."""

    prepared: list[weakref.ref[Work]] = field(default_factory=list)
    alive: list[int] = field(default_factory=list)

    def prepare(self, data: str, cutoff: pd.Timestamp, spec: int) -> Work:
        self.alive.append(sum(work() is not None for work in self.prepared))
        if data == "too little":
            raise ModelError("too little history")
        work = Work(cutoff)
        self.prepared.append(weakref.ref(work))
        return work

    def fit(self, candidate: str, work: Work) -> TrainedModel:
        day = pd.Timestamp("2025-01-01")
        return TrainedModel(candidate, work.cutoff, {}, {}, pd.DataFrame(), day, day, 0)

    @property
    def engine(self) -> Engine[str, int, Work]:
        return Engine(
            candidates=("simple", "better", "best"),
            fingerprint=lambda data, cutoff, spec: f"{data} {cutoff} {spec}",
            prepare=self.prepare,
            fit=self.fit,
            missing_requirement=lambda name: "install it" if name == "best" else None,
        )


def test_candidates_of_one_cutoff_share_their_work() -> None:
    watched = Watched()
    trainer = Trainer(watched.engine)
    for candidate in ("simple", "better"):
        assert trainer.train(candidate, "data", JUNE, 1).candidate == candidate
    assert len(watched.prepared) == 1


@pytest.mark.parametrize(
    "other", [("data", JULY, 1), ("more data", JUNE, 1), ("data", JUNE, 2)], ids=str
)
def test_other_facts_are_prepared_once_the_work_before_has_left_the_memory(
    other: tuple[str, pd.Timestamp, int],
) -> None:
    watched = Watched()
    trainer = Trainer(watched.engine)
    trainer.train("simple", "data", JUNE, 1)
    assert trainer.train("simple", *other).cutoff == other[1]
    assert watched.alive == [0, 0]


def test_after_too_little_history_nothing_of_another_cutoff_is_used() -> None:
    watched = Watched()
    trainer = Trainer(watched.engine)
    trainer.train("simple", "data", JUNE, 1)
    with pytest.raises(ModelError, match="too little"):
        trainer.train("simple", "too little", JULY, 1)
    assert trainer.train("simple", "data", JUNE, 1).cutoff == JUNE
    assert len(watched.prepared) == 2


@pytest.mark.parametrize(("candidate", "reason"), [("none", "Unknown candidate"), ("best", "inst")])
def test_a_candidate_that_cannot_be_trained_is_refused_before_anything_is_prepared(
    candidate: str, reason: str
) -> None:
    watched = Watched()
    with pytest.raises(ModelError, match=reason):
        Trainer(watched.engine).train(candidate, "data", JUNE, 1)
    assert watched.alive == []


def test_candidates_without_their_requirement_are_left_out_in_order() -> None:
    engine = Watched().engine
    assert engine.trainable() == ("simple", "better")
    assert engine.trainable(("best", "better")) == ("better",)
