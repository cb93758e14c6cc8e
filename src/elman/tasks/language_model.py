"""Language modelling: from text to a network that continues it and says how surprised it is by more.

Training and scoring long texts need torch (`elman.tasks.language_model_training`, imported when they are asked for);
writing, predicting and scoring short ones run on the engine alone.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from elman import cells
from elman.codecs import TextCodec
from elman.decoding.sampling import Sampling
from elman.errors import BundleError, DataError, SettingsError, UsageError
from elman.metrics.language import bits_per_symbol, nats_per_symbol, perplexity
from elman.runtime.backends import Array, StreamPrecision
from elman.runtime.bundle import Bundle
from elman.runtime.engine import NetworkShape, log_softmax
from elman.runtime.stream import Stream
from elman.runtime.text_model import TextModel
from elman.settings import LanguageModelSettings, to_dict, update

if TYPE_CHECKING:
    from elman.nn.subject import Subject
    from elman.training.events import Callback


Ids: TypeAlias = NDArray[np.int64]

#: Characters below which a text is scored by the engine, sooner than torch is imported.
SHORT_TEXT = 50_000


@dataclass(frozen=True)
class TextData:
    """Texts to train on, to hold out and to test on, and where they came from."""

    train: Sequence[str]
    held_out: Sequence[str]
    test: Sequence[str] = ()
    source: str = "texts"

    @classmethod
    def from_files(cls, files: Sequence[str | Path], settings: LanguageModelSettings) -> TextData:
        """Read files as `TextSettings` says; each file is one document. Raises `DataError` naming the file."""
        from elman.data import text_files

        text = settings.text
        documents = text_files.read_texts([Path(file) for file in files], text.encoding)
        if text.valid is not None:
            train, held_out = documents, text_files.read_texts([text.valid], text.encoding)
        else:
            train, held_out = text_files.split_held_out(documents, text.held_out)
        test = [] if text.test is None else text_files.read_texts([text.test], text.encoding)
        return cls(train, held_out, test, ", ".join(Path(file).name for file in files))

    @property
    def sha256(self) -> str:
        """Fingerprint of the training and held-out text."""
        digest = hashlib.sha256()
        for document in (*self.train, "\0", *self.held_out):
            digest.update(document.encode("utf-8", "surrogatepass"))
        return digest.hexdigest()


@dataclass(frozen=True)
class TextScore:
    """How surprised a model is by a text.

    Attributes:
        nats: ``-ln p`` of every symbol but each document's first, given all before it, shape (symbols,).
        documents: The ids of each document.
        codec: What the ids stand for.
        characters: Characters of text that the scored symbols cover.
    """

    nats: NDArray[np.float64]
    documents: Sequence[NDArray[np.int64]]
    codec: TextCodec
    characters: int

    @classmethod
    def of(
        cls, nats: NDArray[np.float64], documents: Sequence[Ids], codec: TextCodec, texts: Sequence[str]
    ) -> TextScore:
        """The score of texts by that of their symbols."""
        # Nothing predicts a document's first symbol.
        characters = sum(map(len, texts)) - sum(len(codec.decode(ids[:1])) for ids in documents)
        return cls(nats, documents, codec, characters)

    @property
    def unknown(self) -> int:
        """How many of the scored symbols are not in the vocabulary."""
        if self.codec.unknown is None:
            return 0
        return sum(int((ids[1:] == self.codec.unknown).sum()) for ids in self.documents)

    @property
    def nats_per_symbol(self) -> float:
        """Mean of ``nats``: the cross-entropy loss."""
        return nats_per_symbol(float(self.nats.sum()), len(self.nats))

    @property
    def perplexity(self) -> float:
        """``exp`` of the mean: among how many equally likely symbols it seems to choose."""
        return perplexity(float(self.nats.sum()), len(self.nats))

    @property
    def bits_per_character(self) -> float:
        """Total in bits over characters of text: comparable between codecs."""
        return bits_per_symbol(float(self.nats.sum()), self.characters)

    def figures(self) -> dict[str, float]:
        """The three figures and the counts under them, for `metrics.json`."""
        return text_figures(float(self.nats.sum()), len(self.nats), self.characters, self.unknown)

    def per_line(self) -> list[tuple[str, float, int]]:
        """``(line, nats, symbols)`` for each line of the text as the model reads it; the line end belongs to its line.

        A document's first symbol stands in its line and is not scored.
        """
        lines: list[tuple[str, float, int]] = []
        costs = iter(self.nats.tolist())
        for ids in self.documents:
            decoder = self.codec.decoder()
            text, nats, count = decoder.push(ids[:1]), 0.0, 0
            for symbol in ids[1:]:
                if text.endswith("\n"):
                    lines.append((text.rstrip("\n"), nats, count))
                    text, nats, count = "", 0.0, 0
                text, nats, count = text + decoder.push([symbol]), nats + next(costs), count + 1
            lines.append((text.rstrip("\n"), nats, count))
        return lines


def encode(codec: TextCodec, texts: Sequence[str], name: str) -> list[Ids]:
    """The symbols of each text that has any; raises `DataError`, with the ``name`` of the texts, for fewer than two."""
    documents = [ids for text in texts if len(ids := codec.encode(text))]
    found = sum(map(len, documents))
    if found < 2:
        raise DataError(f"The {name} text is too short: expected at least 2 symbols, found {found}. Give more text.")
    return documents


def text_figures(nats: float, symbols: int, characters: int, unknown: int) -> dict[str, float]:
    """What any model's total surprise at a text, in nats, comes to in the units people know."""
    return {
        "nats_per_symbol": nats_per_symbol(nats, symbols),
        "perplexity": perplexity(nats, symbols),
        "bits_per_character": bits_per_symbol(nats, characters),
        "symbols": symbols,
        "characters": characters,
        "unknown": unknown,
    }


class LanguageModel:
    """A recurrent network that reads text symbol by symbol and says what may come next.

    Options are the fields of `elman.settings.LanguageModelSettings`, by name:

    >>> model = LanguageModel(cell="gru", hidden_size=32, epochs=1)
    >>> model.settings.network.cell
    'gru'

    Raises:
        SettingsError: An option is unknown or out of range.
    """

    task = "language-model"

    def __init__(self, **options: Any) -> None:
        self.settings = update(LanguageModelSettings(), options, "LanguageModel")
        cells.find(self.settings.network.cell)
        self.metrics: dict[str, Any] = {}
        self._model: TextModel | None = None
        self._sample: dict[str, Any] = {}

    @classmethod
    def load(cls, folder: str | Path) -> LanguageModel:
        """Read a model folder. Raises `BundleError` with one sentence on what is wrong with it."""
        bundle = Bundle.read(folder, TextModel)
        model = cls()
        try:
            model.settings = update(model.settings, bundle.config.get("settings", {}), f"{folder}/config.json")
        except SettingsError as error:
            raise BundleError(str(error)) from None
        model.metrics, model._model, model._sample = bundle.metrics, bundle.model, bundle.sample
        return model

    def fit(
        self,
        *files: str | Path,
        out: str | Path | None = None,
        resume: bool = False,
        start_from: str | Path | None = None,
        callbacks: Sequence[Callback] = (),
    ) -> LanguageModel:
        """Train on text files; each is one document.

        Args:
            files: Plain text, or gzipped text (``.gz``).
            out: Folder for the model, its logs and checkpoints; without it nothing is written.
            resume: Go on with the run in ``out`` as if it had never stopped.
            start_from: Folder of an earlier model whose weights and vocabulary are the start.
            callbacks: What follows the training, such as `elman.training.make_display()`.

        Raises:
            DataError: A file is missing, empty, binary, too short or wrongly encoded.
            SaveError: ``out`` is in use or cannot be written to.
            NonFiniteLossError: The loss became NaN; the last good model is kept.
        """
        if not files:
            raise UsageError("fit needs at least one text file.")
        data = TextData.from_files(files, self.settings)
        return self.fit_texts(data, out=out, resume=resume, start_from=start_from, callbacks=callbacks)

    def fit_texts(
        self,
        data: TextData,
        *,
        out: str | Path | None = None,
        resume: bool = False,
        start_from: str | Path | None = None,
        callbacks: Sequence[Callback] = (),
    ) -> LanguageModel:
        """Train on texts in memory; otherwise as `fit`."""
        from elman.tasks import language_model_training as training

        trained = training.run(data, self.settings, out=out, resume=resume, start_from=start_from, callbacks=callbacks)
        self.settings, self.metrics = trained.settings, trained.metrics
        self._model, self._sample = trained.model, trained.model.record(trained.sample)
        if out is not None:
            self.save(out)
        if trained.failure is not None:
            raise trained.failure
        return self

    @property
    def model(self) -> TextModel:
        """What was learnt, as it runs without torch. Raises `UsageError` before `fit` or `load`."""
        if self._model is None:
            raise UsageError("This model has not been trained: call fit, or elman.load(DIR).")
        return self._model

    @property
    def codec(self) -> TextCodec:
        """Text <-> symbols. Raises `UsageError` before `fit` or `load`."""
        return self.model.codec

    @property
    def shape(self) -> NetworkShape:
        """What the network is made of."""
        return self.model.shape

    @property
    def tensors(self) -> dict[str, Array]:
        """The weights by name, float32."""
        return dict(self.model.tensors)

    def save(self, folder: str | Path) -> None:
        """Write the model folder, whole or not at all. Raises `SaveError`."""
        from elman.export import write_bundle

        write_bundle(
            folder,
            task=self.task,
            model=self.model,
            settings=to_dict(self.settings),
            metrics=self.metrics,
            sample=self._sample,
        )

    def stream(self, *, backend: str = "auto", precision: StreamPrecision = "float32") -> Stream:
        """A new live session, remembering nothing yet; the options are those of `elman.runtime.Engine`."""
        return self.model.stream(backend=backend, precision=precision)

    def subject(self, text: str, *, steps: int = 200, batch: int = 8) -> Subject:
        """This model and rows of ``text`` as something for `elman.diagnostics` to look at.

        The text is cut into rows of ``steps`` symbols; at most ``batch`` of them, spread evenly over it, are taken.
        Raises `DataError` for a text of fewer than two symbols; a shorter one than a row gives one short row.
        """
        from elman.tasks.language_model_training import subject

        return subject(self.shape, self.tensors, self.codec, encode(self.codec, [text], "read")[0], steps, batch)

    def _after(self, prompt: str) -> Stream:
        """A stream that has read ``prompt``; raises `UsageError` for characters the model has never seen."""
        if self.codec.kind == "characters" and (unknown := self.codec.unknown_symbols(prompt)):
            shown = " ".join(repr(symbol) for symbol in unknown[:10])
            raise UsageError(
                f"The prompt has characters that the model has never seen: {shown}. Leave them out, or train "
                "with --codec bytes, which knows every character."
            )
        stream = self.stream()
        stream.read(prompt)
        return stream

    def write(
        self,
        prompt: str = "",
        length: int | None = 200,
        *,
        temperature: float = 1.0,
        top_k: int = 0,
        top_p: float = 1.0,
        stop: Sequence[str] = (),
        seed: int = 0,
    ) -> Iterator[str]:
        """As `generate`, but yields the text piece by piece as it is produced."""
        sampling = Sampling(temperature=temperature, top_k=top_k, top_p=top_p)
        return self._after(prompt).generate(length, sampling, np.random.default_rng(seed), stop)

    def generate(self, prompt: str = "", length: int | None = 200, **options: Any) -> str:
        """Continue ``prompt``; returns only what was added.

        Args:
            prompt: Text to read first; empty starts as after a line end.
            length: Symbols to write at most (None: until a stop text).
            options: ``temperature`` (0 takes the likeliest, 1 draws as the model believes), ``top_k`` and
                ``top_p`` (draw only from the likeliest), ``stop`` (texts that end it), ``seed`` (the same
                seed gives the same text).
        """
        return "".join(self.write(prompt, length, **options))

    def next(self, prompt: str = "", top: int = 10) -> list[tuple[str, float]]:
        """The likeliest next symbols after ``prompt`` with their probabilities, likeliest first."""
        probabilities = np.exp(log_softmax(self._after(prompt).next_logits()))
        best = np.argsort(-probabilities, kind="stable")[:top]
        return [(self.codec.symbols[i], float(probabilities[i])) for i in best]

    def score(self, text: str) -> TextScore:
        """How surprised the model is by ``text``. Raises `DataError` for fewer than two symbols."""
        model = self.model
        if len(text) < SHORT_TEXT:
            documents = encode(model.codec, [text], "scored")
            nats = -model.engine().score(documents[0]).astype(np.float64)
            return TextScore.of(nats, documents, model.codec, [text])
        from elman.tasks import language_model_training as training

        return training.score_texts(training.build(model.shape, model.tensors), model.codec, [text])
