"""einsum in any letters, and bags of any sizes by max, against brute-force autograd."""

from typing import Any

import numpy as np
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from tests.workers.influence.reference import squared_norms
from workers.influence import SelfInfluenceScorer, Treatment
from workers.influence.losses import squared_error

RANDOM = settings(
    max_examples=60,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
N = 5


class Summed(nn.Module):
    """A number of what `function` makes of parameter and input: each of its numbers counts."""

    def __init__(self, function: Any, *shape: int) -> None:
        super().__init__()
        self.own = nn.Parameter(torch.randn(shape, dtype=torch.float64))
        self.function = function

    def forward(self, x: Tensor) -> Tensor:
        y = self.function(self.own, x)
        factors = torch.linspace(0.5, 1.5, y[0].numel(), dtype=torch.float64)
        return (y.flatten(1).tanh() * factors).sum(1)


def compare(model: nn.Module, inputs: Tensor) -> None:
    targets = torch.randn(N, dtype=torch.float64)
    state = dict(model.state_dict())
    scorer = SelfInfluenceScorer(model, loss="squared_error", checkpoints=[(state, 1.0)])
    found = scorer.by_parameter(inputs, targets)
    true = squared_norms(model, state, inputs, targets, squared_error)
    np.testing.assert_allclose(found["own"], true["own"], rtol=1e-9, atol=1e-18)
    assert [entry.treatment for entry in scorer.coverage.entries] == [Treatment.RULE]


@st.composite
def equations(draw: Any) -> tuple[str, tuple[int, ...], tuple[int, ...], bool]:
    """Equation, shapes of data and parameter, and whether the parameter comes first in it."""
    sizes = dict(zip("bsijkh", (N, *(draw(st.integers(1, 4)) for _ in range(5))), strict=True))
    positions = draw(st.sampled_from(["b", "bs"]))
    summed, made = draw(st.sampled_from([("i", "k"), ("ij", "k"), ("i", ""), ("", "k"), ("", "")]))
    shared = draw(st.sampled_from(["", "h"]))

    def mixed(letters: str) -> str:
        return "".join(draw(st.permutations(letters)))

    data = "b" + mixed(positions[1:] + summed + shared)
    parameter, output = mixed(summed + shared + made), positions + mixed(shared + made)
    first = draw(st.booleans())
    sides = f"{parameter},{data}" if first else f"{data},{parameter}"
    shapes = [tuple(sizes[each] for each in letters) for letters in (data, parameter)]
    return f"{sides}->{output}", shapes[0], shapes[1], first


@RANDOM
@given(equations(), st.integers(0, 999))
def test_einsum_in_any_letters(
    drawn: tuple[str, tuple[int, ...], tuple[int, ...], bool], seed: int
) -> None:
    equation, of_data, of_parameter, first = drawn
    torch.manual_seed(seed)

    def function(p: Tensor, x: Tensor) -> Tensor:
        return torch.einsum(equation, *((p, x) if first else (x, p)))

    compare(Summed(function, *of_parameter), torch.randn(of_data, dtype=torch.float64))


@RANDOM
@given(
    st.integers(1, 3),
    st.lists(st.integers(0, 4), min_size=1, max_size=3),
    st.sampled_from([None, 0, -1]),
    st.booleans(),
    st.integers(0, 999),
)
def test_bags_of_any_sizes_by_max(
    width: int, sizes: list[int], padding: int | None, twice: bool, seed: int
) -> None:
    torch.manual_seed(seed)
    each = sum(sizes) + 1

    def function(p: Tensor, ids: Tensor) -> Tensor:
        starts = torch.tensor([0, *sizes]).cumsum(0) + each * torch.arange(len(ids))[:, None]
        bags = nn.functional.embedding_bag(
            ids.flatten(), p, starts.flatten(), mode="max", padding_idx=padding
        ).view(len(ids), -1)
        if not twice:
            return bags
        return bags * nn.functional.embedding_bag(ids, p, mode="max").repeat(1, len(sizes) + 1)

    ids = torch.randint(1, 4, (N, each))
    ids[:, 0] = 2  # each example has a gradient
    compare(Summed(function, 5, width), ids)
