"""The order of memory is chosen by the first batches' times, once."""

import pytest
from torch import nn

from workers.influence.memory_order import MemoryOrder

CONVOLUTIONAL = nn.Sequential(nn.Conv2d(3, 8, 3), nn.ReLU())


def orders(order: MemoryOrder, seconds: dict[bool, float], batches: int) -> list[bool]:
    """The order that each batch is scored in, where a result takes `seconds[order]`."""
    used = []
    for number in range(batches):
        used.append(order.channels_last)
        n = 10 + number
        order.took(n * seconds[order.channels_last] + (100 if number == 0 else 0), n)
    return used


@pytest.mark.parametrize(("last", "chosen"), [(0.5, True), (0.99, False), (2.0, False)])
def test_the_quicker_order_is_taken_once_both_were_tried(last: float, chosen: bool) -> None:
    order = MemoryOrder(CONVOLUTIONAL)
    used = orders(order, {False: 1.0, True: last}, 12)
    assert used == [False, False, True, False, True] + [chosen] * 7
    assert order.settled


def test_a_model_without_convolutions_has_nothing_to_try() -> None:
    order = MemoryOrder(nn.Linear(3, 2))
    assert orders(order, {False: 1.0, True: 0.1}, 6) == [False] * 6


@pytest.mark.parametrize("fixed", [False, True])
def test_an_order_that_was_asked_for_stays(fixed: bool) -> None:
    order = MemoryOrder(CONVOLUTIONAL, fixed)
    assert orders(order, {False: 1.0, True: 1.0}, 6) == [fixed] * 6
