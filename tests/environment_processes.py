"""The processes of an execution environment as the machine sees them, and whether they are stopped."""

from __future__ import annotations

from pathlib import Path


def state_of(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return "X"


def of_namespace(namespace: int) -> list[int]:
    """The machine's pids of all processes in it but the first."""
    found = []
    for folder in Path("/proc").iterdir():
        try:
            if folder.name.isdigit() and (folder / "ns" / "pid").stat().st_ino == namespace:
                lines = (folder / "status").read_text().splitlines()
                (levels,) = [line.split()[1:] for line in lines if line.startswith("NSpid:")]
                if levels[-1] != "1":
                    found.append(int(folder.name))
        except OSError:
            continue
    return found


def is_frozen(namespace: int) -> bool:
    """Whether there are processes in it, and all of them are stopped."""
    states = [state_of(pid) for pid in of_namespace(namespace)]
    return "T" in states and set(states) <= set("TZX")
