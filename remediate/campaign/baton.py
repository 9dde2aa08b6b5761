"""Several actors, each a thread, of which only one runs at a time: who holds the baton is drawn, and repeatable."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import datetime, timedelta
from random import Random

from simulator.clock import VirtualClock


class Gone(BaseException):
    """The process that runs this is dead: nothing of it goes on."""


class Actor:
    """Somebody who does one thing after the other, with pauses.

    Attributes:
        name: who it is.
        wake: virtual time before which it does nothing.
        over: it has come to its end.
    """

    def __init__(self, name: str, play: Callable[[Actor], None], wake: datetime) -> None:
        self.name = name
        self.play = play
        self.wake = wake
        self.over = False
        self.turn = threading.Lock()
        self.turn.acquire()


class Baton:
    """Lets one actor go on at a time, and lets virtual time pass when all of them wait.

    Args:
        dice: draws who goes on.
        clock: virtual time.
        changing: how likely it is, between 0 and 1, that another one goes on although this one could.
    """

    def __init__(self, dice: Random, clock: VirtualClock, changing: float) -> None:
        self._dice = dice
        self._clock = clock
        self._changing = changing
        self._actors: list[Actor] = []
        self._all_over = threading.Lock()
        self._broken: BaseException | None = None

    def add(self, name: str, play: Callable[[Actor], None], after: timedelta = timedelta(0)) -> Actor:
        """Add an actor who begins after a while."""
        actor = Actor(name, play, self._clock.now + after)
        self._actors.append(actor)
        return actor

    def wait(self, span: timedelta) -> None:
        """Let all who were added so far begin later."""
        for actor in self._actors:
            actor.wake += span

    def run(self) -> None:
        """Let all actors play to their end.

        Raises:
            BaseException: what an actor, or the virtual clock, has raised.
        """
        self._all_over.acquire()
        threads = [threading.Thread(target=self._play, args=(actor,), daemon=True) for actor in self._actors]
        for thread in threads:
            thread.start()
        self._pass_on()
        self._all_over.acquire()
        if self._broken is not None:
            raise self._broken
        for thread in threads:
            thread.join()

    def pause(self, actor: Actor, seconds: float = 0.0) -> None:
        """Let the others go on; come back after so many virtual seconds at the earliest."""
        now = self._clock.now
        if seconds > 0:
            actor.wake = now + timedelta(seconds=seconds)
        elif self._dice.random() >= self._changing:
            return
        chosen = self._choose()
        if chosen is not actor:
            chosen.turn.release()
            actor.turn.acquire()

    def _choose(self) -> Actor:
        playing = [one for one in self._actors if not one.over]
        ready = [one for one in playing if one.wake <= self._clock.now]
        if not ready:
            soonest = min(one.wake for one in playing)
            self._clock.advance(soonest - self._clock.now)
            ready = [one for one in playing if one.wake <= self._clock.now]
        return ready[0] if len(ready) == 1 else self._dice.choice(ready)

    def _pass_on(self) -> None:
        if self._broken is None and any(not one.over for one in self._actors):
            self._choose().turn.release()
        else:
            self._all_over.release()

    def _play(self, actor: Actor) -> None:
        actor.turn.acquire()
        try:
            actor.play(actor)
        except Gone:
            pass
        except BaseException as error:  # noqa: BLE001  # raised again by the thread that waits
            self._broken = error
        actor.over = True
        try:
            self._pass_on()
        except BaseException as error:  # noqa: BLE001  # as above
            self._broken = error
            self._all_over.release()
