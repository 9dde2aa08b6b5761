"""Several reads at the same time, in threads that never keep an interrupted program alive."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from typing import TypeVar

T = TypeVar("T")


def gather(reads: Sequence[Callable[[], T]], *, at_once: bool = True) -> list[T]:
    """Run every read at once and return their results in order.

    The threads are daemons: Ctrl-C ends the program at once, whatever they are waiting for.

    Args:
        reads: what is to be run.
        at_once: each in a thread of its own; else one after the other in this thread, which is repeatable.

    Raises:
        BaseException: the first error, in the order of the reads, when all have ended.
    """
    results: dict[int, T] = {}
    errors: dict[int, BaseException] = {}

    def run(index: int) -> None:
        try:
            results[index] = reads[index]()
        except BaseException as error:  # noqa: BLE001  # raised again by the thread that waits
            errors[index] = error

    if not at_once:
        for index in range(len(reads)):
            run(index)
        return _in_order(results, errors)
    threads = [threading.Thread(target=run, args=(index,), daemon=True) for index in range(len(reads))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return _in_order(results, errors)


def _in_order(results: Mapping[int, T], errors: Mapping[int, BaseException]) -> list[T]:
    if errors:
        raise errors[min(errors)]
    return [results[index] for index in range(len(results))]
