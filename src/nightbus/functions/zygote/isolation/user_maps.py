"""Maps users and groups of the machine to those that an environment shows (/proc/PID/uid_map). Raises OSError."""

import os

from . import linux, root_folder

_PROC_OF_MACHINE = root_folder.MACHINE + "/proc"


def own_user_namespace():
    uid, gid = os.getuid(), os.getgid()
    linux.unshare(linux.CLONE_NEWUSER)
    _write("/proc/self/setgroups", "deny")
    _write("/proc/self/uid_map", "%d %d 1" % (uid, uid))
    _write("/proc/self/gid_map", "%d %d 1" % (gid, gid))


def _write(path, text):
    with open(
        path, "wb"
    ) as file:  # text needs a module up to Python 3.9, which the root folder does not have
        file.write(text.encode())


def map_users(process, users, groups, deny):
    folder = "%s/%s/" % (_PROC_OF_MACHINE, process)
    if deny:
        _write(folder + "setgroups", "deny")
    _write(folder + "uid_map", "\n".join(users))
    _write(folder + "gid_map", "\n".join(groups))
