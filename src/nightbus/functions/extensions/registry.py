"""Keeps the extensions of one environment: who is registered for what, who waits for an event, and who failed.

It knows no HTTP and no processes; `api` and `host` bring it both.

An extension's state
--------------------
state       it                                     leaves it when
Started     runs, external ones only               it registers: Registered. It exits: failed
Registered  has an identifier                      it asks for an event: Ready. It reports an error or exits: failed
Ready       waits for an event                     an event is sent to it: Running
Running     works on an event                      it asks for the next one: Ready. It reports an error or exits: failed
failed      InitError, ExitError, Crashed,         never: the environment is not used any more
            LaunchError
Exited      has exited in the shutdown phase       never

The first failure is the environment's. In the shutdown phase an exit is none.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from nightbus.aws.ids import new_uuid

MOST_EXTENSIONS = 10
INVOKE, SHUTDOWN = "INVOKE", "SHUTDOWN"
Event = Mapping[str, Any]


class Refused(Exception):
    """What an extension asks is refused, by an HTTP status and an error type."""

    def __init__(self, error_type: str, message: str, status: int = 403) -> None:
        super().__init__(message)
        self.error_type = error_type
        self.status = status


@dataclass(frozen=True, slots=True)
class Failure:
    error_type: str
    reason: str


@dataclass(slots=True)
class Extension:
    name: str
    is_external: bool
    state: str = "Started"
    identifier: str = ""
    events: tuple[str, ...] = ()
    error_type: str = ""
    is_alive: bool = True
    send: Callable[[Event], bool] | None = None  # answers the request for an event; False where it is lost
    queued: list[Event] = field(default_factory=list)


class ExtensionRegistry:
    """`changed` is called after each change of a state."""

    def __init__(self, external: Sequence[str], changed: Callable[[], None]) -> None:
        self._changed = changed
        self._extensions = {name: Extension(name, is_external=True) for name in external}
        self.is_closed = False  # to registrations: the init phase has ended
        self.is_shutting_down = False
        self.failure: Failure | None = None

    def __iter__(self) -> Any:
        return iter(self._extensions.values())

    @property
    def all_registered(self) -> bool:
        return all(one.identifier for one in self._extensions.values() if one.is_external)

    @property
    def all_ready(self) -> bool:
        return all(one.state == "Ready" for one in self._extensions.values())

    @property
    def has_external(self) -> bool:
        return any(one.is_external for one in self._extensions.values())

    @property
    def has_internal(self) -> bool:
        return any(not one.is_external for one in self._extensions.values())

    def register(self, name: str, events: Sequence[Any]) -> Extension:
        """Raises Refused."""
        if not name:
            raise Refused("Extension.InvalidExtensionName", "Empty extension name")
        unknown = [event for event in events if event not in (INVOKE, SHUTDOWN)]
        if unknown:
            raise Refused("Extension.InvalidEventType", f"{unknown[0]}: invalid event type", 400)
        known = self._extensions.get(name)
        if known is None:
            if SHUTDOWN in events:
                said = "SHUTDOWN event not supported for internal extension"
                raise Refused("ShutdownEventNotSupportedForInternalExtension", said)
            if self.is_closed:
                raise Refused("Extension.RegistrationClosed", "Extension registration closed already")
        elif known.identifier:
            raise Refused("Extension.AlreadyRegistered", f"Extension {name} is registered already")
        if sum(bool(one.identifier) for one in self._extensions.values()) >= MOST_EXTENSIONS:
            raise Refused("Extension.TooManyExtensions", f"Extension limit ({MOST_EXTENSIONS}) reached")
        extension = known or Extension(name, is_external=False)
        self._extensions[name] = extension
        extension.identifier, extension.events = new_uuid(), tuple(dict.fromkeys(events))
        extension.state = "Registered"
        self._changed()
        return extension

    def find(self, identifier: str) -> Extension:
        """Raises Refused."""
        if not identifier:
            raise Refused(
                "Extension.MissingExtensionIdentifier", "Missing Lambda-Extension-Identifier header"
            )
        for extension in self._extensions.values():
            if extension.identifier == identifier:
                return extension
        raise Refused("Extension.UnknownExtensionIdentifier", f"Unknown extension {identifier}")

    def ask(self, extension: Extension, send: Callable[[Event], bool]) -> None:
        """The extension waits for an event; it is done with the one before. Raises Refused."""
        if extension.error_type:
            raise Refused("Extension.InvalidExtensionState", f"State transition from {extension.state}")
        extension.send, extension.state = send, "Ready"
        if extension.queued:
            self._deliver(extension, extension.queued.pop(0))
        self._changed()

    def emit(self, kind: str, event: Event) -> None:
        """Send an event to those that are registered for it, as soon as each asks."""
        for extension in self._extensions.values():
            if kind in extension.events and extension.is_alive and not extension.error_type:
                self._deliver(extension, event)

    def _deliver(self, extension: Extension, event: Event) -> None:
        send, extension.send = extension.send, None
        extension.state = "Running"
        if send is None or not send(event):
            extension.queued.append(event)

    def report_error(self, extension: Extension, state: str, error_type: str) -> None:
        """`state` is InitError or ExitError; the failure follows with the exit. Raises Refused."""
        if extension.error_type:
            raise Refused("Extension.InvalidExtensionState", f"State transition from {extension.state}")
        extension.state, extension.error_type = state, error_type or f"Extension.{state}"
        self._changed()

    def fail_reported(self) -> None:
        """One that has reported an error and does not exit fails all the same."""
        for extension in self._extensions.values():
            if extension.error_type and self.failure is None:
                self._fail(Failure(f"Extension.{extension.state}", "exit code 0"))

    def launch_failed(self, name: str, reason: str) -> None:
        extension = self._extensions[name]
        extension.state, extension.error_type, extension.is_alive = "LaunchError", "UnknownError", False
        if "permission denied" in reason:
            extension.error_type = "PermissionDenied"
        self._fail(Failure("Extension.LaunchError", reason))

    def exited(self, name: str, reason: str) -> None:
        extension = self._extensions[name]
        extension.is_alive = False
        if self.is_shutting_down:
            extension.state = "Exited"
            self._changed()
        elif extension.error_type:
            self._fail(Failure(f"Extension.{extension.state}", reason))
        else:
            extension.state, extension.error_type = "Crashed", "Extension.Crash"
            self._fail(Failure("Extension.Crash", reason))

    def _fail(self, failure: Failure) -> None:
        self.failure = self.failure or failure
        self._changed()
