"""What a search for transcripts may know of their language: n-grams, language models of ours and word lists.

All of it runs without torch.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias, final

from elman.codecs.text import TextCodec
from elman.data.sources.files import gather
from elman.decoding.ngram import NGram
from elman.decoding.scorers import Fused, Scorer, Words
from elman.errors import DataError, SettingsError, UsageError
from elman.metrics.texts import error_rate
from elman.runtime.bundle import Bundle
from elman.runtime.language_scorer import LanguageScorer
from elman.runtime.text_model import TextModel
from elman.settings import AUTO, DecodingSettings

#: The value of ``language_model`` that means an n-gram of the transcripts a model learnt from.
TRANSCRIPTS = "transcripts"

#: Symbols that an n-gram counts by itself, by what they are.
ORDERS = {"characters": 6, "bytes": 8, "bpe": 4, "words": 3, "symbols": 4}

#: Weight of a language model, and bonus for each symbol, or for each word of a model of words, by themselves.
WEIGHT, BONUS = 0.5, 0.5

#: What a word outside of a list costs by itself.
OTHER_WORDS = 8.0

#: What is tried in turn where weight and bonus are chosen by data, and with how many hypotheses.
WEIGHTS, BONUSES, TRIED_BEAM = (0.2, 0.5, 1.0, 1.5), (0.0, 0.5, 1.5, 3.0), 12

#: Frames of data that are enough for that.
TRIED_FRAMES = 5_000

#: The number of a further pronunciation in a dictionary, ``READ(2)``.
_VARIANT = re.compile(r"\(\d+\)$")

#: Decodes all sequences with a scorer.
Decode: TypeAlias = Callable[[Scorer], Sequence[str]]


@final
@dataclass(frozen=True)
class Language:
    """What is known of a language, but for how much it counts.

    Attributes:
        text: What the symbols of transcripts are.
        symbols: A model of the symbols of transcripts; None without one.
        words: A list of words, and maybe a model of them; None without one.
        of_words: Makes the scorer of the list around a weighted model of words; None where no model is of words.
    """

    text: TextCodec
    symbols: Scorer | None = None
    words: Scorer | None = None
    of_words: Callable[[float, float], Scorer] | None = None

    @property
    def has_model(self) -> bool:
        """Whether weight and bonus change anything."""
        return self.symbols is not None or self.of_words is not None

    def scorer(self, weight: float = WEIGHT, bonus: float = BONUS) -> Scorer:
        """What a search takes, with the weight of the model and the bonus of each symbol, or word of a model of words.

        A weight of 0 leaves the model out.
        """
        parts: list[tuple[Scorer, float]] = []
        if self.of_words is not None:
            return self.of_words(weight, bonus)
        if self.symbols is not None and weight:
            parts.append((self.symbols, weight))
        if self.words is not None:
            parts.append((self.words, 1.0))
        if not parts:
            raise SettingsError("A language model with the weight 0 says nothing: leave it out.")
        return Fused(parts, bonus=bonus if self.symbols is not None else 0.0)


def language_of(settings: DecodingSettings, text: TextCodec, learnt: Sequence[str]) -> Language | None:
    """What options tell of a language; None where they tell nothing.

    Args:
        settings: The options.
        text: What the symbols of transcripts are.
        learnt: The transcripts that the model learnt from.

    Raises:
        UsageError: They are asked for and none were kept.
        SettingsError: A language model does not fit the symbols.
        DataError: A file cannot be read, or holds no words.
    """
    listed = None if settings.words is None else words_in(settings.words, text)
    penalty = OTHER_WORDS if settings.other_words == AUTO else float(settings.other_words)
    if settings.language_model is None:
        return None if listed is None else Language(text, words=_list(listed, text, penalty))
    if settings.language_model == TRANSCRIPTS:
        if not learnt:
            raise UsageError("This model was saved without the transcripts it learnt from. Name a file of texts.")
        model: Scorer = _ngram(learnt, text, settings)
    elif Path(settings.language_model).is_dir():
        network = Bundle.read(settings.language_model, TextModel).model
        if network.codec.kind == "words" and text.kind == "characters":
            return _of_words(network, listed, text, penalty)
        model = LanguageScorer.of_symbols(network, text)
    else:
        model = _ngram(list(_lines(Path(settings.language_model))), text, settings)
    return Language(text, model, None if listed is None else _list(listed, text, penalty))


def words_in(path: Path, text: TextCodec) -> list[str]:
    """The words of a file: the first of each line, as in a list or a dictionary; comments begin with ``;;;``.

    Where transcripts have capitals, a word also counts with a first capital, and in capitals alone. Words that the
    symbols of transcripts cannot spell are left out. Raises `DataError` where none is left.
    """
    found = (_VARIANT.sub("", line.split()[0]) for line in _lines(path) if not line.startswith((";;;", "##")))
    words = dict.fromkeys(word for word in found if word)
    if not text.lowercase:
        words = dict.fromkeys(form for word in words for form in (word, word[:1].upper() + word[1:], word.upper()))
    spelled = [word for word in words if not text.unknown_symbols(word)]
    if not spelled:
        raise DataError(f"{path}: holds no word that can be spelled in the {text.kind} of the transcripts.")
    return spelled


class Tuned(NamedTuple):
    """How much a language model counts, as data choose it.

    Attributes:
        error: Character error on these data.
        weight: Of the model's ln p.
        bonus: For each symbol, or for each word of a model of words.
    """

    error: float
    weight: float
    bonus: float


def character_error(said: Sequence[str], truth: Sequence[str]) -> float:
    """The share of the characters that are wrong."""
    return error_rate(said, [[each] for each in truth], "characters").value


def tune(language: Language, truth: Sequence[str], decode: Decode) -> Tuned:
    """The weight and the bonus with the lowest character error: first the weights are tried, then the bonuses.

    Args:
        language: With a model.
        truth: What is right for each sequence.
        decode: Transcribes the same sequences with a scorer.
    """

    @cache
    def tried(weight: float, bonus: float) -> Tuned:
        return Tuned(character_error(decode(language.scorer(weight, bonus)), truth), weight, bonus)

    weight = min(tried(weight, BONUS) for weight in WEIGHTS).weight
    return min(tried(weight, bonus) for bonus in BONUSES)


def _ngram(texts: Sequence[str], text: TextCodec, settings: DecodingSettings) -> NGram:
    order = ORDERS[text.kind] if settings.order == AUTO else int(settings.order)
    encoded: list[Any] = [text.encode(each).tolist() for each in texts]
    return NGram(encoded, len(text), order)


def _list(words: Sequence[str], text: TextCodec, penalty: float, model: Scorer | None = None) -> Words:
    if text.kind != "characters":
        raise SettingsError(f"A word list needs transcripts of characters, these are {text.kind}.")
    space = int(text.encode(" ")[0])  # unknown where transcripts are single words: then nothing separates
    spelled = [text.encode(word).tolist() for word in words]
    return Words(spelled, len(text), space, penalty=penalty, model=model)


def _of_words(network: TextModel, listed: Sequence[str] | None, text: TextCodec, penalty: float) -> Language:
    """The words of a list, or all that a language model of words knows, scored by that model."""
    known = [word for word in network.codec.symbols if not word.startswith("<")]
    words = [word for word in (listed or known) if not text.unknown_symbols(word)]
    model = LanguageScorer.of_words(network, words)

    def scorer(weight: float, bonus: float) -> Scorer:
        return _list(words, text, penalty, Fused([(model, weight)], bonus=bonus) if weight else None)

    return Language(text, of_words=scorer)


def _lines(path: Path) -> Iterator[str]:
    """What stands on the lines of a file, packed or not. Raises `DataError`."""
    for file in gather(path):
        yield from (line.strip() for line in file.text("auto").split("\n") if line.strip())
