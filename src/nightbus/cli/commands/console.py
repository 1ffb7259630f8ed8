"""Signs a browser in to the console of a node of this user: makes a link that does so once, and opens it."""

from __future__ import annotations

from nightbus.cli.operator_request import post_as_operator
from nightbus.node.settings import Settings

_SECONDS = 60


def open_console(settings: Settings, *, only_print: bool) -> None:
    """Raises CommandFailed, NotRunning."""
    code = post_as_operator(settings, "api/session/codes", {})["code"]
    path = f"/_nightbus/console/sign-in#{code}"  # what follows # is sent to no server, and so is in no log
    link = settings.console_endpoint + path
    opened = not only_print and _opens(link)
    print(link)
    if not only_print:
        done = "Opened in your browser" if opened else "Open it in a browser of this machine"
        print(f"{done}; the link signs in once, within {_SECONDS} seconds.")
    if settings.tls and settings.endpoint != settings.console_endpoint:
        print(f"From another machine: {settings.endpoint}{path}")


def sign_everybody_out(settings: Settings) -> None:
    """Raises CommandFailed, NotRunning."""
    post_as_operator(settings, "api/sessions/delete", {})
    print("Nobody is signed in to the console any more.")


def _opens(link: str) -> bool:
    import webbrowser

    try:
        return webbrowser.open(link)
    except webbrowser.Error:
        return False
