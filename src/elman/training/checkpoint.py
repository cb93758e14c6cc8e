"""A training run on disk: one safetensors file, replaced as a whole, so that no two parts get out of step.

``DIR/checkpoint/state.safetensors`` holds every tensor of the run; its metadata hold, as JSON, everything
else and how the tensors fit into it. A kill at any moment leaves the last complete file. Reading executes
nothing.
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import safetensors.torch
import torch
from safetensors import SafetensorError
from torch import Tensor, nn

from elman.errors import CheckpointError, TrainingError
from elman.settings import AUTO, TrainingSettings, to_dict, update
from elman.system import write_atomically

VERSION = "1"

#: Options that say when to stop and when to save; a resumed run may be given others.
CHANGEABLE = frozenset({"epochs", "steps", "max_time", "patience", "checkpoint_every"})


def checkpoint_file(directory: Path) -> Path:
    """Where the checkpoint of a run in ``directory`` lies."""
    return directory / "checkpoint" / "state.safetensors"


def save_checkpoint(directory: Path, state: Mapping[str, Any]) -> None:
    """Write ``state``: nested dicts, lists and tuples of tensors, numbers, texts, bools and None.

    Raises `SaveError` where the disk is full or forbidden, `TrainingError` for a value of another kind.
    """
    tensors: dict[str, Tensor] = {}
    plain = _pack(state, "", tensors, {})
    metadata = {"format": "elman-checkpoint", "version": VERSION, "state": json.dumps(plain)}
    data = safetensors.torch.save(tensors, metadata)
    write_atomically(checkpoint_file(directory), lambda part: part.write_bytes(data))


def load_checkpoint(directory: Path) -> dict[str, Any]:
    """Read what `save_checkpoint` wrote; tensors are on the CPU.

    Raises `CheckpointError` where there is no checkpoint, or it is damaged or of another version.
    """
    file = checkpoint_file(directory)
    try:
        data = file.read_bytes()
    except FileNotFoundError:
        raise CheckpointError(f"{file}: there is no checkpoint to resume from; start the run without resume.") from None
    except OSError as error:
        raise CheckpointError(f"{file}: cannot be read ({error.strerror}).") from None
    try:
        tensors = safetensors.torch.load(data)
        header = json.loads(data[8 : 8 + int.from_bytes(data[:8], "little")])
        metadata = header.get("__metadata__", {})
    except (SafetensorError, ValueError, KeyError) as error:
        raise CheckpointError(f"{file}: is damaged or cut short ({error}); start the run anew.") from None
    if metadata.get("format") != "elman-checkpoint":
        raise CheckpointError(f"{file}: is not a checkpoint of Elman.")
    if metadata.get("version") != VERSION:
        found = metadata.get("version")
        raise CheckpointError(f"{file}: has version {found}, this Elman reads version {VERSION}; start the run anew.")
    try:
        state = _unpack(json.loads(metadata["state"]), tensors)
    except (ValueError, KeyError, TypeError) as error:
        raise CheckpointError(f"{file}: is damaged ({error!r}); start the run anew.") from None
    return dict(state)


def _pack(value: Any, name: str, tensors: dict[str, Tensor], names: dict[Any, str]) -> Any:
    """Return ``value`` in JSON's own kinds and put its tensors, each once, into ``tensors``."""
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    if isinstance(value, Tensor):
        # Tied weights are one tensor under two names; they must come back as one.
        identity = (value.data_ptr() or name, value.shape, value.stride(), value.dtype)
        if identity not in names:
            names[identity] = name
            tensors[name] = value.detach().to("cpu", copy=True).contiguous()
        return {"tensor": names[identity]}
    if isinstance(value, Mapping):
        return {
            "dict": [[key, _pack(item, f"{name}/{key}".lstrip("/"), tensors, names)] for key, item in value.items()]
        }
    if isinstance(value, (list, tuple)):
        items = [_pack(item, f"{name}/{index}", tensors, names) for index, item in enumerate(value)]
        return items if isinstance(value, list) else {"tuple": items}
    raise TrainingError(f"A checkpoint takes tensors, numbers and texts, but {name} is a {type(value).__name__}.")


def _unpack(value: Any, tensors: Mapping[str, Tensor]) -> Any:
    if isinstance(value, list):
        return [_unpack(item, tensors) for item in value]
    if not isinstance(value, dict):
        return value
    ((kind, inner),) = value.items()
    if kind == "tensor":
        return tensors[inner]
    if kind == "tuple":
        return tuple(_unpack(item, tensors) for item in inner)
    return {key: _unpack(item, tensors) for key, item in inner}


def resumed_settings(saved: Mapping[str, Any], given: TrainingSettings) -> TrainingSettings:
    """Return ``given`` with every ``auto`` replaced by what the saved run had.

    Raises `CheckpointError` that names an option whose change would make it another run.
    """
    values = to_dict(given)
    for name, value in values.items():
        if value == AUTO:
            values[name] = saved.get(name, value)
        elif name not in CHANGEABLE and saved.get(name) != value:
            raise CheckpointError(
                f"The run to resume has {name} {saved.get(name)}, not {value}; "
                f"resume it with {saved.get(name)} or start a new run."
            )
    return update(given, values, "the checkpoint")


def load_weights(module: nn.Module, weights: Mapping[str, Tensor]) -> None:
    """Put ``weights`` into ``module``; `CheckpointError` names the first difference between the networks."""
    own = module.state_dict()
    for name in [*own, *weights]:
        if name not in own or name not in weights:
            where = "the checkpoint" if name in own else "this network"
            raise CheckpointError(f"The checkpoint is of another network: {where} has no {name}.")
        if own[name].shape != weights[name].shape:
            found, wanted = tuple(weights[name].shape), tuple(own[name].shape)
            raise CheckpointError(f"The checkpoint is of another network: {name} is {found}, not {wanted}.")
    module.load_state_dict(dict(weights))


def random_state() -> dict[str, Any]:
    """State of torch's global random generators."""
    state: dict[str, Any] = {"cpu": torch.get_rng_state()}
    if torch.cuda.is_initialized():  # type: ignore[no-untyped-call]
        state["cuda"] = torch.cuda.get_rng_state_all()
    if torch.backends.mps.is_available():
        state["mps"] = torch.mps.get_rng_state()
    return state


def set_random_state(state: Mapping[str, Any]) -> None:
    """Bring torch's global random generators back to what `random_state` returned."""
    torch.set_rng_state(state["cpu"])
    if "cuda" in state:
        torch.cuda.set_rng_state_all(state["cuda"])
    if "mps" in state:
        torch.mps.set_rng_state(state["mps"])


@contextlib.contextmanager
def own_random_numbers() -> Iterator[None]:
    """Leave torch's global random generators after the block as they were before it."""
    state = random_state()
    try:
        yield
    finally:
        set_random_state(state)


@dataclasses.dataclass
class Position:
    """Where a run stands: the plain part of a checkpoint.

    ``epoch`` and ``index`` are those of the next batch. ``scores`` are all held-out scores, ``figures`` and
    ``scored_step`` belong to the last of them, ``best_figures``, ``best_step`` and ``best_index`` (its place in
    ``scores``) to the best. ``scoring_seconds`` is the part of ``elapsed`` that went into held-out scores.
    """

    epoch: int = 0
    index: int = 0
    step: int = 0
    symbols: int = 0
    elapsed: float = 0.0
    scoring_seconds: float = 0.0
    scores: list[float] = dataclasses.field(default_factory=list)
    figures: dict[str, float] = dataclasses.field(default_factory=dict)
    scored_step: int = -1
    best_index: int = -1
    best_figures: dict[str, float] = dataclasses.field(default_factory=dict)
    best_step: int = -1

    @property
    def best(self) -> float | None:
        """The best (lowest) held-out score; None before the first."""
        return self.scores[self.best_index] if self.scores else None

    @property
    def scores_since_best(self) -> int:
        """How many scores in a row have not been better than the best."""
        return len(self.scores) - 1 - self.best_index if self.scores else 0

    def record(self, score: float, figures: dict[str, float]) -> None:
        """Take in a held-out score of the present step."""
        if self.best is None or score < self.best:
            self.best_index, self.best_step, self.best_figures = len(self.scores), self.step, figures
        self.scores.append(score)
        self.figures, self.scored_step = figures, self.step
