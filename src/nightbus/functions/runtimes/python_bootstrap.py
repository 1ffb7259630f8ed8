"""Runs a function under awslambdaric in a Python that a wrapper script has started: lies at /var/runtime/bootstrap.py.

Run by path, by any Python from 3.8 on, without Nightbus importable. Functions without a wrapper script are forked from
a zygote instead, which has all of this imported.
"""

import os
import sys


def main():
    runtime = os.path.dirname(os.path.abspath(__file__))
    named = [path for path in os.environ.get("PYTHONPATH", "").split(":") if path and path != runtime]
    standard = [path for path in sys.path if path not in (*named, runtime) and "site-packages" not in path]
    version = "python%d.%d" % sys.version_info[:2]
    layers = ["/opt/python/lib/%s/site-packages" % version, "/opt/python"]
    task = os.environ["LAMBDA_TASK_ROOT"]
    first = [task, runtime, *named] if named else [task, *layers, runtime]  # as in `import_paths.order`
    sys.path[:] = [*first, *(path for path in standard if path not in first), *layers]
    from awslambdaric.__main__ import main as run

    run(["bootstrap", os.environ["_HANDLER"]])


if __name__ == "__main__":
    main()
