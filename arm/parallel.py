"""Several reads at the same time, in threads that never keep an interrupted program alive."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import TypeVar

T = TypeVar("T")


def gather(reads: Sequence[Callable[[], T]]) -> list[T]:
    """Run every read at once and return their results in order.

    The threads are daemons: Ctrl-C ends the program at once, whatever they are waiting for.

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

    threads = [threading.Thread(target=run, args=(index,), daemon=True) for index in range(len(reads))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if errors:
        raise errors[min(errors)]
    return [results[index] for index in range(len(reads))]
