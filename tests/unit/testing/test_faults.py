"""Faults strike as often as they should, where they should, one after the other."""

from __future__ import annotations

from nightbus.faults import FAIL, REFUSE, THROTTLE, Fault, Faults

FUNCTION = "arn:aws:lambda:us-east-1:111111111111:function:one"
QUEUE = "arn:aws:sqs:us-east-1:111111111111:one"


def test_a_fault_strikes_as_often_as_it_should() -> None:
    faults = Faults()
    faults.add(QUEUE, Fault(FAIL, "One", "", 2))
    faults.add(QUEUE, Fault(THROTTLE, "Two", ""))
    assert faults.strikes_delivery(QUEUE)
    codes = [fault.code for _ in range(4) if (fault := faults.of_delivery(QUEUE))]
    assert codes == ["One", "One", "Two", "Two"]


def test_a_function_is_struck_where_it_runs_or_where_it_gets_an_event() -> None:
    faults = Faults()
    faults.add(FUNCTION, Fault(FAIL, "Run", "", 1))
    assert faults.of_delivery(FUNCTION) is None
    faults.add(FUNCTION, Fault(REFUSE, "Service", "", 1))
    assert faults.strikes_delivery(f"{FUNCTION}:alias")
    assert [fault and fault.code for fault in (faults.of_run(FUNCTION), faults.of_run(FUNCTION))] == [
        "Run",
        None,
    ]
    delivered = faults.of_delivery(f"{FUNCTION}:alias")
    assert delivered is not None and delivered.code == "Service"
    assert not faults.strikes_delivery(FUNCTION)


def test_an_account_is_healed_alone() -> None:
    faults = Faults()
    other = QUEUE.replace("1" * 12, "2" * 12)
    for target in (QUEUE, other):
        faults.add(target, Fault(FAIL, "One", ""))
    faults.clear("1" * 12)
    assert not faults.strikes_delivery(QUEUE)
    assert faults.strikes_delivery(other)
