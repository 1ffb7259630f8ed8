"""A node's clock follows the database's, and never goes back."""

from __future__ import annotations

from collections.abc import Awaitable

import pytest

from nightbus.clock import VirtualClock
from nightbus.store.postgres.clock import ClusterClock

HOUR_MS = 3_600_000


class Machine:
    """A machine's clock, which is `wrong_ms` ahead."""

    def __init__(self, wrong_ms: int = 0) -> None:
        self.wrong_ms = wrong_ms
        self.seconds = 100.0
        self.sleep = VirtualClock().sleep

    def now_ms(self) -> int:
        return int(self.true_ms()) + self.wrong_ms

    def true_ms(self) -> float:
        return 1_800_000_000_000 + self.seconds * 1000

    def monotonic(self) -> float:
        return self.seconds

    def pause(self, seconds: float) -> Awaitable[None]:
        return self.sleep(seconds)

    def until(self, utc_ms: int) -> float:
        raise AssertionError


def measure(clock: ClusterClock, machine: Machine, database_ms: float, trip: float = 0.002) -> None:
    sent = machine.seconds
    machine.seconds += trip
    clock.measured(database_ms + trip * 500, sent, machine.seconds)


@pytest.mark.parametrize("wrong_ms", [-HOUR_MS, HOUR_MS, 3, 0])
def test_the_first_measurement_sets_the_time(wrong_ms: int) -> None:
    machine = Machine(wrong_ms)
    clock = ClusterClock(machine)
    assert clock.now_ms() == machine.now_ms()
    measure(clock, machine, machine.true_ms())
    assert abs(clock.now_ms() - machine.true_ms()) <= 2
    machine.wrong_ms += HOUR_MS  # somebody sets the machine's clock
    machine.seconds += 10
    assert abs(clock.now_ms() - machine.true_ms()) <= 2


def test_two_nodes_whose_clocks_differ_by_an_hour_agree() -> None:
    times = []
    for wrong_ms in (0, HOUR_MS):
        machine = Machine(wrong_ms)
        clock = ClusterClock(machine)
        measure(clock, machine, machine.true_ms())
        machine.seconds = 200.0
        times.append((clock.now_ms(), clock.until(1_800_000_300_000)))
    assert abs(times[0][0] - times[1][0]) <= 2
    assert times[0][1] == pytest.approx(100.0, abs=0.01)
    assert times[1][1] == pytest.approx(100.0, abs=0.01)


@pytest.mark.parametrize("ahead_ms", [-400, -40, 40, 400, 900])
def test_a_small_difference_is_made_up_for_within_a_second(ahead_ms: int) -> None:
    machine = Machine()
    clock = ClusterClock(machine)
    measure(clock, machine, machine.true_ms())
    before = clock.now_ms()
    measure(clock, machine, machine.true_ms() + ahead_ms)
    times = [before]
    for _ in range(110):
        times.append(clock.now_ms())
        machine.seconds += 0.01
    assert times == sorted(times)
    assert abs(times[2] - before) < 30
    assert abs(clock.now_ms() - machine.true_ms() - ahead_ms) <= 3


def test_a_machine_that_slept_jumps_forward() -> None:
    machine = Machine()
    clock = ClusterClock(machine)
    measure(clock, machine, machine.true_ms())
    measure(clock, machine, machine.true_ms() + HOUR_MS)
    assert abs(clock.now_ms() - machine.true_ms() - HOUR_MS) <= 2


def test_a_database_whose_time_goes_back_is_waited_for() -> None:
    machine = Machine()
    clock = ClusterClock(machine)
    measure(clock, machine, machine.true_ms())
    last = clock.now_ms()
    for _ in range(50):
        measure(clock, machine, machine.true_ms() - 20_000)
        machine.seconds += 1
        assert clock.now_ms() >= last
        last = clock.now_ms()
    assert abs(last - machine.true_ms() + 20_000) <= 3


def test_a_long_round_trip_says_nothing() -> None:
    machine = Machine()
    clock = ClusterClock(machine)
    measure(clock, machine, machine.true_ms())
    measure(clock, machine, machine.true_ms() + HOUR_MS, trip=0.7)
    assert abs(clock.now_ms() - machine.true_ms()) <= 2
    measure(clock, machine, machine.true_ms() + 40, trip=0.1)  # may be wrong by 50 ms
    machine.seconds += 2
    assert abs(clock.now_ms() - machine.true_ms()) <= 2
