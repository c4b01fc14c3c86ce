"""Threads for compiled loops: order, errors, forks, and callers that ask for different numbers of threads."""

import os
from threading import Thread

import pytest
import torch

from regbench.models.compiled import in_threads, portions


@pytest.mark.parametrize("count", [1, 3])
def test_results_stand_in_order_and_an_error_reaches_the_caller(count, threads):
    threads(count)
    assert in_threads(lambda k: k * k, 7) == [0, 1, 4, 9, 16, 25, 36]
    with pytest.raises(ZeroDivisionError):
        in_threads(lambda k: 1 // k, 4)
    assert in_threads(lambda k: k, 2) == [0, 1]


def test_a_forked_child_has_threads_of_its_own(threads):
    threads(2)
    assert in_threads(lambda k: k, 4) == [0, 1, 2, 3]
    child = os.fork()
    if child == 0:
        os._exit(0 if in_threads(lambda k: k, 4) == [0, 1, 2, 3] else 1)
    assert os.waitpid(child, 0)[1] == 0


def test_callers_with_different_numbers_of_threads_do_not_disturb_each_other(threads):
    wrong = []

    def call(count: int) -> None:
        for _ in range(50):
            torch.set_num_threads(count)
            if in_threads(lambda k: k, 9) != list(range(9)):
                wrong.append(count)

    callers = [Thread(target=call, args=(count,)) for count in (2, 3, 5)]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join(30)
    assert not wrong
    assert not any(caller.is_alive() for caller in callers)


@pytest.mark.parametrize(("size", "parts"), [(7, 3), (2, 5), (8, 8)])
def test_portions_hold_every_item_once(size, parts):
    found = portions(size, parts)
    assert len(found) == parts
    assert [i for part in found for i in range(size)[part]] == list(range(size))
