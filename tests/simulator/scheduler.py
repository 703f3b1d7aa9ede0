"""Who runs next, and what time it is: threads that run one at a time, handed on at named points, under a clock that
moves only when nobody can run.

The code under test blocks and calls back as it likes, so each of its threads is a real one here; a baton sees to it
that no two ever run at once, and whoever holds the baton was chosen by this scheduler. So a run follows from its
choices alone.
"""

from __future__ import annotations

import heapq
import math
import threading
from collections.abc import Callable
from typing import Any

# Real seconds: somebody kept the baton for so long that the simulation itself is broken.
_BATON_LOST_S = 60.0


class Killed(BaseException):
    """The process that this thread belongs to has ended. Nothing may catch it but the thread's own end."""


class _Runner:
    """A thread that runs one task after another; kept between runs, because starting one is dear."""

    idle: list[_Runner] = []  # noqa: RUF012  shared on purpose

    def __init__(self) -> None:
        self.go = threading.Lock()
        self.go.acquire()
        self.task: Callable[[], None] = lambda: None
        self.back = threading.Lock()  # of the actor that it runs
        threading.Thread(target=self._loop, name="simulated", daemon=True).start()

    def _loop(self) -> None:
        while True:
            self.go.acquire()
            self.task()
            back = self.back
            _Runner.idle.append(self)
            back.release()


class Actor:
    """One simulated thread. It is parked at `point` until `ready_at`, or until `ready` says so."""

    def __init__(self, name: str, process: Any) -> None:
        self.name = name
        self.process = process
        self.point = "begin"
        self.ready_at = 0.0
        self.ready: Callable[[], bool] | None = None
        self.hung = False
        self.killed = False
        self.over = False
        self.runner: _Runner | None = None
        self.back = threading.Lock()  # released when the baton comes back from it
        self.back.acquire()

    def __repr__(self) -> str:
        return f"<{self.name} at {self.point}>"


class Scheduler:
    """`choose` picks one of those who can run now."""

    def __init__(self, choose: Callable[[list[Actor]], Actor]) -> None:
        self.t = 0.0
        self.running: Actor | None = None
        self.actors: list[Actor] = []
        self._choose = choose
        self._events: list[tuple[float, int, Callable[[], None]]] = []
        self._numbers = 0
        self._error: BaseException | None = None

    # --- from inside an actor

    def park(
        self, point: str, *, until: float | None = None, ready: Callable[[], bool] | None = None
    ) -> None:
        """Hand the baton on. Goes on at `until` (at once where it is None) or as soon as `ready()`."""
        actor = self.running
        if actor is None or actor.killed:
            return  # the end of a process: its last clean-ups wait for nobody
        actor.point = point
        actor.ready_at = self.t if until is None else until
        actor.ready = ready
        runner = actor.runner
        assert runner is not None
        actor.back.release()
        runner.go.acquire()
        if actor.killed:
            raise Killed

    def hang(self, point: str) -> None:
        """Stop here until somebody lets this actor go on."""
        if self.running is not None:
            self.running.hung = True
            self.park(point)

    # --- from outside

    def spawn(self, name: str, process: Any, work: Callable[[], None]) -> Actor:
        """A thread that begins to run when it is chosen."""
        actor = Actor(name, process)
        actor.ready_at = self.t
        runner = _Runner.idle.pop() if _Runner.idle else _Runner()
        actor.runner = runner
        runner.back = actor.back

        def task() -> None:
            try:
                if not actor.killed:
                    work()
            except Killed:
                pass
            except BaseException as error:  # noqa: BLE001  raised again where the simulation runs
                self._error = error
            actor.over = True

        runner.task = task
        self.actors.append(actor)
        return actor

    def at(self, t: float, happens: Callable[[], None]) -> None:
        """`happens` when the clock comes to `t`."""
        self._numbers += 1
        heapq.heappush(self._events, (t, self._numbers, happens))

    def can_run(self, actor: Actor) -> bool:
        if actor.hung or actor.process.stopped:
            return False
        return actor.ready_at <= self.t or (actor.ready is not None and actor.ready())

    def resume(self, actor: Actor) -> None:
        """Let this actor run to its next point."""
        assert actor.runner is not None
        # A killed process may end from inside one of its own threads: remember who ran.
        before, self.running = self.running, actor
        actor.runner.go.release()
        if not actor.back.acquire(timeout=_BATON_LOST_S):
            raise RuntimeError(f"{actor!r} kept the baton")
        self.running = before
        if actor.over and actor in self.actors:
            self.actors.remove(actor)
        if self._error is not None:
            error, self._error = self._error, None
            raise error

    def step(self, *, latest: float = math.inf) -> bool:
        """One actor runs, or the clock moves on; False where nothing can happen up to `latest`."""
        able = [actor for actor in self.actors if self.can_run(actor)]
        if able:
            self.resume(able[0] if len(able) == 1 else self._choose(able))
            return True
        moments = [a.ready_at for a in self.actors if not a.hung and not a.process.stopped]
        moments += [event[0] for event in self._events[:1]]
        soonest = min(moments, default=math.inf)
        if soonest > latest or soonest == math.inf:
            return False
        self.advance(soonest)
        return True

    def advance(self, t: float) -> None:
        """The clock moves; what was to happen by then happens in its order."""
        while self._events and self._events[0][0] <= t:
            at, _, happens = heapq.heappop(self._events)
            self.t = max(self.t, at)
            happens()
        self.t = max(self.t, t)

    def kill(self, actor: Actor) -> None:
        """This thread runs no further than its own unwinding."""
        actor.killed = True
        if actor is not self.running and not actor.over:
            self.resume(actor)
