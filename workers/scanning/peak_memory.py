"""How much memory this process has taken at its peak, since one last asked."""

from __future__ import annotations

import resource
import sys
from pathlib import Path

import torch

_CLEAR = Path("/proc/self/clear_refs")
_STATUS = Path("/proc/self/status")
_RESET_PEAK = "5"


def forget_peak() -> None:
    """Measure anew from here. Where the system cannot, the peak stays that of the process."""
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats()
    try:
        _CLEAR.write_text(_RESET_PEAK)
    except OSError:
        return


def peak_bytes(device: str) -> int:
    """On the GPU: what torch reserved. On the CPU: the process's resident memory."""
    if device.startswith("cuda"):
        return int(torch.cuda.max_memory_reserved(device))
    try:
        for line in _STATUS.read_text().splitlines():
            if line.startswith("VmHWM:"):
                return 1024 * int(line.split()[1])
    except OSError:
        pass
    unit = 1 if sys.platform == "darwin" else 1024
    return unit * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
