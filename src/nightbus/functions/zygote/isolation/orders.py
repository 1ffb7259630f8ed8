"""Carries out what the node asks of the init process of an environment: to freeze or thaw it, and for sockets.

The node's side is `functions/init_link.py`.
"""

import os
import select
import signal

from . import own_network

FREEZE, THAW, SOCKET = b"freeze", b"thaw", b"socket"


def obey(lifeline, link):
    """Return when the lifeline ends. The node asks on the link, and closes it when it needs nothing any more."""
    while link is not None:
        ready = select.select([lifeline, link], [], [])[0]
        if lifeline in ready and not lifeline.recv(64):
            return
        if link in ready and not _carry_out(link):
            link.close()
            link = None
    while lifeline.recv(64):
        pass


def _carry_out(link):
    """False where nobody asks any more."""
    try:
        order = link.recv(64)
        if order == FREEZE:
            _signal_all(signal.SIGSTOP)
        elif order == THAW:
            _signal_all(signal.SIGCONT)
        elif order == SOCKET:
            own_network.give_socket(link)
        return bool(order)
    except OSError:
        return False


def _signal_all(number):
    """Every process of the namespace but this one has the signal when the call returns, also one that is being forked:
    the kernel goes through them under a lock."""
    try:
        os.kill(-1, number)
    except OSError:  # there is none
        pass
