"""Does each acknowledged event reach its target or its dead-letter queue, where targets fail and nodes are killed?"""

from __future__ import annotations

import random
import time
from pathlib import Path

import pytest
from crash import failing
from crash.test_kills import ROUNDS, SEED
from crash.traffic import Ledger, Traffic

from nodes import RunningNode
from waiting import wait_for

KILLS = max(8, ROUNDS // 5)
_BUDGET = 40  # requests a round


@pytest.mark.timeout(120 + 10 * KILLS)
def test_what_no_target_took_is_in_its_dead_letter_queue(tmp_path: Path) -> None:
    chance = random.Random(SEED)
    print(f"NIGHTBUS_CRASH_SEED={SEED}")
    endpoint, ledger = failing.Endpoint(random.Random(SEED)), Ledger()
    node = RunningNode(data=tmp_path)
    port = node.port
    try:
        failing.set_up(node, endpoint)
        for kill in range(KILLS):
            failing.allow(node, kill % 2 == 0)
            traffic = Traffic(node, ledger, SEED + kill, _BUDGET, entry=failing.entry, consuming=False)
            traffic.wait_for(chance.randint(5, _BUDGET))
            time.sleep(chance.uniform(0, 1.5))  # the moment of the kill is what the test is about
            node.kill()
            traffic.end()
            node = RunningNode(data=tmp_path, port=port)
        _check(node, ledger, endpoint)
    finally:
        endpoint.close()
        node.stop()


def _check(node: RunningNode, ledger: Ledger, endpoint: failing.Endpoint) -> None:
    wanted = {number for request in ledger.requests if request.acknowledged for number in request.numbers}
    asked = {number for request in ledger.requests for number in request.numbers}
    assert wanted
    dead: dict[str, set[int]] = {
        name: set() for name in (*failing.FOR_GOOD, *failing.AT_TIMES, failing.RAISES)
    }
    taken = {name: set[int]() for name in dead}

    def missing() -> dict[str, list[int]]:
        for name, numbers in dead.items():
            for number, attributes in failing.drained(node, f"dead-{name}"):
                numbers.add(number)
                _check_letter(name, attributes)
        taken["now-and-then"] |= {number for number, _ in failing.drained(node, "now-and-then")}
        taken["endpoint"] |= endpoint.taken
        lost = {name: sorted(wanted - numbers - taken[name])[:10] for name, numbers in dead.items()}
        return {name: numbers for name, numbers in lost.items() if numbers}

    wait_for(lambda: not missing(), seconds=90)
    assert all(numbers <= asked for numbers in (*dead.values(), *taken.values()))
    assert taken["endpoint"], "the endpoint took some"
    assert taken["now-and-then"] and dead["now-and-then"], "the queue was open and closed"


def _check_letter(name: str, attributes: dict[str, str]) -> None:
    if name == failing.RAISES:
        return  # Lambda's record, not the bus's
    assert attributes["RULE_ARN"].endswith(f":rule/failing-{name}")
    code, retries = attributes["ERROR_CODE"], attributes["RETRY_ATTEMPTS"]
    if name in failing.FOR_GOOD:
        assert (code, retries) == (failing.FOR_GOOD[name], "0")
    elif name == "endpoint":
        assert code in ("THROTTLING", "ERROR_FROM_TARGET", "TIMEOUT")
        assert (retries, attributes["EXHAUSTED_RETRY_CONDITION"]) == ("2", "MaximumRetryAttempts")
