"""A model that captions as `elman.nn.subject.Subject`, for `elman inspect`: its decoder, and what it is told."""

from __future__ import annotations

import numpy as np
import torch

from elman.data.examples import Examples
from elman.errors import DataError
from elman.nn.captions import CaptionNetwork
from elman.nn.own_encoder import FromFunction
from elman.nn.subject import Subject
from elman.runtime.caption_model import CaptionModel
from elman.runtime.engine import without
from elman.runtime.pair_model import END
from elman.tasks.pair_subject import CONSIDERED, START, cross_entropy, writing_layer
from elman.tasks.text_report import truth_in
from elman.tasks.training_run import put_weights


def subject(model: CaptionModel, examples: Examples, steps: int, batch: int, title: str) -> Subject:
    """The decoder and some of the longest captions, all cut to the length of the shortest of them.

    As for pairs of texts (`elman.tasks.pair_subject`): the decoder reads the known caption, and what it found in the
    picture is held as it was.

    Raises `DataError` without captions, or where none has a symbol.
    """
    known = truth_in(examples)
    if not known:
        raise DataError("A look at a model needs pictures of which a caption is known.")
    end = model.shape.decoder.end
    rows = np.unique(np.linspace(0, len(examples) - 1, min(CONSIDERED, len(examples))).astype(int)).tolist()
    found = [(row, np.append(model.learn(known[row][0]), end)) for row in rows]
    found = sorted(found, key=lambda each: -min(steps, len(each[1])))[:batch]
    time = min([steps, *(len(target) for _, target in found)])
    if time < 2:
        raise DataError("A look at a model needs captions of at least one symbol.")
    targets = torch.from_numpy(np.stack([target[:time] for _, target in found]))
    pictures = torch.nn.utils.rnn.pad_sequence(
        [torch.from_numpy(model.codec.encode(examples.inputs[row])) for row, _ in found], batch_first=True
    )
    regions = torch.tensor([len(model.codec.encode(examples.inputs[row])) for row, _ in found])
    lengths = None if model.codec.size is not None else regions
    own = None if model.encoder is None else FromFunction(model.encoder)
    network = CaptionNetwork(model.shape, own=own, backend="reference").eval()
    put_weights(network, without(model.tensors, model.own_encoder))
    read = torch.cat([torch.full((len(targets), 1), end), targets[:, :-1]], 1)
    with torch.no_grad():
        memory = network.encoder(pictures)
        contexts = network.decoder(memory, lengths, targets).attention @ memory
        layer = writing_layer(network.decoder, network.decoder.first_state(memory, lengths))
        inputs = torch.cat([network.decoder.embedding(read), contexts], 2)
    names, shape = (*model.target.symbols, END), model.shape.decoder
    return Subject(
        recurrent=layer,
        inputs=inputs,
        readout=network.requires_grad_(False).decoder.scores,
        losses=cross_entropy,
        targets=targets,
        counts=torch.ones_like(targets, dtype=torch.bool),
        labels=[[START, *(names[symbol] for symbol in row[1:])] for row in read.tolist()],
        answers=names,
        title=f"{title}, {shape.cell} {' + '.join(map(str, shape.hidden_sizes))}",
    )
