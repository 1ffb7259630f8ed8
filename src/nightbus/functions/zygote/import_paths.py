"""Says where an environment looks for modules: in the function's own code first.

This file is loaded by a zygote, by any Python from 3.8 on: standard library only.
"""

import importlib._bootstrap_external
import os
import sys

UNCHECKED = (1).to_bytes(4, "little")  # the flags of a compiled module whose source is not looked at
AWS_PACKAGES = ("boto3", "botocore", "s3transfer", "jmespath", "dateutil", "urllib3", "six", "simplejson")


def set_import_paths(environment, packages, pycache):
    """As on AWS, with the folder of packages, from which some was imported before the fork, in the place of Python's
    site-packages."""
    standard = [
        path for path in sys.path if path and path != sys.argv[1] and not path.endswith("site-packages")
    ]
    opt = environment.pop("NIGHTBUS_LAYERS", "/opt")
    os.environ.pop("NIGHTBUS_LAYERS", None)
    runtime = environment["LAMBDA_RUNTIME_DIR"]
    own = [path for path in environment.get("PYTHONPATH", "").split(":") if path]
    os.environ.setdefault("PYTHONPATH", runtime)
    brought = [packages] if packages == runtime else [packages, runtime]
    task = environment["LAMBDA_TASK_ROOT"]
    sys.path[:] = order(task, opt, own, standard, brought)
    for path, finder in list(sys.path_importer_cache.items()):
        if finder is None or path.startswith((task, "/opt")):  # not all: to free what is shared takes 2 ms
            del sys.path_importer_cache[path]
    if pycache:
        sys.pycache_prefix = pycache
        use_compiled_modules([*standard, *brought])
    forget_overridden(sys.path[: sys.path.index(packages)])


def use_compiled_modules(installed):
    """Where a package brings a compiled module that is never compared with its source (PEP 552, unchecked), use it, as
    on AWS. Others are not: unpacking gives their sources another time, so they would be compiled at each start.

    `installed`: the folders of what no function brings, Python's own modules and the runtime's packages. They lie where
    they were compiled. Else each function would compile what it imports of them once more: asyncio takes 0.1 s.
    """
    files = importlib._bootstrap_external
    prefixed = files.cache_from_source
    theirs = tuple(os.path.join(folder, "") for folder in installed)

    def compiled(source, *arguments, **options):
        folder, name = os.path.split(source)
        brought = "%s/__pycache__/%s.%s.pyc" % (folder, name[:-3], sys.implementation.cache_tag)
        if source.startswith(theirs):
            return brought if os.path.exists(brought) else prefixed(source, *arguments, **options)
        try:
            with open(brought, "rb") as file:
                if file.read(8)[4:] == UNCHECKED:
                    return brought
        except OSError:
            pass
        return prefixed(source, *arguments, **options)

    files.cache_from_source = compiled


def order(task, opt, own, standard, brought):
    """The function's code, its layers, what the runtime brings, the standard library, and the layers once again.

    `own` is what the function has in PYTHONPATH, in the place of the first mention of its layers, as on AWS:
    https://docs.aws.amazon.com/lambda/latest/dg/python-package.html#python-package-searchpath
    """
    version = "python%d.%d" % sys.version_info[:2]
    layers = [os.path.join(opt, "python", "lib", version, "site-packages"), os.path.join(opt, "python")]
    first = [task, *brought, *own] if own else [task, *layers, *brought]
    return [*first, *(path for path in standard if path not in first), *layers]


def forget_overridden(folders):
    """What the function brings itself wins over what was imported before it was there."""
    own = []
    for folder in folders:
        try:
            there = set(os.listdir(folder))
        except OSError:  # most are not there
            continue
        own += [name for name in AWS_PACKAGES if name in there or name + ".py" in there]
    if own:
        for loaded in [module for module in sys.modules if module.split(".")[0] in AWS_PACKAGES]:
            del sys.modules[loaded]
