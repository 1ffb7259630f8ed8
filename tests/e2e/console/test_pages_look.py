"""Each page is accessible and fits, at both widths and in both themes."""

from __future__ import annotations

from urllib.parse import quote

import pytest

from console_rig import STACK, Console, Shop

PAGES = [
    "/send",
    "/replay",
    "/patterns",
    "/rules",
    "/logs",
    "/logs?group={group}",
    "/functions",
    "/functions/{function}",
    "/functions/{function}?tab=test",
    "/functions/{function}?tab=configuration",
    "/queues",
    "/queues/{queue}",
    "/stacks",
    f"/stacks/{STACK}",
    f"/stacks/{STACK}?tab=events",
    f"/stacks/{STACK}?tab=outputs",
    f"/stacks/{STACK}?tab=template",
    "/access",
    "/access?tab=trail",
]


@pytest.fixture(scope="module")
def names(shop: Shop) -> dict[str, str]:
    shop.place_order()
    function = shop.outputs["OrderFunction"]
    (queue,) = shop.node.client("sqs").list_queues(QueueNamePrefix=f"{STACK}-FailedOrders")["QueueUrls"]
    group = quote(f"/aws/lambda/{function}", safe="")
    return {"function": function, "queue": queue.rpartition("/")[2], "group": group}


@pytest.mark.parametrize("path", PAGES)
def test_a_page_is_accessible_and_fits(look: Console, names: dict[str, str], path: str) -> None:
    look.visit(path.format(**names))
    look.settled()
    assert look.violations() == []
    assert look.fits()


def test_titles_stand_at_one_height_and_full_pages_do_not_scroll(look: Console) -> None:
    ends = set()
    for path in ["/", "/map", "/events", "/send", "/rules", "/queues", "/access"]:
        look.visit(path)
        look.settled()
        ends.add(look.page.evaluate("document.querySelector('.page-head h1').getBoundingClientRect().bottom"))
        if path == "/map":
            height, seen = look.page.evaluate("[document.documentElement.scrollHeight, innerHeight]")
            assert height <= seen
    assert len(ends) == 1
