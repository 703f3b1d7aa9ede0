"""After the story: the page beside its outbox, to try by hand, with a network that it can switch off and on."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from sync.demo.children import DemoBroken, wait_for
from sync.demo.story import Stage
from sync.demo.visits import afternoon, reference_list
from sync.visitor import OPS, technician

LOOK_EVERY_S: Final = 1.0


def show(stage: Stage, *, now: datetime, opens: bool) -> None:
    """Serves the page until it is interrupted; the network is off at first, so that something waits.

    `opens`: in the browser too.

    Raises:
        DemoBroken: the page did not come up, or the worker ended by itself.
    """
    teller, device = stage.teller, stage.device
    teller.scene("Now you: the page, for the technician and for ops")
    stage.backend.offline()
    device.start_worker_with_page(stage.backend.control_url)
    for visit in afternoon(now):
        device.capture(visit)
    device.name_places(reference_list())
    device.local_api()  # it is up
    teller.link("technician", device.link(technician(device.owner)))
    teller.link("ops", device.link(OPS))
    teller.say("Each link lets one browser in, within ten minutes.")
    teller.say(
        "The network is off: the switch at the top of the page turns it on and off. Record an intervention, sign it, "
        "switch the network on, and watch it turn to sent."
    )
    teller.link("more links", f"FIELDSYNC_STORAGE__DIR={device.folder.root} fieldsync open")
    teller.say("Ctrl-C ends the demo and leaves nothing behind.")
    if opens:
        device.open_browser()
    while not wait_for(lambda: not device.worker_runs(), within_s=LOOK_EVERY_S):
        pass
    raise DemoBroken("the worker ended by itself", device.worker_log())
