"""Beam search for decoders that write one symbol after another, for many sentences at once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol, final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from elman.errors import DataError, SettingsError

Floats = NDArray[np.float64]
Numbers = NDArray[np.int64]


class StepDecoder(Protocol):
    """Writes one symbol after another; a state holds many rows, of which the search knows nothing but their number."""

    def step(self, state: Any, symbols: Numbers) -> tuple[Any, NDArray[Any], NDArray[Any] | None]:
        """Read one symbol in each row of a state (rows,).

        Returns the new state, ln p of the next symbol (rows, symbols), and the attention with which it was told,
        weights (rows, places of the source) or None.
        """

    def select(self, state: Any, rows: Numbers) -> Any:
        """The state of which each row is the given one of ``state``; a row may be taken more than once."""


class Output(NamedTuple):
    """What a search found for a sentence, without the end symbol.

    ``attention`` has a row for each symbol and one for the end, (symbols + 1, places of the source), or is None.
    """

    symbols: list[int]
    score: float
    log_probability: float
    attention: NDArray[Any] | None


@final
@dataclass(frozen=True)
class Penalties:
    r"""How outputs of different lengths are compared.

    .. math::
        s(y) = \frac{\ln p(y \mid x)}{((5 + |y|) / 6)^\alpha} + \beta \sum_i \ln \min\left(\sum_j a_{ji}, 1\right)

    where a_ji is the attention of symbol j to place i of the source, and the end counts as a symbol of y. Places
    without any attention count as if they had 1e-6.

    Args:
        length: alpha, from 0 (none) on; 1 is nearly the mean per symbol.
        coverage: beta, from 0 (none) on.

    Raises:
        SettingsError: A number is below 0.

    Source: Wu et al., "Google's neural machine translation system", arXiv 1609.08144, 2016, section 7.
    """

    length: float = 0.0
    coverage: float = 0.0

    def __post_init__(self) -> None:
        if not (self.length >= 0 and self.coverage >= 0):
            raise SettingsError(
                f"penalties must be 0 or more, found length {self.length} and coverage {self.coverage}."
            )

    def divisor(self, symbols: ArrayLike) -> Floats:
        """What ln p is divided by, for outputs of so many symbols, the end among them."""
        return np.asarray(((5 + np.asarray(symbols)) / 6) ** self.length)

    def uncovered(self, attention: NDArray[Any], sources: Numbers) -> Floats:
        """What is added for the attention (n, symbols, places) to sources of so many places (n,)."""
        covered = np.log(attention.sum(1, dtype=np.float64).clip(1e-6, 1))
        covered[np.arange(attention.shape[2]) >= sources[:, None]] = 0
        return np.asarray(self.coverage * covered.sum(1))


def beam_search(
    decoder: StepDecoder,
    state: Any,
    longest: Sequence[int],
    *,
    start: int,
    end: int,
    beam: int = 5,
    count: int = 1,
    penalties: Penalties = Penalties(),
    sources: Sequence[int] | None = None,
) -> list[list[Output]]:
    """The outputs with the best scores, the best one first, by beam search; all sentences step together.

    At each step every hypothesis goes on by every symbol. Of the ``beam`` likeliest of a sentence those that end are
    done; the ``beam`` likeliest that do not end go on. A sentence is done when ``beam`` hypotheses are, or when none
    that goes on can be among the best ``count`` any more. So a beam of all outputs gives the best outputs of all.

    Args:
        decoder: The step function.
        state: Its state before the first symbol, a row for each sentence.
        longest: For each sentence, the most symbols of an output; after them it must end.
        start: The symbol that is read first.
        end: The symbol that ends an output.
        beam: Hypotheses per sentence that go on.
        count: Outputs wanted for each sentence, at most ``beam``.
        penalties: How outputs are compared.
        sources: For each sentence, the places of its source that attention should cover; all when not given.

    Returns:
        For each sentence at most ``count`` outputs; fewer where fewer are possible.

    Raises:
        SettingsError: The beam or the count does not fit.
        DataError: ln p is NaN or of the wrong shape, or the coverage penalty finds no attention.

    Source: Sutskever et al., "Sequence to sequence learning with neural networks", NIPS 2014, section 3.2.
    """
    if not 1 <= count <= beam:
        raise SettingsError(f"expected 1 <= count <= beam, found a count of {count} and a beam of {beam}.")
    if sources is not None and len(sources) != len(longest):
        raise DataError(f"expected the source lengths of {len(longest)} sentences, found {len(sources)}.")
    search = _Search(np.asarray(longest, np.int64), end, beam, count, penalties, sources)
    symbols = np.full(len(longest), start, np.int64)
    while len(search.sentences):
        state, log_probabilities, attention = decoder.step(state, symbols)
        rows, symbols = search.read(np.asarray(log_probabilities), attention)
        state = decoder.select(state, rows)
    return [search.outputs(sentence) for sentence in range(len(longest))]


class _Done(NamedTuple):
    """Hypotheses that ended at one step, (n, ...)."""

    sentences: Numbers
    scores: Floats
    log_probabilities: Floats
    symbols: Numbers
    attention: NDArray[Any] | None


@final
class _Search:
    """The hypotheses of all sentences that are not done, (sentences, hypotheses, ...), and those that ended."""

    def __init__(
        self,
        longest: Numbers,
        end: int,
        beam: int,
        count: int,
        penalties: Penalties,
        sources: Sequence[int] | None,
    ) -> None:
        self.longest, self.end, self.beam = longest, end, beam
        self.penalties, self.sources = penalties, sources
        self.sentences = np.arange(len(longest))
        self.log_probabilities = np.zeros((len(longest), 1))
        self.symbols = np.zeros((len(longest), 1, 0), np.int64)
        self.attention: NDArray[Any] | None = None
        # Of each sentence: the best scores so far, and how many hypotheses ended.
        self.best = np.full((len(longest), count), -np.inf)
        self.ended = np.zeros(len(longest), np.int64)
        self.done: list[_Done] = []

    def read(self, log_probabilities: NDArray[Any], attention: NDArray[Any] | None) -> tuple[Numbers, Numbers]:
        """One step of all rows; return the rows that go on, and with which symbols."""
        (sentences, hypotheses), vocabulary = self.log_probabilities.shape, log_probabilities.shape[-1]
        candidates = self._candidates(log_probabilities)
        self._see(attention)
        values, parents, symbols = _likeliest(*candidates, 2 * self.beam)
        ends = symbols == self.end
        self._finish(values, parents, ends & (np.arange(ends.shape[1]) < self.beam) & (values > -np.inf))
        # At most `hypotheses` of the likeliest are ends, so enough of the others are there.
        others = np.argsort(ends, axis=1, kind="stable")[:, : min(self.beam, hypotheses * (vocabulary - 1))]
        values = np.take_along_axis(values, others, 1)
        parents, symbols = np.take_along_axis(parents, others, 1), np.take_along_axis(symbols, others, 1)
        going = self._can_get_better(values)
        self._go_on(going, values[going], parents[going], symbols[going])
        rows = (np.arange(sentences)[:, None] * hypotheses + parents)[going]
        return rows.ravel(), symbols[going].ravel()

    def outputs(self, sentence: int) -> list[Output]:
        """The best outputs of a sentence, the best one first."""
        found = [
            (float(done.scores[row]), -step, -int(row))
            for step, done in enumerate(self.done)
            for row in np.flatnonzero(done.sentences == sentence)
        ]
        best = sorted(found, reverse=True)[: self.best.shape[1]]
        return [self._output(self.done[-step], -row, score) for score, step, row in best]

    def _output(self, done: _Done, row: int, score: float) -> Output:
        attention = None if done.attention is None else done.attention[row]
        return Output(done.symbols[row].tolist(), score, float(done.log_probabilities[row]), attention)

    def _candidates(self, log_probabilities: NDArray[Any]) -> tuple[Floats, Numbers]:
        """The likeliest symbols of every hypothesis and ln p with them, (sentences, hypotheses, candidates)."""
        sentences, hypotheses = self.log_probabilities.shape
        if log_probabilities.ndim != 2 or len(log_probabilities) != sentences * hypotheses:
            raise DataError(
                f"expected log-probabilities ({sentences * hypotheses}, symbols) of a step, found the shape "
                f"{log_probabilities.shape}."
            )
        each = log_probabilities.reshape(sentences, hypotheses, -1)
        first = max(each.shape[2] - 2 * self.beam, 0)
        symbols = np.sort(np.argpartition(each, first, axis=2)[..., first:], axis=2)
        values = np.take_along_axis(each, symbols, 2).astype(np.float64)
        # NaN is sorted behind all numbers, so it is among the candidates.
        if np.isnan(values).any():
            raise DataError("expected log-probabilities, found NaN. The weights may be damaged.")
        must_end = self.longest[self.sentences] <= self.symbols.shape[2]
        values[must_end] = -np.inf
        values[must_end, :, 0], symbols[must_end, :, 0] = each[must_end, :, self.end], self.end
        return self.log_probabilities[..., None] + values, symbols

    def _see(self, attention: NDArray[Any] | None) -> None:
        """Keep the attention of this step, (sentences, hypotheses, symbols so far, places)."""
        if attention is None:
            if self.penalties.coverage:
                raise DataError("the coverage penalty needs attention, found a decoder without. Set it to 0.")
            return
        new = np.asarray(attention).reshape(*self.log_probabilities.shape, 1, -1)
        self.attention = new if self.attention is None else np.concatenate([self.attention, new], axis=2)

    def _finish(self, values: Floats, parents: Numbers, ended: NDArray[np.bool_]) -> None:
        """Keep the hypotheses that ended with this step."""
        places, column = np.nonzero(ended)
        rows, log_probabilities = parents[places, column], values[places, column]
        sentences = self.sentences[places]
        scores = log_probabilities / self.penalties.divisor(self.symbols.shape[2] + 1)
        attention = None if self.attention is None else self.attention[places, rows]
        if attention is not None and self.penalties.coverage:
            all_places = np.full(len(self.longest), attention.shape[2])
            lengths = all_places if self.sources is None else np.asarray(self.sources, np.int64)
            scores = scores + self.penalties.uncovered(attention, lengths[sentences])
        self.done.append(_Done(sentences, scores, log_probabilities, self.symbols[places, rows], attention))
        new = np.full(ended.shape, -np.inf)
        new[places, column] = scores
        together = np.concatenate([self.best[self.sentences], new], axis=1)
        self.best[self.sentences] = -np.sort(-together, axis=1)[:, : self.best.shape[1]]
        self.ended[self.sentences] += ended.sum(1)

    def _can_get_better(self, values: Floats) -> NDArray[np.bool_]:
        """Whether a sentence goes on, (sentences,): its best score may come from values (sentences, hypotheses)."""
        longest = self.longest[self.sentences]
        # ln p only falls, the divisor only grows, and the coverage only takes away.
        hope = values.max(1, initial=-np.inf) / self.penalties.divisor(longest + 1)
        is_open = (self.ended[self.sentences] < self.beam) & (longest > self.symbols.shape[2])
        return np.asarray(is_open & (hope > self.best[self.sentences, -1]))

    def _go_on(self, going: NDArray[np.bool_], values: Floats, parents: Numbers, symbols: Numbers) -> None:
        places = np.flatnonzero(going)[:, None]
        self.sentences = self.sentences[going]
        self.log_probabilities = values
        self.symbols = np.concatenate([self.symbols[places, parents], symbols[..., None]], axis=2)
        if self.attention is not None:
            self.attention = self.attention[places, parents]


def _likeliest(totals: Floats, symbols: Numbers, count: int) -> tuple[Floats, Numbers, Numbers]:
    """The largest totals of each sentence, the largest first, with their hypotheses and symbols, (sentences, count)."""
    flat = totals.reshape(len(totals), -1)
    places = np.argsort(-flat, axis=1, kind="stable")[:, :count]
    chosen = np.take_along_axis(symbols.reshape(flat.shape), places, 1)
    return np.take_along_axis(flat, places, 1), places // totals.shape[2], chosen
