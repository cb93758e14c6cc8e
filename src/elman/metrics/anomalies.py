"""How well alarms meet what is known of anomalies."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray


def average_precision(scores: ArrayLike, truth: ArrayLike) -> float:
    """The area under the curve of precision over recall, as steps; NaN where no step is an anomaly.

    >>> average_precision([0.9, 0.8, 0.1], [1, 0, 0])
    1.0
    """
    from sklearn.metrics import average_precision_score

    known = np.asarray(truth, bool)
    return float(average_precision_score(known, np.asarray(scores))) if known.any() else float("nan")


def f1(alarms: ArrayLike, truth: ArrayLike) -> float:
    """2 TP / (2 TP + FP + FN) over steps; 1 where there is neither an alarm nor an anomaly.

    >>> f1([1, 1, 0, 0], [1, 0, 0, 0])
    0.6666666666666666
    """
    given, known = np.asarray(alarms, bool), np.asarray(truth, bool)
    hits, wrong = int((given & known).sum()), int((given ^ known).sum())
    return 2 * hits / (2 * hits + wrong) if hits + wrong else 1.0


def point_adjusted(alarms: ArrayLike, truth: ArrayLike) -> NDArray[np.bool_]:
    """The alarms with every anomaly wholly marked of which at least one step was.

    A score of it is kind: a long anomaly counts as found by one lucky step. Never give it alone.

    Source: Xu et al., "Unsupervised anomaly detection via variational auto-encoder for seasonal KPIs in web
    applications", WWW 2018; the warning: Kim et al., "Towards a rigorous evaluation of time-series anomaly detection",
    AAAI 2022.

    >>> point_adjusted([0, 1, 0, 0], [0, 1, 1, 0]).tolist()
    [False, True, True, False]
    """
    given, known = np.array(alarms, bool), np.asarray(truth, bool)
    edges = np.flatnonzero(np.diff(np.concatenate([[0], known.astype(np.int8), [0]]))).reshape(-1, 2)
    for begin, end in edges:
        given[begin:end] |= given[begin:end].any()
    return given


def figures(scores: ArrayLike, alarms: ArrayLike, truth: ArrayLike) -> dict[str, Any]:
    """All of them, with precision, recall and the share of normal steps that raised an alarm."""
    given, known = np.asarray(alarms, bool), np.asarray(truth, bool)
    hits = int((given & known).sum())
    return {
        "steps": len(known),
        "anomalous": int(known.sum()),
        "average_precision": average_precision(scores, known),
        "f1": f1(given, known),
        "f1_point_adjusted": f1(point_adjusted(given, known), known),
        "precision": hits / int(given.sum()) if given.any() else float("nan"),
        "recall": hits / int(known.sum()) if known.any() else float("nan"),
        "false_alarms": float(given[~known].mean()) if (~known).any() else float("nan"),
    }
