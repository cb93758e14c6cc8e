"""Learn from a stream that never ends and changes on the way, one step at a time, at constant memory.

Random numbers come by. Some carry mark A, some mark B, and now and then a question: what was the last number with mark
A? After a while the rule changes without notice: B is asked for. Only the answers are judged, so what is worth keeping
shows later, at a step that knows nothing of it. Each step is seen once, nothing is stored, and there is no window of
backpropagation: real-time recurrent learning carries the derivatives along. Beside it learns a twin that is told of the
present step alone.

    python examples/learn_online.py
"""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor, nn

from elman.nn import RTRL, Recurrent

STREAMS, UNITS = 16, 32

#: Steps of each of the two parts of the stream, and how often there are marks and questions.
PART, OFTEN = 4_000, 0.15


def questions(part: int) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
    """Inputs (streams, 4): number, mark A, mark B, question; the right answers; and where there is a question."""
    generator = torch.Generator().manual_seed(1)
    last = torch.zeros(2, STREAMS)
    for step in range(2 * part):
        number = torch.randn(STREAMS, generator=generator)
        draw = torch.rand(STREAMS, generator=generator)
        a, b, asked = ((i * OFTEN <= draw) & (draw < (i + 1) * OFTEN) for i in range(3))
        last = torch.where(torch.stack([a, b]), number, last)
        yield torch.stack([number, a, b, asked], 1), last[step // part], asked


class Learner:
    """A layer, a linear read-out, and an optimiser that takes a step at every step of the stream."""

    def __init__(self, *, remembers: bool) -> None:
        torch.manual_seed(0)
        layer, self.readout = Recurrent("mingru", 4, UNITS), nn.Linear(UNITS, 1)
        self.stream, self.remembers = RTRL(layer, STREAMS), remembers
        self.optimizer = torch.optim.Adam([*layer.parameters(), *self.readout.parameters()], lr=3e-3)

    def learn(self, x: Tensor, answers: Tensor, asked: Tensor) -> Tensor:
        """The squared errors of the answers to what was asked, which are then learnt from."""
        if not self.remembers:
            self.stream.forget()
        errors = (self.readout(self.stream.step(x))[asked, 0] - answers[asked]).square()
        if len(errors):
            self.optimizer.zero_grad()
            errors.mean().backward()
            self.optimizer.step()
        return errors.detach()


def main(part: int = PART) -> dict[str, list[float]]:
    """Mean squared errors of the two in four stretches of each part; who always answers 0 has an error of 1."""
    learners = {"RTRL": Learner(remembers=True), "present step alone": Learner(remembers=False)}
    errors: dict[str, list[float]] = {name: [] for name in learners}
    now: dict[str, list[Tensor]] = {name: [] for name in learners}
    print(f"{'step':<8}{'asked for':<10}" + "".join(f"{name:>20}" for name in learners))
    for step, (x, answers, asked) in enumerate(questions(part), 1):
        for name, learner in learners.items():
            now[name].append(learner.learn(x, answers, asked))
        if step % (part // 4) == 0:
            for name, found in now.items():
                errors[name].append(torch.cat(found).mean().item())
                found.clear()
            mark = "A" if step <= part else "B"
            print(f"{step:<8}{mark:<10}" + "".join(f"{found[-1]:>20.3f}" for found in errors.values()))
    return errors


if __name__ == "__main__":
    main()
