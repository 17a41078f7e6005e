"""LightGBM models: the parameters of a fit, the text that is kept, fast predictions of single rows.

What the rows are, and which loss fits them, is each engine's own.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from flow_platform.ground.errors import ModelError

_FLOAT64, _NORMAL = 1, 0


@dataclass(frozen=True)
class Boosting:
    """The parameters that `flow tune` seeks, by LightGBM's own names; `rounds` are trees.

    The defaults serve until tuned. What is never tuned (loss, bagging, seeds) is fixed where the
    model is fitted.
    """

    num_leaves: int = 13
    min_data_in_leaf: int = 50
    learning_rate: float = 0.045
    feature_fraction: float = 0.5
    lambda_l2: float = 5.0
    rounds: int = 220


def lightgbm_settings(boosting: Mapping[str, float], objective: str, seed: int) -> dict[str, Any]:
    """LightGBM's parameters for a series: those of `boosting`, and those that are never tuned.

    `boosting` also has `rounds`, the number of trees, which LightGBM takes apart from its
    parameters. One thread and a fixed seed: equal rows give equal trees.
    """
    return {name: value for name, value in boosting.items() if name != "rounds"} | {
        "objective": objective,
        "bagging_fraction": 0.7,
        "bagging_freq": 1,
        "max_bin": 127,
        "seed": seed,
        "deterministic": True,
        "force_row_wise": True,
        "num_threads": 1,
        "verbosity": -1,
    }


def predictor(text: str) -> Callable[[np.ndarray], np.ndarray]:
    """What predicts rows (rows, features) by LightGBM's text, shape (rows,), on one thread."""
    import lightgbm

    parsed = lightgbm.Booster(model_str=text)
    return lambda features: np.asarray(parsed.predict(features, num_threads=1))


class Booster:
    """A LightGBM model read from its text format; nothing in it is executed.

    A single row goes through LightGBM's C interface for single rows, which is ten times as fast as
    `Booster.predict`: what that spends on one row is checking it.
    """

    def __init__(self, text: bytes, width: int) -> None:
        """`width`: columns of the frame. Raises ModelError for another number, or for no model."""
        import lightgbm
        from lightgbm.basic import _LIB

        # LightGBM ends the process over a text that was cut off.
        if not text.startswith(b"tree\n") or b"\nend of trees\n" not in text:
            raise ModelError("This is no whole LightGBM model. Train the vintage again.")
        try:
            self._booster = lightgbm.Booster(model_str=text.decode())
        except (lightgbm.basic.LightGBMError, UnicodeDecodeError) as error:
            raise ModelError(
                f"This is no LightGBM model: {error}. Train the vintage again."
            ) from error
        if self._booster.num_feature() != width:
            raise ModelError(
                f"The LightGBM model has {self._booster.num_feature()} features, {width} are made"
                " by this version of the code. Train the vintage again."
            )
        self._width, self._library = width, _LIB
        self._fast = ctypes.c_void_p()
        self._check(
            _LIB.LGBM_BoosterPredictForMatSingleRowFastInit(
                self._booster._handle,
                ctypes.c_int(_NORMAL),
                ctypes.c_int(0),
                ctypes.c_int(-1),
                ctypes.c_int(_FLOAT64),
                ctypes.c_int32(width),
                ctypes.c_char_p(b"num_threads=1"),
                ctypes.byref(self._fast),
            )
        )

    def predict(self, frame: NDArray[np.float64], threads: int = 1) -> NDArray[np.float64]:
        """Shape (n,): the raw prediction of each row."""
        if len(frame) == 1:
            return self._single(frame)
        return np.asarray(self._booster.predict(frame, num_threads=threads), dtype=np.float64)

    def contributions(self, frame: NDArray[np.float64]) -> NDArray[np.float64]:
        """Shape (n, width + 1): what each column adds, the last one what all begin with (SHAP)."""
        made = self._booster.predict(frame, pred_contrib=True, num_threads=1)
        return np.asarray(made, dtype=np.float64)

    def _single(self, frame: NDArray[np.float64]) -> NDArray[np.float64]:
        row = np.ascontiguousarray(frame, dtype=np.float64)
        out, length = np.empty(1), ctypes.c_int64()
        self._check(
            self._library.LGBM_BoosterPredictForMatSingleRowFast(
                self._fast,
                row.ctypes.data_as(ctypes.c_void_p),
                ctypes.byref(length),
                out.ctypes.data_as(ctypes.POINTER(ctypes.c_double)),
            )
        )
        return out

    def _check(self, code: int) -> None:
        if code != 0:
            message = self._library.LGBM_GetLastError
            message.restype = ctypes.c_char_p
            raise ModelError(f"LightGBM cannot predict: {message().decode()}")

    def __del__(self) -> None:
        fast: Any = getattr(self, "_fast", None)
        if fast is not None and fast.value:
            self._library.LGBM_FastConfigFree(fast)
