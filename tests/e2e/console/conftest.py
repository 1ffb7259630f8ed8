"""A node with the example, deployed once for all of the console's tests, and pages that are signed in to it."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator

import pytest
from browser import BROWSER, need_browser
from playwright.sync_api import Browser, StorageState, sync_playwright

from console_rig import EXAMPLE, SIZES, STACK, Console, Shop, chromium_options, opened, sign_in_link
from nodes import RunningNode, clean_environment
from shop import RUNTIME


@pytest.fixture(scope="session")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    need_browser()
    node = RunningNode(data=tmp_path_factory.mktemp("console"), dev_credentials=False)
    done = subprocess.run(
        ["nightbus", "deploy", str(EXAMPLE / "template.yaml"), "--stack-name", STACK, "--port", str(node.port),
         "--parameter-overrides", f"Runtime={RUNTIME}"],
        env=clean_environment(),
        capture_output=True,
        text=True,
        timeout=240,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    stack = node.client("cloudformation").describe_stacks(StackName=STACK)["Stacks"][0]
    yield Shop(node, {output["OutputKey"]: output["OutputValue"] for output in stack["Outputs"]})
    assert node.stop() == 0


@pytest.fixture(scope="module")
def browser(shop: Shop) -> Iterator[Browser]:
    """Of one module, because Playwright's loop stands in the way of other modules' asyncio tests."""
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=BROWSER, args=chromium_options())
        yield running
        running.close()


@pytest.fixture(scope="module")
def signed_in(browser: Browser, shop: Shop) -> StorageState:
    """The cookie of a session, which the link of `nightbus console` has made."""
    context = browser.new_context()
    page = context.new_page()
    page.goto(sign_in_link(shop.node))
    page.locator("nav.nav").wait_for()
    state = context.storage_state()
    context.close()
    return state


@pytest.fixture
def console(browser: Browser, shop: Shop, signed_in: StorageState) -> Iterator[Console]:
    """A page of 1280 px in the light theme."""
    with opened(browser, shop.node.port, signed_in) as page:
        yield page


@pytest.fixture(params=["wide-light", "narrow-dark"])
def look(
    request: pytest.FixtureRequest, browser: Browser, shop: Shop, signed_in: StorageState
) -> Iterator[Console]:
    """The same in both themes and at both widths."""
    size, theme = str(request.param).split("-")
    with opened(browser, shop.node.port, signed_in, SIZES[size], theme) as page:
        yield page
