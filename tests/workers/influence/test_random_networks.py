"""Whatever the layers and however they are put together: plain autograd's norms, by rule."""

import numpy as np
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.workers.influence.case import Case
from tests.workers.influence.random_networks import networks
from tests.workers.influence.reference import squared_norms, total
from workers.influence import SelfInfluenceScorer
from workers.influence.losses import cross_entropy


@settings(
    max_examples=60,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
@given(case=networks(), sizes=st.lists(st.integers(1, 5), min_size=1, max_size=2))
def test_random_network_equals_plain_autograd(case: Case, sizes: list[int]) -> None:
    model, ((state, _),) = case.model(), case.checkpoints(1)
    scorer = SelfInfluenceScorer(model, loss="cross_entropy", checkpoints=[(state, 1.0)])
    for n in sizes:
        inputs, targets = case.data(n)
        found = scorer.score(inputs, targets)
        true = squared_norms(model, state, inputs, targets, cross_entropy)
        np.testing.assert_allclose(found.terms[:, 0], total(true), rtol=1e-9, atol=1e-18)
    assert scorer.coverage.slow == [], scorer.coverage
