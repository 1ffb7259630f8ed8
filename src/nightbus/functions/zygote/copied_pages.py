"""Learns which pages of a zygote's memory a forked process writes to, and lets the next one copy them beforehand.

The kernel copies a page when the first of those that share it writes to it, which takes some 4 µs; Python writes to
most pages that it reads, since it counts references there. The start of an environment copies some 500 of them. A
process that is forked ahead (`spare_environment`) copies them while nobody waits (`MADV_POPULATE_WRITE`, Linux 5.14),
and its memory is afterwards what it would have become.

Which pages these are is read from /proc/PID/pagemap: a page of the zygote's own mappings that a forked process has for
itself is one that somebody has written to. The first processes that are looked at decide, as long as they have written
to at most `MOST_PAGES` together, so that a function which imports much costs no memory elsewhere.

This file is loaded by a zygote, by any Python from 3.8 on, without Nightbus importable: standard library only.
"""

import array
import ctypes
import mmap

MOST_PAGES = 1280
LOOKS = 3  # at processes that wrote to few enough; more tell nothing new
TRIES = 20  # each takes some 4 ms
_ENTRY = 8  # bytes of a page in /proc/PID/pagemap
_PRESENT, _EXCLUSIVE = 1 << 63, 1 << 56
_POPULATE_WRITE = 23


class CopiedPages:
    """`libc`: the C library, by ctypes."""

    def __init__(self, libc):
        self._libc = libc
        self._pages = set()  # their numbers
        self._looks = self._tries = 0

    def learn(self, pid="self"):
        """Look at a process that was forked, or at the zygote itself since it forked last."""
        if self._looks >= LOOKS or self._tries >= TRIES:
            return
        self._tries += 1
        try:
            found = own_pages(pid)
        except (OSError, ValueError):  # it has ended, or nobody may look
            return
        if len(self._pages | found) <= MOST_PAGES:
            self._pages |= found
            self._looks += 1

    def copy(self):
        """Give this process pages of its own. Where the kernel cannot do that, they are copied one by one later."""
        for first, count in ranges(sorted(self._pages)):
            address, size = first * mmap.PAGESIZE, count * mmap.PAGESIZE
            self._libc.madvise(ctypes.c_void_p(address), ctypes.c_size_t(size), _POPULATE_WRITE)


def own_pages(pid):
    """Those of the zygote's writable private mappings that the process `pid` has for itself."""
    found = set()
    with open("/proc/self/maps", "rb") as maps, open("/proc/%s/pagemap" % pid, "rb") as pagemap:
        for line in maps:
            extent, mode = line.split(maxsplit=2)[:2]
            if mode != b"rw-p":
                continue
            first, end = [int(part, 16) // mmap.PAGESIZE for part in extent.split(b"-")]
            pagemap.seek(first * _ENTRY)
            entries = array.array("Q", pagemap.read((end - first) * _ENTRY))
            wanted = _PRESENT | _EXCLUSIVE
            found.update(first + at for at, entry in enumerate(entries) if entry & wanted == wanted)
    return found


def ranges(pages):
    """Sorted numbers as runs: the first of each, and how many."""
    first = before = None
    for page in pages:
        if before is not None and page == before + 1:
            before = page
            continue
        if first is not None:
            yield first, before - first + 1
        first = before = page
    if first is not None:
        yield first, before - first + 1
