"""The thread that reads the next batch leaves torch's threads to the one that computes."""

from __future__ import annotations

import os
import subprocess
import sys

_ALONE = "import torch; print(torch.get_num_threads())"
_BESIDE = """
import torch
from workers.scanning.session import reader_ahead

with reader_ahead() as ahead:
    print(ahead.submit(torch.get_num_threads).result())
print(torch.get_num_threads())
"""


def said_by(code: str) -> list[int]:
    """In a process of its own: what asks torch first decides, and tests have asked long ago."""
    env = {name: value for name, value in os.environ.items() if name != "OMP_NUM_THREADS"}
    ran = subprocess.run(
        [sys.executable, "-c", code], env=env, capture_output=True, text=True, check=True
    )
    return [int(each) for each in ran.stdout.split()]


def test_reading_ahead_takes_one_thread_and_leaves_the_others() -> None:
    assert said_by(_BESIDE) == [1, *said_by(_ALONE)]
