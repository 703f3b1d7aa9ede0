"""The scenes, in their order. Each does something real, then tells what was seen; none of them knows the end."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sync.demo.backend import Backend
from sync.demo.children import Children, DemoBroken, wait_for
from sync.demo.comparison import HELD, NEEDS_ACTION, Compared, Taken, compare
from sync.demo.device import Device
from sync.demo.telling import Row, Teller
from sync.demo.visits import UNKNOWN_COMPANY, Visit, by_app, day
from sync.sandbox import faults
from sync.sandbox.faults import Fault

PHASE_WITHIN_S: Final = 20.0
# The API answers a little late; from the fifth request on the answers hang, until the worker is gone.
LATE_S: Final = 0.12
HANGING_S: Final = 8.0
PROMPT_REQUESTS: Final = 4
RECORDS_AT_KILL: Final = PROMPT_REQUESTS + 2
_SETTLED: Final = frozenset({"done", "discarded"}) | NEEDS_ACTION


@dataclass(frozen=True, slots=True)
class Stage:
    """Everything the scenes play with."""

    backend: Backend
    device: Device
    visits: Sequence[Visit]
    visit_by_app: Visit
    teller: Teller

    def rows(self) -> list[Row]:
        """The board: what is captured so far, in the order of the visits."""
        visits = {taken.id: visit for taken, visit in self._captured()}
        entries = self.device.entries()
        found = [(visits[each["id"]], each) for each in entries if each["id"] in visits]
        return [
            Row(visit.number, visit.title, visit.person, each["state"], each["reason"], each["server_id"])
            for visit, each in sorted(found, key=lambda pair: pair[0].number)
        ]

    def _captured(self) -> Iterator[tuple[Taken, Visit]]:
        by_title = {visit.title: visit for visit in (*self.visits, self.visit_by_app)}
        return ((taken, by_title[taken.title]) for taken in self.device.taken)

    def states(self) -> Counter[str]:
        return Counter(entry["state"] for entry in self.device.entries())


@contextmanager
def staged(teller: Teller, *, keep: bool, now: datetime) -> Iterator[Stage]:
    """Sandbox and device, ready; gone afterwards, however it ends."""
    with Children(keep=keep) as children:
        backend, device = Backend(children), Device(children)
        visits, visit_by_app = day(now), by_app(now)  # drawn while the sandbox starts
        backend.ready()
        device.sign_in(backend.environment)
        yield Stage(backend, device, visits, visit_by_app, teller)
        if keep:
            teller.say(f"Kept for you to look at: {children.folder}")


def play(stage: Stage) -> Compared:
    """The whole story."""
    capture_without_network(stage)
    cut_the_power(stage, deliver_until_it_hangs(stage))
    come_back(stage)
    capture_over_the_local_api(stage)
    stage.device.stop_worker()
    tell_what_needs_a_person(stage)
    return compare_all(stage)


def capture_without_network(stage: Stage) -> None:
    """Ten interventions while API and storage refuse every connection."""
    teller, device = stage.teller, stage.device
    teller.scene("No network: the technician works on")
    stage.backend.offline()
    teller.fact(f"{stage.backend.api_url} refuses connections", good=stage.backend.refuses())
    first, *others = stage.visits
    teller.sketch(first.image)
    with teller.board() as show:
        running = device.begin_capture(first)
        device.start_worker()  # it is up now or in a moment: a capture needs it as little as it needs a network
        for visit in others:
            device.capture(visit)
            show(stage.rows)
            teller.breathe(0.15)
        device.end_capture(running, first)
        waits = wait_for(device.found_no_network, within_s=PHASE_WITHIN_S, step=lambda: show(stage.rows))
    if not waits:
        raise DemoBroken("the worker did not look for the API", device.worker_log())
    status = device.ask("status")
    teller.command("fieldsync status", [status["headline"]])
    waiting = device.ask("list", "--state", "pending")
    kinds = Counter(entry["signature"]["mime_type"].removeprefix("image/").upper() for entry in waiting)
    images = " and ".join(f"{count} {kind}" for kind, count in sorted(kinds.items()))
    teller.command("fieldsync list --state pending", [f"{len(waiting)} entries, signatures: {images}"])
    safe = len(waiting) == status["waiting"] == len(stage.visits)
    teller.fact(f"all {len(stage.visits)} are on disk; the worker runs and waits for a network", good=safe)
    teller.breathe(1.2)


def deliver_until_it_hangs(stage: Stage) -> int:
    """The network is back, and slow; answers the number of the fault that makes answers hang."""
    teller, backend = stage.teller, stage.backend
    teller.scene("The network returns, and it is a poor one")
    backend.disturb(faults.delay("unplanned", LATE_S))
    hanging = backend.disturb(
        Fault("delay", "unplanned", seconds=HANGING_S, skip=PROMPT_REQUESTS, times=None, after=True)
    )
    backend.refuse_company(UNKNOWN_COMPANY)
    backend.online()
    teller.say("Nobody presses a button: the worker notices by itself.")
    with teller.board() as show:
        arriving = wait_for(
            lambda: backend.counters()["records"] >= RECORDS_AT_KILL or not stage.device.worker_runs(),
            within_s=PHASE_WITHIN_S,
            step=lambda: show(stage.rows),
        )
    if not arriving:
        raise DemoBroken("the worker did not deliver", stage.device.worker_log())
    return hanging


def cut_the_power(stage: Stage, hanging: int) -> None:
    """SIGKILL in the middle: requests are out, the server has carried them out, no answer has come."""
    teller, backend = stage.teller, stage.backend
    pid = stage.device.kill_worker()
    # Counted before anything else happens: what the device knows, and what the server has.
    states, records = stage.states(), backend.counters()["records"]
    backend.undisturb(hanging)
    teller.scene("The battery dies in the middle of it")
    delivered, cut_off = states["done"], states["sending"]
    left = sum(states[state] for state in HELD) - cut_off
    teller.fact(f"worker process {pid} got SIGKILL while it was sending")
    teller.say(
        f"The device knows: {delivered} delivered, {cut_off} sent without an answer, {left} still to go. "
        f"The server holds {records} records."
    )
    if not (delivered and cut_off and 0 < records < len(stage.visits)):
        raise DemoBroken("the worker was not in the middle of its work when it was killed")
    teller.breathe(1.5)


def come_back(stage: Stage) -> None:
    """The worker starts again and finishes by itself."""
    teller, backend = stage.teller, stage.backend
    teller.scene("Power is back: the worker takes up where it stopped")
    teller.say(
        "Whether the cut-off requests arrived, nobody on this side can know. This API honours the Idempotency-Key, so "
        "after a settling time of 1 s fieldsync sends the same bytes under the same key (in_doubt = key)."
    )
    teller.say(
        "For an API that does not, the default (lookup) asks it whether it has them: nothing is sent again by guessing."
    )
    before = backend.counters()
    stage.device.start_worker_with_page()
    with teller.board() as show:
        wait_for(
            lambda: not set(stage.states()) - _SETTLED or not stage.device.worker_runs(),
            within_s=PHASE_WITHIN_S,
            step=lambda: show(stage.rows),
        )
    after = backend.counters()
    again = after["duplicate_keys"] - before["duplicate_keys"]
    doubled = after["duplicate_records_by_key"]
    teller.fact(f"{again} requests came a second time, {doubled} second records were made", good=not doubled)
    teller.breathe(0.8)


def capture_over_the_local_api(stage: Stage) -> None:
    """An app on the tablet does the same over HTTP, and is told by the stream of events."""
    teller, backend, device = stage.teller, stage.backend, stage.device
    teller.scene("An app on the tablet does the same, over the local API")
    api = device.local_api()
    backend.offline()
    teller.fact(f"{backend.api_url} refuses connections again", good=backend.refuses())
    with api.listening() as changes:
        taken = device.capture_over_http(stage.visit_by_app, api)
        teller.fact(f"POST /v1/entries made {taken.id[-8:]} durable while the network is off")
        waits = api.listed("pending")
        teller.fact("GET /v1/entries lists it as pending", good=waits == [taken.id])
        backend.online()
        states = list(_until_settled(changes, taken.id))
    if not states or states[-1] != "done":
        raise DemoBroken(f"the stream of events did not tell of its end: {states}", device.worker_log())
    teller.fact(f"the network is back, and GET /v1/events told: {', '.join(states)}")
    teller.breathe(0.8)


def _until_settled(changes: Iterator[dict[str, Any]], id: str) -> Iterator[str]:
    """The states of one entry as they are told, up to its last."""
    for change in changes:
        if change["id"] == id:
            yield change["state"]
            if change["state"] in _SETTLED:
                return


def tell_what_needs_a_person(stage: Stage) -> None:
    """One was refused for good; the device says why, and keeps it."""
    teller, device = stage.teller, stage.device
    teller.scene("One needs a person, and says why")
    for entry in device.ask("list", "--needs-action"):
        told = device.ask("show", entry["id"])
        last = told["history"][-1]
        explained = told["explain"]
        teller.command(
            f"fieldsync show {entry['id'][-8:]}",
            [
                f"{told['kind']} is {told['state']}: {told['reason']}",
                f"the server answered {last['status']}: {last['detail']}",
                *(f"you can: {sentence}" for sentence in explained["person_can"]),
            ],
        )
    teller.breathe(1.2)


def compare_all(stage: Stage) -> Compared:
    """Byte for byte: what was handed in, what the device holds, what the server has."""
    teller = stage.teller
    teller.scene("What was captured against what the server holds, byte for byte")
    found = compare(stage.device.taken, stage.device.kept(), stage.backend.arrived())
    whole = found.captured == found.delivered + found.needs_action
    teller.fact(
        f"{found.captured} captured = {found.delivered} delivered + {found.needs_action} kept for a person",
        good=whole,
    )
    teller.fact(
        f"{found.records_at_server} records at the server, {found.duplicates} doubled",
        good=not found.duplicates,
    )
    every = found.signatures_verified == found.delivered
    teller.fact(f"{found.signatures_verified} signatures the same byte for byte (and by SHA-256)", good=every)
    teller.fact(f"{found.lost} lost", good=not found.lost)
    for difference in found.differences:
        teller.fact(difference, good=False)
    return found
