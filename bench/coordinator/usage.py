"""CPU time that processes used so far, with all that they started."""

from __future__ import annotations

import psutil


def cpu_of(pid: int) -> float:
    """Seconds of CPU of a process, its children, and those of them that ended."""
    process, total = psutil.Process(pid), 0.0
    for one in (process, *process.children(recursive=True)):
        try:
            used = one.cpu_times()
        except psutil.NoSuchProcess:
            continue
        total += used.user + used.system
        if one.pid == pid:
            total += used.children_user + used.children_system
    return total
