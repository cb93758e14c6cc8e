"""Words for a network that reads sentences: `WordSteps`, where a step is one word, told in several fields.

- ``word``: in lower case, every digit a 0; unknown (0) when not in the vocabulary;
- ``prefix`` and ``suffix``: its first and its last three characters; unknown when fewer than two words of the training
  data have them;
- ``shape``: where capitals, small letters, digits and marks stand, so that case is not lost; likewise.

A word that training has never seen is still known by the other three. Each field has an embedding of its own.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, final

import numpy as np
from numpy.typing import NDArray

from elman.codecs.augmentation import strengths
from elman.codecs.raw import Raw
from elman.codecs.sequence import SequenceCodec, SequenceEncoder, Steps
from elman.codecs.text import UNKNOWN, lower
from elman.codecs.vocabulary import damaged, read_file
from elman.errors import DataError, SettingsError, nearest

FIELDS = ("word", "prefix", "suffix", "shape")
FILE = "words.json"

#: What is done to training sequences, and how much by itself.
AUGMENTATIONS = {"mask": 0.25}

_AFFIX = 3
#: Runs in a shape are cut to this length, so that "Paris" and "London" look the same and years differ from prices.
_RUN = {"X": 2, "x": 2, "c": 2, "d": 4}

# Vowel signs, accents and joiners that are no letters for `re` and yet stand inside words.
_INNER = "\u0300-\u036f\u0591-\u05c7\u064b-\u065f\u0670\u0900-\u0963\u0966-\u109f\u200c\u200d"
# Scripts without spaces between words: each character is a word.
_ALONE = "\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\U00020000-\U0002ffff"
_CLITIC = r"['’](?:s|re|ve|ll|d|m)\b"
_WORD = re.compile(
    rf"""
    -[lr][rsc]b-                                   # brackets as the Penn Treebank writes them
  | n['’]t\b | {_CLITIC}                           # the second halves of: don't, it's, we've
  | [^\W\d_]{{1,2}}['’](?!(?:s|re|ve|ll|d|m|t)\b)(?=\w)  # l'amour, o'clock
  | (?:[^\W\d_]\.){{2,}}                           # U.S.
  | \d+(?:[.,:]\d+)+                               # 1,000.50 and 12:30
  | [{_ALONE}]
  | (?:(?![{_ALONE}])[\w{_INNER}])+?(?=n['’]t\b)   # don't: do, n't
  | (?:(?![{_ALONE}])[\w{_INNER}])+
  | (\S)\1*                                        # a mark, or a row of the same
    """,
    re.VERBOSE | re.IGNORECASE,
)


def cut_words(text: str) -> list[str]:
    """Cut a text at white space and punctuation; marks are words too, and so is the ``n't`` of ``don't``.

    Text that is cut already, as treebanks have it, stays as it is, but for words with hyphens.

    >>> cut_words("It's Jean-Luc's; don't wait!!")
    ['It', "'s", 'Jean', '-', 'Luc', "'s", ';', 'do', "n't", 'wait', '!!']
    """
    return [match.group() for match in _WORD.finditer(text)]


def shape(word: str) -> str:
    """Which kinds of characters a word has: X capital, x small, c other letters, d digit, marks as they are.

    >>> [shape(word) for word in ("Paris", "USA", "1999", "mp3", "x-ray")]
    ['Xxx', 'XX', 'dddd', 'xxd', 'x-xx']
    """
    kinds: list[str] = []
    run = 0
    for character in word:
        kind = _kind(character)
        run = run + 1 if kinds and kind == kinds[-1] else 1
        if run <= _RUN.get(kind, 1):
            kinds.append(kind)
    return "".join(kinds)


def _kind(character: str) -> str:
    if character.isalpha():
        return "X" if character.isupper() else "x" if character.islower() else "c"
    return "d" if character.isdigit() else character


@final
class WordSteps(SequenceCodec):
    """A step is one word: its number, its beginning, its ending and its shape, as far as ``fields`` names them.

    Sequences are texts, cut by `cut_words`, or tuples of words that are cut already (of tagged data, so that tags
    and steps stay together). Words are those of the training data, the most frequent first, ties in alphabetical
    order, after ``<unk>`` with id 0.

    In training (`augment`) a word seen n times becomes ``<unk>`` with the probability mask / (mask + n), so that the
    network learns what to make of unknown words, by their other fields above all (Kiperwasser & Goldberg 2016).

    >>> codec = WordSteps.fit(["A cat sat.", "a Mat"])
    >>> codec.words, codec.encode("A CAT slept").values[:, 0]
    (['<unk>', 'a', '.', 'cat', 'mat', 'sat'], array([1, 3, 0]))
    """

    kind = "words"
    lookahead = None

    def __init__(
        self,
        counts: Mapping[str, int],
        affixes: Mapping[str, Sequence[str]],
        lowercase: bool = True,
        mask: float = 0.0,
    ) -> None:
        """Take the words with how often training has them, and the values of the other fields, without ``<unk>``."""
        self.lowercase, self.mask = lowercase, mask
        self.fields = ("word", *affixes)
        self.counts = dict(counts)
        self.words = [UNKNOWN, *counts]
        known: list[Sequence[str]] = [self.words, *([UNKNOWN, *values] for values in affixes.values())]
        self.tables = tuple({value: number for number, value in enumerate(values)} for values in known)
        self.symbols = tuple(len(table) for table in self.tables)
        self._masked = chance_of_mask(counts.values(), mask)

    @classmethod
    def fit(
        cls,
        inputs: Iterable[Raw],
        *,
        vocabulary_size: int = 30_000,
        least: int = 1,
        lowercase: bool = True,
        fields: Sequence[str] = FIELDS,
        augment: str = "auto",
    ) -> WordSteps:
        """Learn the words of ``inputs``: at most ``vocabulary_size``, each seen ``least`` times at least.

        ``fields`` says what a step tells of a word; ``word`` is always the first. ``augment`` is ``auto``, ``none`` or
        ``mask=STRENGTH``. Raises `SettingsError` on an impossible option, `DataError` where there is no word.
        """
        _check(vocabulary_size, fields)
        mask = strengths(augment, AUGMENTATIONS)["mask"]
        written = Counter(word for raw in inputs for word in words_of(raw))
        counts: Counter[str] = Counter()
        for word, number in written.items():
            counts[fold(word, lowercase)] += number
        del counts[UNKNOWN]
        if not counts:
            raise DataError("expected sequences with words to learn from, found no word. Give text that is not empty.")
        kept = sorted(counts, key=lambda word: (-counts[word], word))[: vocabulary_size - 1]
        affixes = {name: _values(name, written, lowercase) for name in fields if name != "word"}
        return cls({word: counts[word] for word in kept if counts[word] >= least}, affixes, lowercase, mask)

    @classmethod
    def load(cls, folder: Path, config: Mapping[str, Any]) -> WordSteps:
        """Read back what `save` wrote; raises `DataError` where it is missing or damaged."""
        path = folder / FILE
        try:
            found = json.loads(read_file(path))
            counts, affixes = dict(found["words"]), {name: list(found[name]) for name in config["fields"][1:]}
            codec = cls(counts, affixes, config["lowercase"], config["mask"])
        except (ValueError, KeyError, TypeError) as error:
            raise damaged(path, f"expected words with their counts ({error!r})") from None
        if list(codec.symbols) != config.get("symbols"):
            raise damaged(path, f"has {list(codec.symbols)} symbols, the configuration says {config.get('symbols')}")
        return codec

    def to_config(self) -> dict[str, Any]:
        """What `load` needs besides the file of words."""
        options = {"lowercase": self.lowercase, "mask": self.mask}
        return {"kind": self.kind, "fields": list(self.fields), "symbols": list(self.symbols), **options}

    def save(self, folder: Path) -> None:
        """Write ``words.json``: the words with their counts, and the values of the other fields."""
        others = {name: list(table)[1:] for name, table in zip(self.fields[1:], self.tables[1:], strict=True)}
        text = json.dumps({"words": self.counts, **others}, ensure_ascii=False, indent=0)
        (folder / FILE).write_text(text + "\n", encoding="utf-8")

    def encode(self, raw: Raw) -> Steps:
        """One step per word, (words, fields) int64."""
        words = words_of(raw)
        rows = {word: self._row(word) for word in set(words)}
        values = np.array([rows[word] for word in words], dtype=np.int64)
        return Steps(values.reshape(len(words), len(self.fields)))

    def encoder(self) -> WordEncoder:
        """A fresh incremental encoder."""
        return WordEncoder(self)

    def describe(self) -> str:
        """One sentence on a step."""
        case = " in lower case" if self.lowercase else ""
        others = [f"its {name} ({size:,})" for name, size in zip(self.fields[1:], self.symbols[1:], strict=True)]
        told = " with " + " and ".join([", ".join(others[:-1]), others[-1]][len(others) < 2 :]) if others else ""
        return f"A step is a word{case} ({len(self.words):,} known){told}."

    def augment(self, steps: Steps, rng: np.random.Generator) -> Steps:
        """Make rare words unknown."""
        values = steps.values.copy()
        values[rng.random(len(values)) < self._masked[values[:, 0]], 0] = 0
        return steps._replace(values=values)

    def labels(self, raw: Raw, steps: Steps) -> list[str]:
        """The words as they are written."""
        return words_of(raw)

    def _row(self, word: str) -> list[int]:
        folded = fold(word, self.lowercase)
        values = (folded if name == "word" else _value(name, word, folded) for name in self.fields)
        return [table.get(value, 0) for table, value in zip(self.tables, values, strict=True)]


@final
class WordEncoder(SequenceEncoder):
    """Encodes text that arrives in chunks, or words that arrive in tuples; ``held`` is a word that may go on."""

    def __init__(self, codec: WordSteps) -> None:
        self.codec = codec
        self.held = ""

    def push(self, chunk: Raw) -> Steps:
        """The words that are whole: what stands before the last white space; words of a tuple are whole."""
        if not isinstance(chunk, str):
            return self.flush() + self.codec.encode(chunk)
        text = self.held + chunk
        self.held = "" if not text or text[-1].isspace() else text.rsplit(maxsplit=1)[-1]
        return self.codec.encode(text[: len(text) - len(self.held)])

    def flush(self) -> Steps:
        """The last word."""
        text, self.held = self.held, ""
        return self.codec.encode(text)


def fold(word: str, lowercase: bool = True) -> str:
    """Return what the field ``word`` looks up: digits become 0, capitals small.

    >>> fold("Boeing-747")
    'boeing-000'
    """
    folded = re.sub(r"\d", "0", word)
    return lower(folded) if lowercase else folded


def chance_of_mask(counts: Iterable[int], mask: float) -> NDArray[np.float64]:
    """How likely each symbol becomes ``<unk>``, (1 + counts,): mask / (mask + n), 0 for ``<unk>`` itself.

    >>> chance_of_mask([1, 3], 1.0).tolist()
    [0.0, 0.5, 0.25]
    """
    seen = np.array([np.inf, *counts])
    return mask / (mask + seen) if mask else np.zeros(len(seen))


def _value(name: str, word: str, folded: str) -> str:
    """What a field other than the word itself says of it."""
    if name == "shape":
        return shape(word)
    return folded[:_AFFIX] if name == "prefix" else folded[-_AFFIX:]


def _values(name: str, written: Iterable[str], lowercase: bool) -> list[str]:
    """The values of a field that at least two words share: what only one word has tells no more than the word."""
    shared = Counter(_value(name, word, fold(word, lowercase)) for word in written)
    return sorted(value for value, number in shared.items() if number > 1 and value != UNKNOWN)


def words_of(raw: Raw) -> list[str]:
    """The words of a text, or of a tuple of words as they are; raises `DataError` on what is neither."""
    if isinstance(raw, str):
        return cut_words(raw)
    if isinstance(raw, tuple | list) and all(isinstance(word, str) for word in raw):
        return list(raw)
    raise DataError(f"expected a text or a tuple of words, found {type(raw).__name__}.")


def _check(vocabulary_size: int, fields: Sequence[str]) -> None:
    for name in fields:
        if name not in FIELDS:
            raise SettingsError(f"fields of words are {', '.join(FIELDS)}, not '{name}'.{nearest(name, FIELDS)}")
    if vocabulary_size < 2:
        raise SettingsError(f"vocabulary_size must be at least 2 for words, not {vocabulary_size}.")
