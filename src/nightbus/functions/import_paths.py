"""Says where an environment looks for modules: in the function's own code first.

This file is loaded by a zygote, by any Python from 3.8 on: standard library only.
"""

import os
import sys

AWS_PACKAGES = ("boto3", "botocore", "s3transfer", "jmespath", "dateutil", "urllib3", "six", "simplejson")


def set_import_paths(environment, runtime, pycache):
    """The function's own code first, its layers, the standard library, then what the runtime brings.

    That stays at the path from which some of it was imported before the fork.
    """
    standard = [
        path for path in sys.path if path and path != sys.argv[1] and not path.endswith("site-packages")
    ]
    layers = environment.pop("NIGHTBUS_LAYERS", "")
    os.environ.pop("NIGHTBUS_LAYERS", None)
    version = "python%d.%d" % sys.version_info[:2]
    opt = [os.path.join(layers, "python", "lib", version, "site-packages"), os.path.join(layers, "python")]
    task = environment["LAMBDA_TASK_ROOT"]
    own = [path for path in environment["PYTHONPATH"].split(":") if path and path != runtime]
    opt = own + (opt if layers else [])
    sys.path[:] = [task] + opt + standard + [runtime]
    for path, finder in list(sys.path_importer_cache.items()):
        if finder is None or path.startswith((task, "/opt")):  # not all: to free what is shared takes 2 ms
            del sys.path_importer_cache[path]
    if pycache:
        sys.pycache_prefix = pycache
    forget_overridden([task] + opt)


def forget_overridden(folders):
    """What the function brings itself wins over what was imported before it was there."""
    own = [name for name in AWS_PACKAGES for folder in folders if os.path.exists(os.path.join(folder, name))]
    own += [
        name
        for name in AWS_PACKAGES
        for folder in folders
        if os.path.exists(os.path.join(folder, name + ".py"))
    ]
    if own:
        for loaded in [module for module in sys.modules if module.split(".")[0] in AWS_PACKAGES]:
            del sys.modules[loaded]
