"""Which extensions may register, who gets which event, and what counts as a failure."""

from __future__ import annotations

from typing import Any

import pytest

from nightbus.functions.extensions.registry import INVOKE, SHUTDOWN, Event, ExtensionRegistry, Refused


class World:
    """A registry with one external extension, and the events that each extension got."""

    def __init__(self, *external: str) -> None:
        self.changes = 0
        self.registry = ExtensionRegistry(external, self._changed)
        self.got: list[tuple[str, str]] = []

    def _changed(self) -> None:
        self.changes += 1

    def ready(self, name: str, *events: str) -> None:
        extension = self.registry.register(name, events)
        self.ask(name)
        assert extension.state in ("Ready", "Running")

    def ask(self, name: str, *, lost: bool = False) -> None:
        (extension,) = [one for one in self.registry if one.name == name]

        def send(event: Event) -> bool:
            if not lost:
                self.got.append((name, event["eventType"]))
            return not lost

        self.registry.ask(extension, send)

    def emit(self, kind: str) -> None:
        self.registry.emit(kind, {"eventType": kind})


def test_each_gets_the_events_that_it_registered_for() -> None:
    world = World("a", "b", "c")
    world.ready("a", INVOKE, SHUTDOWN)
    world.ready("b", SHUTDOWN)
    assert not world.registry.all_registered
    world.ready("c")
    assert world.registry.all_registered and world.registry.all_ready
    world.emit(INVOKE)
    assert world.got == [("a", INVOKE)]
    assert not world.registry.all_ready
    world.ask("a")
    assert world.registry.all_ready
    world.emit(SHUTDOWN)
    assert world.got[1:] == [("a", SHUTDOWN), ("b", SHUTDOWN)]


def test_an_event_waits_for_one_that_has_not_asked_or_whose_connection_is_lost() -> None:
    world = World("a")
    world.registry.register("a", [INVOKE])
    world.emit(INVOKE)
    assert world.got == []
    world.ask("a", lost=True)
    assert world.got == []
    world.ask("a")
    assert world.got == [("a", INVOKE)]


@pytest.mark.parametrize(
    ("name", "events", "kind", "status"),
    [
        ("", [], "Extension.InvalidExtensionName", 403),
        ("a", ["OTHER"], "Extension.InvalidEventType", 400),
        ("inner", [SHUTDOWN], "ShutdownEventNotSupportedForInternalExtension", 403),
        ("known", [], "Extension.AlreadyRegistered", 403),
    ],
)
def test_refused_registrations(name: str, events: list[Any], kind: str, status: int) -> None:
    world = World("a", "known")
    world.ready("known")
    with pytest.raises(Refused) as refused:
        world.registry.register(name, events)
    assert (refused.value.error_type, refused.value.status) == (kind, status)


def test_ten_register_and_no_eleventh_and_nobody_after_the_init_phase() -> None:
    world = World()
    for number in range(10):
        world.ready(f"inner{number}", INVOKE)
    with pytest.raises(Refused, match="limit"):
        world.registry.register("inner10", [])
    late = World()
    late.registry.is_closed = True
    with pytest.raises(Refused, match="closed"):
        late.registry.register("inner", [])


def test_an_exit_is_a_crash_but_in_the_shutdown_phase() -> None:
    world = World("a", "b")
    world.registry.is_shutting_down = True
    world.registry.exited("a", "exit code 0")
    assert world.registry.failure is None
    world.registry.is_shutting_down = False
    world.registry.exited("b", "exit status 1")
    assert world.registry.failure is not None
    assert (world.registry.failure.error_type, world.registry.failure.reason) == (
        "Extension.Crash",
        "exit status 1",
    )
    assert [one.state for one in world.registry] == ["Exited", "Crashed"]


@pytest.mark.parametrize("state", ["InitError", "ExitError"])
def test_a_reported_error_becomes_the_failure_with_the_exit_or_soon(state: str) -> None:
    for exits in (True, False):
        world = World("a")
        world.ready("a", INVOKE)
        (extension,) = world.registry
        world.registry.report_error(extension, state, "Extension.NoKey")
        assert world.registry.failure is None
        with pytest.raises(Refused):
            world.ask("a")
        if exits:
            world.registry.exited("a", "exit status 2")
        else:
            world.registry.fail_reported()
        assert world.registry.failure is not None
        assert world.registry.failure.error_type == f"Extension.{state}"
        assert extension.error_type == "Extension.NoKey"


def test_only_the_first_failure_counts() -> None:
    world = World("a", "b")
    world.registry.launch_failed("a", "fork/exec /opt/extensions/a: permission denied")
    world.registry.exited("b", "exit status 1")
    assert world.registry.failure is not None
    assert world.registry.failure.error_type == "Extension.LaunchError"
    assert [one.error_type for one in world.registry] == ["PermissionDenied", "Extension.Crash"]
