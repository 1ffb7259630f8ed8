"""Makes the network of an environment without a way out: loopback, and listeners on which the node accepts.

It runs in the init process of the environment's namespaces. A socket stays in the network where it was made, so the
node, which is in the machine's, gets the listeners made here, for the Runtime API and for its own endpoint. Later it
gets a new socket whenever it asks (`orders`), and connects that to a listener of the function, as telemetry needs it.
"""

import fcntl
import socket
import struct

from . import linux

_SIOCGIFFLAGS, _SIOCSIFFLAGS, _IFF_UP = 0x8913, 0x8914, 1
_INTERFACE = struct.Struct("16sH22x")  # the kernel's `struct ifreq`
_BACKLOG = 1024


def bring_up_loopback():
    """The kernel gives the interface its addresses, 127.0.0.0/8 and ::1, when it comes up."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        answer = fcntl.ioctl(any_socket, _SIOCGIFFLAGS, _INTERFACE.pack(b"lo", 0))
        name, flags = _INTERFACE.unpack(answer)
        fcntl.ioctl(any_socket, _SIOCSIFFLAGS, _INTERFACE.pack(name, flags | _IFF_UP))


def hand_over_listeners(link, addresses):
    """One for each address, in this order. Raises OSError."""
    listeners = []
    try:
        for host, port in addresses:
            listener = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_STREAM)
            listeners.append(listener)
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind((host, port))
            listener.listen(_BACKLOG)
        linux.send_descriptors(link, b"listeners", [listener.fileno() for listener in listeners])
    finally:
        for listener in listeners:
            listener.close()


def give_socket(link):
    """Raises OSError. Where none can be made now, the answer has none, and the node may ask again."""
    try:
        made = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    except OSError:
        link.send(b"none")
        return
    with made:
        linux.send_descriptors(link, b"socket", [made.fileno()])
