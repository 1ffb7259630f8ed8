"""The init process of an environment goes on with its orders where one cannot be carried out."""

from __future__ import annotations

import os
import resource
import select
import socket
import sys
from typing import Any, cast

import pytest

from nightbus.functions.init_link import SOCKET, InitLink
from nightbus.functions.zygote.isolation import orders


def answer(link: InitLink) -> list[int]:
    """The descriptors in it."""
    assert select.select([link._ours], [], [], 60)[0]
    return link.receive(1)


@pytest.mark.skipif(sys.platform != "linux", reason="there are no namespaces")
def test_a_socket_that_cannot_be_made_leaves_the_link_open() -> None:
    """Else the environment would not be frozen any more, and get no telemetry."""
    link = InitLink()
    lifeline, end = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    pid = os.fork()
    if pid == 0:
        lifeline.close()
        link._ours.close()
        resource.setrlimit(resource.RLIMIT_NOFILE, (3, limits[1]))
        cast(Any, orders).obey(end, link._theirs)
        os._exit(0)
    try:
        end.close()
        link.started()
        assert link.send(SOCKET)
        assert answer(link) == []
        resource.prlimit(pid, resource.RLIMIT_NOFILE, limits)
        assert link.send(SOCKET)
        (descriptor,) = answer(link)
        os.close(descriptor)
    finally:
        lifeline.close()
        os.waitpid(pid, 0)
        link._ours.close()
