"""The engine against brute force in float64, for every case and several checkpoints."""

from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from tests.workers.influence.cases import CASES, SLOW, Case
from tests.workers.influence.reference import at, squared_norms, total
from workers.influence import SelfInfluenceScorer, SketchSpec, Treatment, self_influence
from workers.influence.losses import resolve_loss

every_case = pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)


@every_case
def test_equals_a_loop_of_plain_autograd(case: Case) -> None:
    model, checkpoints = case.model(), case.checkpoints()
    inputs, targets = case.data()
    parts = [(at(inputs, s), targets[s]) for s in (slice(0, 4), slice(4, None))]

    result = self_influence(model, parts, loss=case.loss, checkpoints=checkpoints)

    loss = resolve_loss(case.loss)
    true = [total(squared_norms(model, state, inputs, targets, loss)) for state, _ in checkpoints]
    np.testing.assert_allclose(result.terms, np.stack(true, 1), rtol=1e-9)
    weighted = sum(eta * term for (_, eta), term in zip(checkpoints, true, strict=True))
    np.testing.assert_allclose(result.self_influence, weighted, rtol=1e-9)
    np.testing.assert_allclose(result.self_influence_equal, np.mean(true, axis=0), rtol=1e-9)
    assert result.finite.all()


@every_case
def test_every_parameter_is_accounted_for(case: Case) -> None:
    model = case.model()
    scorer = SelfInfluenceScorer(model, loss=case.loss, checkpoints=case.checkpoints(1))
    scorer.score(*case.data())

    entries = {e.name: e.treatment for e in scorer.coverage.entries}
    assert list(entries) == [name for name, _ in model.named_parameters()]
    assert {n for n, t in entries.items() if t in SLOW} == set(case.slow)
    assert {n for n, t in entries.items() if t is Treatment.DIRECT} == set(case.direct)
    frozen = {name for name, p in model.named_parameters() if not p.requires_grad}
    assert set(scorer.coverage.names(Treatment.FROZEN)) == frozen


@every_case
def test_self_check_passes(case: Case) -> None:
    scorer = SelfInfluenceScorer(case.model(), loss=case.loss, checkpoints=case.checkpoints())
    scorer.self_check(*case.data())


@every_case
def test_self_check_of_sketches_passes(case: Case) -> None:
    """In float32, where a parameter's part may be lost in the rounding of the others'."""
    inputs, targets = case.data()
    checkpoints = case.checkpoints()
    scorer = SelfInfluenceScorer(
        case.model().float(),
        loss=case.loss,
        checkpoints=checkpoints,
        sketch=SketchSpec(100, rank=3),
    )
    scorer.self_check(_single(inputs), _single(targets))


def _single(given: Any) -> Any:
    if isinstance(given, Tensor):
        return given.float() if given.is_floating_point() else given
    if isinstance(given, dict):
        return {name: _single(value) for name, value in given.items()}
    return tuple(_single(value) for value in given)


@pytest.mark.parametrize(
    "case",
    [
        c
        for c in CASES
        if c.id
        in {"linear", "conv2d", "resnet20", "transformer-batch-first", "embedding-tied-to-head"}
    ],
    ids=lambda c: c.id,
)
def test_single_precision_agrees_to_1e5(case: Case) -> None:
    # Sums of up to 1e4 products, each rounded to 6e-8: 1e-5 leaves an order of magnitude.
    model, ((state, _),) = case.model(), case.checkpoints(1)
    inputs, targets = case.data()
    single = {k: v.float() if v.is_floating_point() else v for k, v in state.items()}
    small = inputs.float() if inputs.is_floating_point() else inputs
    true = total(squared_norms(model, state, inputs, targets, resolve_loss(case.loss)))

    result = self_influence(
        case.model().float(), [(small, targets)], loss=case.loss, checkpoints=[(single, 1.0)]
    )

    np.testing.assert_allclose(result.terms[:, 0], true, rtol=1e-5)
    assert result.terms.dtype == np.float64


def test_batch_of_one_before_larger_batches() -> None:
    case = next(c for c in CASES if c.id == "transformer-batch-second")
    inputs, targets = case.data()
    model, checkpoints = case.model(), case.checkpoints(1)
    scorer = SelfInfluenceScorer(model, loss=case.loss, checkpoints=checkpoints)

    first = scorer.score(inputs[:1], targets[:1]).terms
    rest = scorer.score(inputs[1:], targets[1:]).terms

    true = total(squared_norms(model, checkpoints[0][0], inputs, targets, resolve_loss(case.loss)))
    np.testing.assert_allclose(np.concatenate([first, rest])[:, 0], true, rtol=1e-9)


def test_sequences_of_another_length_in_each_batch() -> None:
    case = next(c for c in CASES if c.id == "transformer-batch-second")
    model, checkpoints = case.model(), case.checkpoints(1)
    scorer = SelfInfluenceScorer(model, loss=case.loss, checkpoints=checkpoints)
    for n, length in [(4, 3), (2, 6), (6, 6), (3, 1), (1, 4), (5, 2)]:
        inputs, targets = torch.randint(0, 11, (n, length)), torch.randint(0, 3, (n,))
        true = squared_norms(model, checkpoints[0][0], inputs, targets, resolve_loss(case.loss))
        found = scorer.score(inputs, targets).terms[:, 0]
        np.testing.assert_allclose(found, total(true), rtol=1e-9)
