"""The stream of events: what arrives is seen at once, filtered, paused and walked by keys; a row leads to its event."""

from __future__ import annotations

import json
import re
import time

import pytest
from playwright.sync_api import Route, expect

from console_rig import Console, Shop, row
from waiting import wait_for


@pytest.fixture(scope="module", autouse=True)
def some_events(shop: Shop) -> list[str]:
    return [shop.put("past.events", f"Past {number}", {"number": number}) for number in range(30)]


def test_an_event_appears_while_one_looks(console: Console, shop: Shop) -> None:
    page = console.visit("/events")
    expect(page.locator(".live-state.live")).to_be_visible()
    event = shop.put("live.test", "Seen Live", {"hello": "console"})
    expect(row(page, event)).to_contain_text("Seen Live")
    expect(row(page, event)).to_contain_text("unmatched")


def test_a_click_leads_to_the_event_and_back_again(console: Console, shop: Shop) -> None:
    event = shop.put("click.test", "Clicked", {"n": 1})
    page = console.visit("/events?source=click.test")
    row(page, event).locator("a").click()
    expect(page).to_have_url(re.compile(event))
    expect(page.locator("h1")).to_have_text("Clicked")
    page.go_back()
    expect(page).to_have_url(re.compile(r"source=click\.test"))
    expect(row(page, event)).to_be_visible()


def test_a_row_shows_the_last_outcome_at_each_target(console: Console, shop: Shop) -> None:
    events, sqs = shop.node.client("events"), shop.node.client("sqs")
    arn = "arn:aws:sqs:us-east-1:000000000000:comes-later"
    events.put_rule(Name="early", EventPattern='{"source": ["retry.test"]}')
    events.put_targets(Rule="early", Targets=[{"Id": "queue", "Arn": arn}])
    page = console.visit("/events?source=retry.test")
    expect(page.locator(".live-state.live")).to_be_visible()
    event = shop.put("retry.test", "Given Up")
    expect(row(page, event)).to_contain_text("failed")
    allow = {"Effect": "Allow", "Principal": {"Service": "events.amazonaws.com"}, "Action": "sqs:SendMessage"}
    policy = json.dumps({"Statement": [{**allow, "Resource": arn}]})
    sqs.create_queue(QueueName="comes-later", Attributes={"Policy": policy})
    replay = """id => import('/_nightbus/console/web/api.js').then(api => api.openSession().then(() =>
        api.post('/events/replay', {ids: [id], rule: 'early'})))"""
    page.evaluate(replay, event)
    expect(row(page, event)).to_contain_text("delivered")
    page.reload()
    expect(row(page, event)).to_contain_text("delivered")
    events.remove_targets(Rule="early", Ids=["queue"])
    events.delete_rule(Name="early")


def test_filters_are_in_the_address_and_hold_for_what_arrives(console: Console, shop: Shop) -> None:
    page = console.visit("/events")
    page.get_by_label("Source", exact=True).fill("filter.wanted")
    expect(page).to_have_url(re.compile(r"source=filter\.wanted"))
    expect(page.locator(".live-state.live")).to_be_visible()
    shop.put("filter.other", "Not This")
    wanted = shop.put("filter.wanted", "This One")
    expect(row(page, wanted)).to_be_visible()
    expect(page.locator(".vrow")).to_have_count(1)
    page.reload()
    expect(row(page, wanted)).to_be_visible()
    expect(page.locator(".vrow")).to_have_count(1)
    page.get_by_role("button", name="Clear").click()
    expect(page.locator(".vrow").nth(5)).to_be_visible()


def test_a_pattern_filters_and_a_broken_one_says_so(console: Console, shop: Shop) -> None:
    shop.put("pattern.test", "Order", {"total": 5})
    dear = shop.put("pattern.test", "Order", {"total": 500})
    page = console.visit("/events?source=pattern.test")
    page.get_by_label("Event pattern").fill('{"detail": {"total": [{"numeric": [">", 100]}]}')
    expect(page.get_by_role("alert")).to_contain_text("not a JSON object")
    page.get_by_label("Event pattern").fill('{"detail": {"total": [{"numeric": [">", 100]}]}}')
    expect(row(page, dear)).to_be_visible()
    expect(page.locator(".vrow")).to_have_count(1)


def test_text_is_found_in_the_detail(console: Console, shop: Shop) -> None:
    found = shop.put("text.test", "Note", {"text": "a needle in it"})
    shop.put("text.test", "Note", {"text": "only hay"})
    page = console.visit("/events?source=text.test&text=needle")
    expect(row(page, found)).to_be_visible()
    expect(page.locator(".vrow")).to_have_count(1)


def test_a_pause_counts_what_comes_and_then_shows_it(console: Console, shop: Shop) -> None:
    page = console.visit("/events?source=pause.test")
    expect(page.locator(".live-state.live")).to_be_visible()
    page.keyboard.press("Space")
    expect(page.get_by_role("button", name="Resume")).to_be_visible()
    events = [shop.put("pause.test", f"While Paused {number}") for number in range(3)]
    expect(page.get_by_role("button", name="Resume (3 new)")).to_be_visible()
    expect(page.locator(".vrow")).to_have_count(0)
    page.keyboard.press("Space")
    for event in events:
        expect(row(page, event)).to_be_visible()


def test_a_stream_that_breaks_off_goes_on_from_its_position(console: Console, shop: Shop) -> None:
    positions: list[str | None] = []
    position = f"[{int(time.time() * 1000)}, {{}}]"

    def answer(route: Route) -> None:
        positions.append(route.request.headers.get("last-event-id"))
        if len(positions) == 1:
            route.fulfill(status=200, content_type="text/event-stream", body=f"id: {position}\n\n")
        else:
            route.continue_()

    console.page.route("**/_nightbus/api/live?*", answer)
    page = console.visit("/events?source=broken.stream")

    def asked_again() -> bool:
        page.wait_for_timeout(50)  # lets Playwright call `answer`
        return len(positions) > 1

    wait_for(asked_again)
    assert positions[1] == position
    event = shop.put("broken.stream", "Afterwards")
    expect(row(page, event)).to_be_visible(timeout=20_000)


def test_the_keyboard_walks_opens_and_searches(console: Console, shop: Shop) -> None:
    events = [shop.put("keys.test", f"Key {number}") for number in range(3)]
    page = console.visit("/events?source=keys.test")
    expect(page.locator(".vrow")).to_have_count(3)
    for key in "jjk":
        page.keyboard.press(key)
    expect(page.locator(".vrow.current")).to_contain_text("Key 2")
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile(events[2]))
    page.keyboard.press("g")
    page.keyboard.press("e")
    expect(page.locator("h1")).to_have_text("Events")
    page.keyboard.press("/")
    expect(page.get_by_label("Text in the event")).to_be_focused()
    page.keyboard.press("Escape")
    page.keyboard.press("?")
    expect(page.get_by_role("dialog")).to_contain_text("Go to Events")
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_have_count(0)


def test_the_end_of_the_list_loads_more(console: Console, shop: Shop) -> None:
    first, *_ = [shop.put("many.test", f"Many {number}") for number in range(130)]
    page = console.visit("/events?source=many.test")
    expect(page.locator(".vrow").first).to_be_visible()

    def scrolled_to_the_first() -> bool:
        page.locator(".vscroll").evaluate("box => { box.scrollTop = box.scrollHeight }")
        return row(page, first).count() == 1

    wait_for(scrolled_to_the_first)


def test_the_rest_of_a_former_search_is_not_shown(console: Console, shop: Shop) -> None:
    for number in range(110):
        shop.put("former.test", f"Former {number}")
    wanted = shop.put("latter.test", "Latter")
    held: list[Route] = []

    def hold(route: Route) -> None:
        held.append(route)

    console.page.route("**/_nightbus/api/events?*next=*", hold)
    page = console.visit("/events?source=former.test")
    expect(page.locator(".vrow").first).to_be_visible()

    def asks_for_more() -> bool:
        page.locator(".vscroll").evaluate("box => { box.scrollTop = box.scrollHeight }")
        return bool(held)

    wait_for(asks_for_more)
    page.get_by_label("Source").fill("latter.test")
    expect(row(page, wanted)).to_be_visible()
    late = {
        "id": "late",
        "time": 1,
        "bus": "default",
        "source": "former.test",
        "detail_type": "Late",
        "rules": [],
    }
    held[0].fulfill(json={"events": [late | {"state": "unmatched", "preview": ""}], "next": None})
    page.evaluate("() => new Promise(drawn => requestAnimationFrame(() => requestAnimationFrame(drawn)))")
    expect(page.locator(".vrow")).to_have_count(1)


def test_it_fits_and_is_accessible(look: Console, shop: Shop) -> None:
    look.visit("/events")
    look.settled()
    expect(look.page.locator(".vrow").first).to_be_visible()
    assert look.fits()
    assert look.violations() == []
