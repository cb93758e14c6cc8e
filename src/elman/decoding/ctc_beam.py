"""The best transcripts of a CTC network by prefix beam search, as the frames come."""

from __future__ import annotations

from typing import Any, final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from elman.decoding.ctc import checked_frames
from elman.decoding.largest import largest
from elman.decoding.prefix import Prefix, Transcript, in_common
from elman.decoding.scorers import Scorer
from elman.errors import DataError, SettingsError


@final
class PrefixBeam:
    r"""Prefix beam search: the transcripts with the largest ln p(y | x) + s(y), where s is a scorer's.

    For each of the best beginnings y so far, with the last symbol l, the probability of all paths that end in a blank
    and of those that end in l are kept apart. A frame with the probabilities p makes of them

    .. math::
        b'(y) &= (b(y) + n(y)) \, p(\text{blank}) \\
        n'(y) &= n(y) \, p(l) + n'_{+}(y) \\
        n'_{+}(y k) &= (b(y) + [k \ne l] \, n(y)) \, p(k)

    and the ``beam`` beginnings with the largest ln(b' + n') + s stay. Once a beginning has gone, its probability is
    lost, so what is found is a lower bound of p(y | x); with a beam of all beginnings it is exact, and the first
    transcript is the best of all.

    Frames may come in any cuts: the result is the same. A new sequence begins after `flush`.

    Args:
        symbols: Number of symbols; the blank has the number ``symbols``.
        beam: Beginnings that are kept.
        scorer: What is known of the language; see `elman.decoding.scorers`.

    Raises:
        SettingsError: The beam is below 1.

    Source: Graves et al., "Connectionist temporal classification", ICML 2006, section 3.2; Hannun et al., "First-pass
    large vocabulary continuous speech recognition using bi-directional recurrent DNNs", arXiv 1408.2873, 2014.

    >>> search = PrefixBeam(symbols=1, beam=4)
    >>> search.push(np.log([[0.4, 0.6], [0.4, 0.6]]))  # the likeliest path is blank, blank
    >>> [(found.symbols, round(float(np.exp(found.score)), 2)) for found in search.flush(2)]
    [([0], 0.64), ([], 0.36)]
    """

    def __init__(self, symbols: int, *, beam: int = 32, scorer: Scorer | None = None) -> None:
        if beam < 1:
            raise SettingsError(f"the beam must be 1 or more, not {beam}.")
        self.symbols, self.beam = symbols, beam
        self._scorer = scorer
        self._begin()

    def push(self, log_probabilities: ArrayLike) -> None:
        """Read frames (time, symbols + 1) of ln p, the blank last.

        Raises `DataError` for another shape or NaN, and where no transcript is possible any more.
        """
        for frame in checked_frames(log_probabilities, self.symbols):
            self._read(frame)

    def partial(self, count: int = 1) -> list[Transcript]:
        """The best transcripts so far, at most ``count``, if the sequence goes on."""
        return self._transcripts(self._added, count)

    def agreed(self) -> list[int]:
        """The beginning that all hypotheses share: further frames cannot change it."""
        return in_common(self._prefixes).symbols()

    def flush(self, count: int = 1) -> list[Transcript]:
        """End the sequence: the best transcripts, at most ``count``, with the score of the end; then begin a new one.

        Empty where the scorer forbids all hypotheses to end here.
        """
        ends = 0.0 if self._scorer is None else self._scorer.end(self._states)
        found = self._transcripts(self._added + ends, count)
        self._begin()
        return found

    def _begin(self) -> None:
        """The empty beginning alone, as if a blank stood before the first frame."""
        self._prefixes = [Prefix()]
        self._blank, self._symbol = np.zeros(1), np.full(1, -np.inf)
        self._added = np.zeros(1)
        self._states: list[Any] = [None]
        self._scores = np.zeros((1, self.symbols))
        if self._scorer is not None:
            state, scores = self._scorer.start()
            self._states, self._scores = [state], self._fitting(scores[None])

    def _transcripts(self, added: NDArray[np.float64], count: int) -> list[Transcript]:
        log_probabilities = np.logaddexp(self._blank, self._symbol)
        scores = log_probabilities + added
        order = [row for row in np.argsort(-scores, kind="stable")[:count].tolist() if scores[row] > -np.inf]
        return [
            Transcript(self._prefixes[row].symbols(), float(scores[row]), float(log_probabilities[row]))
            for row in order
        ]

    def _read(self, frame: NDArray[np.float64]) -> None:
        """One frame: the equations above for all beginnings, then the best of all that stay or grow."""
        # The empty beginning has no last symbol; its n is 0, so that any will do.
        last = np.array([prefix.symbol for prefix in self._prefixes])
        rows = np.arange(len(last))
        both = np.logaddexp(self._blank, self._symbol)
        blank, symbol = both + frame[-1], self._symbol + frame[last]
        grown = both[:, None] + frame[:-1]
        grown[rows, last] = self._blank + frame[last]
        self._join(last, symbol, grown)
        stay = np.logaddexp(blank, symbol) + self._added
        added = self._added[:, None] + self._scores
        kept, parents, symbols = _best(stay, grown + added, self.beam)
        if not len(kept) + len(parents):
            raise DataError("no transcript is possible any more: a frame has the probability 0 for all that may come.")
        self._blank = np.concatenate([blank[kept], np.full(len(parents), -np.inf)])
        self._symbol = np.concatenate([symbol[kept], grown[parents, symbols]])
        self._added = np.concatenate([self._added[kept], added[parents, symbols]])
        self._grow(kept.tolist(), parents.tolist(), symbols)

    def _join(self, last: NDArray[np.int64], symbol: NDArray[np.float64], grown: NDArray[np.float64]) -> None:
        """Where a beginning that is there grows out of another one, it is the same: both are one, in place."""
        numbers = np.array([prefix.number for prefix in self._prefixes])
        parents = np.array([-1 if prefix.parent is None else prefix.parent.number for prefix in self._prefixes])
        child, parent = np.nonzero(parents[:, None] == numbers)
        symbol[child] = np.logaddexp(symbol[child], grown[parent, last[child]])
        grown[parent, last[child]] = -np.inf

    def _grow(self, kept: list[int], parents: list[int], symbols: NDArray[np.int64]) -> None:
        """The beginnings that stay, with the scorer's states, and then those with a new symbol."""
        before = self._states
        pairs = zip(parents, symbols.tolist(), strict=True)
        grown = [self._prefixes[parent].child(symbol) for parent, symbol in pairs]
        self._prefixes = [self._prefixes[row] for row in kept] + grown
        self._states, scores = [before[row] for row in kept], [self._scores[kept]]
        if self._scorer is None:
            self._states += [None] * len(grown)
            scores.append(np.zeros((len(grown), self.symbols)))
        elif grown:
            states, new = self._scorer.step([before[row] for row in parents], symbols)
            self._states += states
            scores.append(self._fitting(new))
        self._scores = np.concatenate(scores)

    def _fitting(self, scores: NDArray[np.float64]) -> NDArray[np.float64]:
        if scores.shape[-1] != self.symbols:
            raise DataError(
                f"expected a scorer of {self.symbols} symbols, as the network has, found {scores.shape[-1]}."
            )
        return scores


def _best(
    stay: NDArray[np.float64], grow: NDArray[np.float64], count: int
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """The rows of ``stay`` (n,), and rows and columns of ``grow`` (n, symbols), that are the largest of all."""
    best = largest(np.concatenate([stay, grow.ravel()]), count)
    first_grown = np.searchsorted(best, len(stay))
    parents, symbols = np.divmod(best[first_grown:] - len(stay), grow.shape[1])
    return best[:first_grown], parents, symbols
