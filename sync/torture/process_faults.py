"""What happens to the processes of a device: they die at each step, stand still, run twice, and people meddle.

Each function makes one fault happen in a trial and answers whether it struck.
"""

from __future__ import annotations

import json
import time
from random import Random
from typing import Final

from sync.sandbox import faults
from sync.torture import fate
from sync.torture.fate import Plan, Strike
from sync.torture.trial import KILLED, ORDERLY, Trial
from sync.torture.visits import KIND, Visit

# The shortest lease that the settings allow, so that standing still for longer is soon done.
_LEASE_S: Final = 1.0
_BUSY: Final = 7
_NOT_STORED: Final = 9
_TERMINATED: Final = -15


def kill_at_capture(trial: Trial, rng: Random) -> bool:
    """The battery falls out while a capture commits: what was not acknowledged may be repeated without harm."""
    at = rng.choice([fate.COMMIT, fate.COMMITTED])
    id, visit, arguments = _capture_order(trial, rng)
    died = trial.command(*arguments, plan=Plan((Strike(at, "kill"),)), expected=(KILLED,))
    again = trial.command(*arguments)
    answer = again.document() or {}
    trial.expect(
        answer.get("id") == id, "lost", f"the repeat of a capture that was cut off answered {answer}"
    )
    kept = sum(each["id"] == id for each in trial.entries())
    trial.expect(kept == 1, "lost", f"a capture that was cut off and repeated is kept {kept} times")
    if kept:
        trial.acknowledged(id, visit)
    return bool(died.struck("kill"))


def full_disk_at_capture(trial: Trial, rng: Random) -> bool:
    """The disk is full: the capture is refused with a clear word, and works when there is room again."""
    id, visit, arguments = _capture_order(trial, rng)
    full = Plan((Strike(fate.COMMIT, "full", times=100),))
    refused = trial.command(*arguments, plan=full, expected=(_NOT_STORED,))
    kept = any(each["id"] == id for each in trial.entries())
    trial.expect(not kept, "counts", "a capture that was refused for a full disk is kept all the same")
    if trial.command(*arguments).code == 0:
        trial.acknowledged(id, visit)
    return bool(refused.struck("full"))


def _capture_order(trial: Trial, rng: Random) -> tuple[str, Visit, tuple[str, ...]]:
    """A capture as an app orders it: with an id of its own, so that a repeat is harmless."""
    id = f"{rng.getrandbits(32):08x}-0000-4000-8000-{rng.getrandbits(48):012x}"
    visit = trial.handed_in()
    file, image = visit.image.with_suffix(".json"), visit.image
    file.write_text(json.dumps(visit.data), "utf-8")
    return id, visit, ("capture", KIND, "--data", str(file), "--signature", str(image), "--id", id, "--json")


def kill_before_first_byte(trial: Trial, _rng: Random) -> bool:
    """Killed when it is connected and has written nothing."""
    return _killed_at(trial, fate.FIRST_BYTE)


def kill_after_store(trial: Trial, _rng: Random) -> bool:
    """Killed when the server has stored it and answered, and the answer is not written down."""
    return _killed_at(trial, fate.POSTED)


def kill_before_upload(trial: Trial, _rng: Random) -> bool:
    """Killed between the receipt and the upload."""
    return _killed_at(trial, fate.PUT)


def kill_after_upload(trial: Trial, _rng: Random) -> bool:
    """Killed when the image is stored, and that is not written down."""
    return _killed_at(trial, fate.PUT_ENDED)


def kill_at_commit(trial: Trial, rng: Random) -> bool:
    """Killed right before or right after one of the commits of a delivery."""
    return _killed_at(trial, rng.choice([fate.COMMIT, fate.COMMITTED]), rng.randint(1, 6))


def kill_at_random(trial: Trial, rng: Random) -> bool:
    """A worker or a sync is killed at some moment or other, twice."""
    trial.captures(3)
    trial.fault(faults.delay("unplanned", 0.02), faults.delay("upload", 0.02))
    struck = False
    for _ in range(2):
        order = rng.choice([("run",), ("sync", "--force", "--json")])
        run = trial.start(*order)
        time.sleep(rng.uniform(0.0, 0.5))
        run.kill()
        struck |= trial.ends(run, KILLED, *ORDERLY) == KILLED
    return struck


def _killed_at(trial: Trial, at: str, number: int = 1) -> bool:
    trial.captures(2)
    died = trial.drain(Plan((Strike(at, "kill", number),)), expected=(KILLED, *ORDERLY))
    return bool(died.struck("kill"))


def full_disk_at_delivery(trial: Trial, rng: Random) -> bool:
    """The disk is full when a result has to be written down; it has room again after a while, or not in this life."""
    trial.captures(2)
    times = rng.choice([1, 2, 100])
    full = Plan((Strike(fate.COMMIT, "full", number=rng.randint(2, 5), times=times),))
    # It holds on to a result as long as an exchange may last, and then tells that it cannot store it.
    short = {"SYNC__EXCHANGE_LIMIT_S": 0.6, "SYNC__LEASE_S": 5}
    run = trial.drain(full, expected=(_NOT_STORED, *ORDERLY), settings=short)
    return bool(run.struck("full"))


def two_drainers(trial: Trial, _rng: Random) -> bool:
    """Two people order a pass at the same moment: one drains, the other is told."""
    trial.captures(3)
    trial.fault(faults.delay("unplanned", 0.1))
    runs = [trial.start("sync", "--force", "--json") for _ in range(2)]
    codes = [trial.ends(run, _BUSY, *ORDERLY) for run in runs]
    trial.expect(codes.count(_BUSY) < 2, "crashed", "two drains started together refused each other")
    return _BUSY in codes


def stopped_drainer(trial: Trial, rng: Random) -> bool:
    """A drainer stands still beyond its lease, as on a tablet that sleeps: nobody else sends, then it goes on."""
    trial.captures(2)
    short = {"SYNC__LEASE_S": _LEASE_S, "SYNC__EXCHANGE_LIMIT_S": _LEASE_S / 2}
    at = rng.choice([fate.POST, fate.FIRST_BYTE, fate.POSTED, fate.PUT, fate.PUT_ENDED])
    run = trial.start("sync", "--force", "--json", plan=Plan((Strike(at, "stop"),)), settings=short)
    if not run.wait_until_stopped():
        trial.ends(run, *ORDERLY)
        return False
    trial.processed()
    since = trial.mark()
    time.sleep(_LEASE_S + 0.05)
    trial.drain(expected=(_BUSY,), settings=short)
    meanwhile = [each["method"] for each in trial.requests(since) if each["method"] != "GET"]
    trial.expect(
        not meanwhile, "stale_send", f"beside a drainer that stands still somebody sent: {meanwhile}"
    )
    run.go_on()
    trial.ends(run, *ORDERLY)
    return True


def worker_told_to_stop(trial: Trial, rng: Random) -> bool:
    """The worker is told to stop at some moment or other, while people capture; it ends in order."""
    trial.captures(2)
    trial.fault(faults.delay("unplanned", 0.05), faults.lost_answer("unplanned"))
    run = trial.start("run")
    time.sleep(rng.uniform(0.1, 0.6))
    trial.captures(1)
    run.ask_to_stop()
    # Told before it could listen, it ends as any process does.
    return trial.ends(run, 0, _TERMINATED) == 0


def person_resyncs(trial: Trial, _rng: Random) -> bool:
    """Somebody orders `resync --all` before, during and after a pass."""
    trial.captures(2)
    trial.fault(faults.lost_answer("unplanned"), faults.delay("unplanned", 0.05))
    trial.drain()
    trial.captures(1)
    trial.command("resync", "--all", "--json")
    run = trial.start("sync", "--force", "--json")
    for _ in range(2):
        trial.command("resync", "--all", "--json")
    trial.ends(run, *ORDERLY)
    trial.command("resync", "--all", "--json")
    return True


def person_pauses(trial: Trial, _rng: Random) -> bool:
    """Somebody holds the queue in the middle of a pass; nothing begins until it is let go."""
    trial.captures(3)
    trial.fault(faults.delay("unplanned", 0.05))
    run = trial.start("sync", "--force", "--json", settings={"SYNC__CONCURRENCY": 1})
    trial.command("pause", "--reason", "a person holds the queue", "--json")
    trial.ends(run, *ORDERLY)
    mark = trial.mark()
    trial.captures(1)
    trial.drain()
    began = len(trial.requests(mark))
    trial.expect(began == 0, "pause_kept", f"{began} requests left while the queue was held")
    trial.command("resume", "--json")
    return True
