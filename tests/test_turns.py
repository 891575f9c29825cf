"""Writers of one process come in the order in which they asked."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor

from ostraka.storage.turns import Turns


def test_turns_come_in_the_order_in_which_they_were_asked_for() -> None:
    turns, order = Turns(), []
    assert turns.take(1)

    def write(number: int) -> None:
        assert turns.take(60)
        order.append(number)
        turns.pass_on()

    threads = [threading.Thread(target=write, args=(number,)) for number in range(8)]
    for number, thread in enumerate(threads):
        thread.start()
        while len(turns._waiting) <= number:
            time.sleep(0.001)
    turns.pass_on()
    for thread in threads:
        thread.join(60)
    assert order == list(range(8))
    assert turns.take(0.01)


def test_whoever_does_not_wait_any_more_gets_no_turn() -> None:
    turns = Turns()
    assert turns.take(1)
    assert not turns.take(0.01)
    turns.pass_on()
    assert turns.take(0.01)


def test_one_at_a_time_has_it() -> None:
    turns, count = Turns(), [0]

    def add(_: int) -> None:
        for _ in range(200):
            assert turns.take(60)
            seen = count[0]
            time.sleep(0)
            count[0] = seen + 1
            turns.pass_on()

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(add, range(8)))
    assert count == [1600]
