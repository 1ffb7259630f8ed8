"""Runs `nightbus dev`: deploys the application, then carries each change of its sources to the node until Ctrl-C.

A change of a function's sources becomes an UpdateFunctionCode; a change of a template, or of a layer, an update of the
stack; a change of what a build reads (requirements.txt, package.json), a build and an update. A source with a syntax
error is reported, and the function keeps the code that it has. After the first deployment no failure ends the loop.
"""

from __future__ import annotations

import contextlib
import queue
import signal
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path

from nightbus.cli.dev.debugging import Debug
from nightbus.cli.dev.packages import Packages
from nightbus.cli.dev.printing import Printer
from nightbus.cli.dev.samconfig import Project
from nightbus.cli.dev.sources import Application, Impact, impact_of, read_application
from nightbus.cli.dev.syntax import SyntaxCheck
from nightbus.cli.dev.watching import Watcher
from nightbus.cli.errors import CommandFailed
from nightbus.cli.temporary_node import running_node
from nightbus.node.settings import Settings

_AGAIN_SECONDS = 1.0  # after an update that the node did not take


def develop(
    project: Project, settings: Settings, region: str | None, debugged: Mapping[str, int], *, delete: bool
) -> None:
    """Run until Ctrl-C or SIGTERM.

    `debugged`: the functions that wait for a debugger, with their ports. `delete`: delete the stack at the end.
    Raises CommandFailed where it cannot begin.
    """
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    application = read_application(project.template)
    with contextlib.suppress(KeyboardInterrupt), running_node(settings, "this session") as node:
        session = Session(project, application, node, region, debugged)
        try:
            with _failures_in_one_line():
                session.begin()
            session.run()
        except KeyboardInterrupt:
            pass
        finally:
            session.close()
            with _failures_in_one_line():
                session.end(delete=delete)


@contextlib.contextmanager
def _failures_in_one_line() -> Iterator[None]:
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        yield
    except (ClientError, BotoCoreError, OSError) as failure:
        raise CommandFailed(str(failure)) from failure


class Session:
    """One application on one node."""

    def __init__(
        self,
        project: Project,
        application: Application,
        node: Settings,
        region: str | None,
        debugged: Mapping[str, int],
    ) -> None:
        from nightbus.cli.aws_clients import NodeClients
        from nightbus.cli.dev.stack import Stack
        from nightbus.cli.dev.tailing import Tail

        self._project = project
        self._application = application
        self._printer = Printer()
        self._packages = Packages(self._printer.news)
        self._stack = Stack(NodeClients(node, region), node.endpoint, project, self._packages)
        self._tail = Tail(node, region, self._printer)
        self._syntax = SyntaxCheck()
        self._debug = Debug(node, region, debugged)
        self._changes: queue.Queue[set[Path]] = queue.Queue()
        self._watcher = Watcher(self._changes)

    def begin(self) -> None:
        """Deploy. Raises CommandFailed and what the node answers."""
        self._deploy()
        for line in self._debug.begin(self._stack.functions, self._application):
            self._printer.news(line, "yellow")
        self._watch()

    def run(self) -> None:
        """Carry changes to the node. Returns never."""
        waiting: set[Path] = set()
        while True:
            try:
                waiting |= self._changes.get(timeout=_AGAIN_SECONDS)
            except queue.Empty:
                if not waiting:
                    continue
            while not self._changes.empty():
                waiting |= self._changes.get()
            waiting = self._apply(waiting)

    def end(self, *, delete: bool) -> None:
        stack = self._project.stack
        if delete:
            self._printer.news(f"deleting stack {stack} ...")
            self._stack.delete()
            self._printer.news(f"stack {stack} is deleted")
        else:
            self._printer.news(f"stack {stack} stays as it is")

    def close(self) -> None:
        self._watcher.stop()
        self._packages.close()
        self._syntax.close()
        self._debug.end()

    def _apply(self, changed: set[Path]) -> set[Path]:
        """Carry the changes to the node. Returns those that are to be tried again."""
        from botocore.exceptions import BotoCoreError, ClientError

        began = time.time()
        impact = impact_of(changed, self._application)
        try:
            if impact.stack or impact.build:
                self._application = read_application(self._project.template)
                self._deploy()
                self._watch()
            else:
                self._update(changed, impact, began)
        except CommandFailed as failure:
            self._printer.trouble(str(failure))
        except (BotoCoreError, OSError) as failure:
            self._printer.trouble(f"{failure}; it is tried again")
            return changed
        except ClientError as failure:
            self._printer.trouble(str(failure))
        return set()

    def _deploy(self) -> None:
        """The stack first; then the code, which an update that failed may have put back."""
        template = self._packages.build(self._project.template, self._application)
        try:
            self._stack.deploy(template)
        finally:
            for source in self._application.sources:
                if source.is_function and not source.compiled:
                    self._stack.put_code(source)
            self._tail.follow(self._log_groups())
        for path, url in self._stack.urls.items():
            self._printer.news(f"{path[-1]}  {url}")

    def _update(self, changed: set[Path], impact: Impact, began: float) -> None:
        updated: list[str] = []
        broken: dict[str, None] = {}
        for source in impact.functions:
            errors = self._syntax.errors(filter(source.contains, changed), source)
            broken |= dict.fromkeys(errors)
            if not errors and self._stack.put_code(source):
                updated.append(source.path[-1])
        for error in broken:
            self._printer.trouble(f"SyntaxError: {_short(error)}; the code from before stays")
        if updated:
            took = (time.time() - min(began, _saved(changed))) * 1000
            files = ", ".join(sorted(_short(str(file)) for file in changed))
            self._printer.news(f"{', '.join(updated)} live {took:.0f} ms after the save  ({files})", "green")

    def _watch(self) -> None:
        sources = self._application.sources
        self._syntax.prepare({source.runtime for source in sources})
        folders = {source.folder for source in sources if source.folder.is_dir()}
        files = {source.folder for source in sources if source.folder.is_file()}
        if self._watcher.watch(folders, files | set(self._application.templates)):
            count = len(folders) + len(files)
            self._printer.news(
                f"watching {count} {'source' if count == 1 else 'sources'} and the template; Ctrl-C ends"
            )

    def _log_groups(self) -> dict[str, str]:
        """What to print before the lines of each log group: the function's logical id, where it is its own."""
        uses = Counter(function.log_group for function in self._stack.functions.values())
        return {
            function.log_group: path[-1] if uses[function.log_group] == 1 else function.log_group
            for path, function in self._stack.functions.items()
        }


def _saved(files: set[Path]) -> float:
    """When the first of the files was written; now where that is not known."""
    times = [time.time()]
    for file in files:
        with contextlib.suppress(OSError):
            times.append(file.stat().st_mtime)
    return max(min(times), time.time() - 60)


def _short(path: str) -> str:
    """Relative to the current folder where it lies there."""
    here = f"{Path.cwd()}/"
    return path.removeprefix(here)
