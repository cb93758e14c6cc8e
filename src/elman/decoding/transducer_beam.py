"""What a transducer hears, frame by frame: greedy, and by a beam search that is synchronous in time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple, Protocol, final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from elman.decoding.ctc import Segment
from elman.decoding.largest import largest
from elman.decoding.prefix import Prefix, Transcript, in_common
from elman.decoding.scorers import Scorer
from elman.errors import DataError, SettingsError

Floats = NDArray[np.float64]


class Transducer(Protocol):
    """The parts of a transducer after its encoder: the prediction network, and the joint network.

    A state is what the prediction network makes of the symbols so far; a search never looks into it.
    """

    def start(self) -> Any:
        """The state before any symbol."""

    def read(self, states: Sequence[Any], symbols: NDArray[np.int64]) -> list[Any]:
        """The new states after one symbol in each of n states."""

    def join(self, frame: NDArray[Any], states: Sequence[Any]) -> NDArray[Any]:
        """The ln p of every symbol and, last, of the blank, (n, symbols + 1), in n states at a frame of the encoder."""


@final
class GreedyTransducer:
    """Greedy decoding: at each frame the likeliest symbol, until it is the blank.

    Symbols are final as soon as they are said, and the same for any cuts of the frames.

    Args:
        model: The transducer.
        most: The most symbols at one frame.

    Raises:
        SettingsError: ``most`` is below 1.

    Source: Graves 2012, as `TransducerBeam` with a beam of 1 that keeps to the likeliest alignment.
    """

    def __init__(self, model: Transducer, *, most: int = 10) -> None:
        if most < 1:
            raise SettingsError(f"the most symbols of a frame must be 1 or more, not {most}.")
        self.model, self.most = model, most
        self._state: Any = model.start()
        self._frames = 0

    def push(self, frames: ArrayLike) -> list[Segment]:
        """Read frames of the encoder (time, features) and return the symbols that they say.

        Raises `DataError` where frames are not (time, features), or ln p is NaN.
        """
        said = []
        for frame in _checked(frames):
            for _ in range(self.most):
                (scores,) = _joined(self.model, frame, [self._state])
                symbol = int(scores.argmax())
                if symbol == len(scores) - 1:
                    break
                (self._state,) = self.model.read([self._state], np.array([symbol]))
                said.append(Segment(symbol, self._frames, self._frames + 1, float(scores[symbol])))
            self._frames += 1
        return said

    def flush(self) -> None:
        """End the sequence: a new one begins."""
        self.resume((), 0)

    def resume(self, symbols: Sequence[int], frames: int) -> None:
        """Go on as after so many frames that said these symbols."""
        self._state, self._frames = self.model.start(), frames
        for symbol in symbols:
            (self._state,) = self.model.read([self._state], np.array([symbol]))


class _Beginning(NamedTuple):
    """The symbols so far, and what the networks and the scorer know of them; ``scores`` are of the next symbol."""

    prefix: Prefix
    state: Any
    heard: Any
    scores: Any
    added: float


@final
class TransducerBeam:
    """Beam search for the transcripts with the largest ln p(y | x) + s(y), where s is a scorer's.

    At each frame the hypotheses may say up to ``most`` symbols, one more at a time, of which the ``beam`` best go on,
    and then the blank; what gave the same symbols is one hypothesis, with the sum of the probabilities, and the
    ``beam`` best of these go on to the next frame. Those that fall behind the ``beam`` best that are done with the
    frame say nothing more. With a beam of everything the result is exact but for alignments with more symbols at a
    frame.

    Frames may come in any cuts: the result is the same. A new sequence begins after `flush`.

    Args:
        model: The transducer.
        beam: Hypotheses that are kept.
        most: The most symbols at one frame.
        scorer: What is known of the language; see `elman.decoding.scorers`.

    Raises:
        SettingsError: ``beam`` or ``most`` is below 1.

    Source: Graves, arXiv 1211.3711, 2012, section 2.4; synchronous in time: Saon et al., "Alignment-length synchronous
    decoding for RNN transducer", ICASSP 2020, section 2.
    """

    def __init__(self, model: Transducer, *, beam: int = 8, most: int = 5, scorer: Scorer | None = None) -> None:
        if beam < 1 or most < 1:
            raise SettingsError(f"the beam and the most symbols of a frame must be 1 or more, not {beam} and {most}.")
        self.model, self.beam, self.most = model, beam, most
        self._scorer = scorer
        self._begin()

    def push(self, frames: ArrayLike) -> None:
        """Read frames of the encoder, (time, features).

        Raises `DataError` where frames are not (time, features), ln p is NaN, or no transcript is possible any more.
        """
        for frame in _checked(frames):
            self._read(frame)

    def partial(self, count: int = 1) -> list[Transcript]:
        """The best transcripts so far, at most ``count``, if the sequence goes on."""
        return self._transcripts(np.zeros(len(self._kept)), count)

    def agreed(self) -> list[int]:
        """The beginning that all hypotheses share: further frames cannot change it."""
        return in_common(one.prefix for one in self._kept).symbols()

    def flush(self, count: int = 1) -> list[Transcript]:
        """End the sequence: the best transcripts, at most ``count``, with the score of the end; then begin a new one.

        Empty where the scorer forbids all hypotheses to end here.
        """
        no_ends = np.zeros(len(self._kept))
        ends = no_ends if self._scorer is None else self._scorer.end([one.heard for one in self._kept])
        found = self._transcripts(ends, count)
        self._begin()
        return found

    def _begin(self) -> None:
        heard, scores = (None, None) if self._scorer is None else self._scorer.start()
        self._kept = [_Beginning(Prefix(), self.model.start(), heard, scores, 0.0)]
        self._log_probabilities = np.zeros(1)

    def _transcripts(self, ends: Floats, count: int) -> list[Transcript]:
        scores = self._log_probabilities + [one.added for one in self._kept] + ends
        best = [row for row in np.argsort(-scores, kind="stable")[:count].tolist() if scores[row] > -np.inf]
        found = [(self._kept[row].prefix.symbols(), scores[row], self._log_probabilities[row]) for row in best]
        return [Transcript(symbols, float(score), float(ln_p)) for symbols, score, ln_p in found]

    def _read(self, frame: NDArray[Any]) -> None:
        """One frame: 0, 1, 2, ... symbols, then the blank."""
        known = {one.prefix.number: one for one in self._kept}
        front, log_probabilities = self._kept, self._log_probabilities
        numbers: list[int] = []
        done, scores = np.empty(0), np.empty(0)
        for said in range(self.most + 1):
            joined = _joined(self.model, frame, [one.state for one in front])
            added = np.array([one.added for one in front])
            numbers += [one.prefix.number for one in front]
            waited = log_probabilities + joined[:, -1]
            done, scores = np.concatenate([done, waited]), np.concatenate([scores, waited + added])
            if said == self.most:
                break
            grown = log_probabilities[:, None] + joined[:, :-1]
            ranks = grown + added[:, None]
            if self._scorer is not None:
                ranks += self._fitting(np.stack([one.scores for one in front]), grown.shape[1])
            ranks[ranks <= _nth_largest(scores, self.beam)] = -np.inf
            best = largest(ranks.ravel(), self.beam)
            if not len(best):
                break
            parents, symbols = np.divmod(best, grown.shape[1])
            front, log_probabilities = self._grown(front, parents, symbols, known), grown[parents, symbols]
        self._keep(np.array(numbers), done, known)

    def _fitting(self, scores: Floats, symbols: int) -> Floats:
        if scores.shape[1] != symbols:
            raise DataError(f"expected a scorer of {symbols} symbols, as the network has, found {scores.shape[1]}.")
        return scores

    def _grown(
        self,
        front: list[_Beginning],
        parents: NDArray[np.int64],
        symbols: NDArray[np.int64],
        known: dict[int, _Beginning],
    ) -> list[_Beginning]:
        """The beginnings with one symbol more; the networks read only those that are not known yet."""
        pairs = list(zip([front[parent] for parent in parents.tolist()], symbols.tolist(), strict=True))
        prefixes = [parent.prefix.child(symbol) for parent, symbol in pairs]
        new = [place for place, prefix in enumerate(prefixes) if prefix.number not in known]
        if new:
            before, read = [pairs[place][0] for place in new], symbols[new]
            states = self.model.read([one.state for one in before], read)
            heard, scores = [None] * len(new), None
            if self._scorer is not None:
                heard, scores = self._scorer.step([one.heard for one in before], read)
            for row, place in enumerate(new):
                parent, symbol = pairs[place]
                added = parent.added + (0.0 if self._scorer is None else float(parent.scores[symbol]))
                known[prefixes[place].number] = _Beginning(
                    prefixes[place], states[row], heard[row], None if scores is None else scores[row], added
                )
        return [known[prefix.number] for prefix in prefixes]

    def _keep(self, numbers: NDArray[np.int64], done: Floats, known: dict[int, _Beginning]) -> None:
        """Join what said the same, and keep the best."""
        unique, group = np.unique(numbers, return_inverse=True)
        sums = np.full(len(unique), -np.inf)
        np.logaddexp.at(sums, group, done)
        every = [known[number] for number in unique.tolist()]
        scores = sums + [one.added for one in every]
        best = np.argsort(-scores, kind="stable")[: self.beam]
        best = best[scores[best] > -np.inf]
        if not len(best):
            raise DataError("no transcript is possible any more: a frame has the probability 0 for all that may come.")
        self._kept, self._log_probabilities = [every[row] for row in best.tolist()], sums[best]


def _nth_largest(values: Floats, count: int) -> float:
    """The ``count``-th largest value, -inf where there are fewer."""
    return -np.inf if len(values) < count else float(np.partition(values, -count)[-count])


def _joined(model: Transducer, frame: NDArray[Any], states: Sequence[Any]) -> Floats:
    """The joint network's ln p in float64; raises `DataError` where it does not fit."""
    joined = np.asarray(model.join(frame, states), np.float64)
    if joined.ndim != 2 or len(joined) != len(states) or np.isnan(joined).any():
        raise DataError(
            f"expected log-probabilities ({len(states)}, symbols + 1) without NaN from a joint network, found the "
            f"shape {joined.shape} and {np.count_nonzero(np.isnan(joined))} NaN."
        )
    return joined


def _checked(frames: ArrayLike) -> NDArray[Any]:
    checked = np.asarray(frames)
    if checked.ndim != 2:
        raise DataError(f"expected frames of an encoder, (time, features), found the shape {checked.shape}.")
    return checked
