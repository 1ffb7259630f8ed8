"""Ends what environments without namespaces leave behind when they end."""

import os
import signal


def end_orphans(alive):
    """Whatever an environment forked, into its own session or not, the kernel hands to us
    when the environment ends; while it lives, such orphans are its own. So a child that is no living environment has
    nobody left."""
    for pid, parent in processes():
        if parent == os.getpid() and pid not in alive:
            try:
                os.kill(pid, signal.SIGKILL)
            except OSError:
                pass


def processes():
    """Every process with its parent."""
    try:
        names = [name for name in os.listdir("/proc") if name.isdigit()]
    except OSError:
        return
    for name in names:
        try:
            with open("/proc/%s/stat" % name, "rb") as file:
                yield int(name), int(file.read().rpartition(b")")[2].split()[1])
        except (OSError, ValueError, IndexError):
            continue
