"""How much memory does an environment use, and how much did it at most?"""

from __future__ import annotations

from pathlib import Path

_PAGE = 4096
_KILOBYTE = 1024
_MOST_PROCESSES = 256


def peak_megabytes(pid: int) -> int:
    """The most that the process itself ever had resident, in whole MB."""
    try:
        status = Path(f"/proc/{pid}/status").read_bytes()
    except OSError:
        return 0
    at = status.find(b"VmHWM:")
    return -(-int(status[at + 6 :].split(None, 1)[0]) // _KILOBYTE) if at >= 0 else 0


def group_bytes(pid: int) -> int:
    """What the process and all that it forked have resident now."""
    total = 0
    waiting = [pid]
    for _ in range(_MOST_PROCESSES):
        if not waiting:
            break
        one = waiting.pop()
        try:
            total += int(Path(f"/proc/{one}/statm").read_bytes().split()[1]) * _PAGE
            waiting += map(int, Path(f"/proc/{one}/task/{one}/children").read_bytes().split())
        except (OSError, IndexError, ValueError):
            continue
    return total
