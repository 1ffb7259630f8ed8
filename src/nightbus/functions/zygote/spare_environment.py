"""Keeps one process forked ahead in namespaces of its own, for the next environment of a zygote.

To fork a process that has boto3 imported, and to put it into its sandbox, takes half of a cold start, and depends on
nothing that a request says. So the zygote does it while nothing else is to do, after each environment that it has
started. The spare process waits for a request, which comes with the descriptors, and for its root folder, which the
init process of its namespaces makes then. No function's code has run in it before, and it is used once.

There is none where there are no namespaces. A request that wants to see other things of the machine than the one before
is served without, and so is one that comes before the next spare process is there.

What is forked has everything that the zygote has in its memory, freed or not. So no request has what another function
may not know (`functions/variables_file.py`), and the zygote has no parsed models that are older than those of its own
(`renew`).

This file is loaded by a zygote, by any Python from 3.8 on, without Nightbus importable: standard library only.
"""

import os
import socket

CALM_SECONDS = 0.03  # without a request, after which the next process is forked
LONGEST = 1 << 20
MOST_DESCRIPTORS = 4
SHOWN = b"."


class SpareEnvironment:
    """`protection`: the zygote's Sandbox. `linux`: that module. `fork` forks a process that calls the function it is
    given, and returns its pid. `become` is called in that process, with its namespaces, the descriptor that it waits
    on, and a function that waits: it returns the request, its descriptors, and what waits until the root folder is
    there. `pages`: those that environments copy, and those that the zygote copies (`copied_pages`).
    """

    def __init__(self, protection, linux, fork, become, pages, pages_of_zygote):
        self._protection = protection
        self._linux = linux
        self._fork = fork
        self._become = become
        self._pages, self._pages_of_zygote = pages, pages_of_zygote
        self._pid, self._made, self._channel = 0, None, None
        self._taken = 0  # the process that was taken last, where none was forked since
        self._common = None  # of the request before, which is not kept: a process that is forked has it
        self.is_wanted = False  # another process is to be forked

    def prepare(self):
        """Fork it. Where that fails, requests are served without."""
        self.is_wanted = False
        self._learn_pages()
        made = None
        try:
            made = self._protection.reserve(self._common)
            ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
            with theirs:
                self._pid = self._fork(lambda: self._wait(made, theirs))
        except OSError:
            if made is not None:
                made.close()
            return
        made.forget_descriptor()
        self._made, self._channel = made, ours
        self._pages_of_zygote.copy()

    def _learn_pages(self):
        if self._taken:
            self._pages.learn(self._taken)
            self._pages_of_zygote.learn()
            self._taken = 0

    def _wait(self, made, channel):
        self._pages.copy()
        is_shown = []

        def request():
            while True:
                data, passed = self._receive(channel)
                if data != SHOWN:
                    return data, passed, wait_for_root
                is_shown.append(True)

        def wait_for_root():
            if not is_shown:
                self._receive(channel)
            channel.close()

        self._become(made, channel.fileno(), request)

    def _receive(self, channel):
        """The request with its descriptors, or SHOWN when what it says can be seen."""
        data, passed = self._linux.receive_descriptors(channel, LONGEST, MOST_DESCRIPTORS)
        if not data:
            os._exit(0)
        return data, passed

    def take(self, request, line, passed, link):
        """The pid and the namespaces of the process that does what `request` says from here on; None for none.

        `line`: the request as it came; `passed`: the descriptors for it; `link`: as in `Sandbox.make`.
        """
        self._common = self._protection.common(request)
        self.is_wanted = self._common is not None
        if self._made is None:
            self._taken = 0
            return None
        pid, made, channel = self._pid, self._made, self._channel
        if self._common != made.common or os.waitpid(pid, os.WNOHANG)[0]:
            self._taken = 0
            self.ended(pid)
            return None
        self._pid, self._made, self._channel = 0, None, None
        self._taken = pid
        try:
            with channel:
                self._protection.show(request, made, channel, link)
                self._linux.send_descriptors(channel, line, passed)
            self._protection.wait_shown(made)
        except OSError:
            made.close()  # and so the process
            return None
        return pid, made

    def renew(self):
        """The next one will have something that this one lacks."""
        if self._made is not None:
            self.is_wanted = True
            self.ended(self._pid)

    def ended(self, pid):
        """Called with each process that ended; ends its namespaces, and so it, where it has not."""
        if pid == self._pid and self._made is not None:
            self._made.close()
            self._channel.close()
            self._pid, self._made, self._channel = 0, None, None
