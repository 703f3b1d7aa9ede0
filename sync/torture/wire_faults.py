"""What the network and the API do to a delivery: answers that get lost, come late, come broken, or come from others.

Each function makes one fault happen in a trial and answers whether it struck.
"""

from __future__ import annotations

import time
from random import Random
from typing import Final

from sync.sandbox import faults
from sync.sandbox.faults import Fault
from sync.torture.pace import LOOKUP_GAP_S, SETTLE_S
from sync.torture.trial import Trial, key_of

_POST: Final = "unplanned"
# Far less than what the device waits before it takes what is not listed for absent.
_LATE_S: Final = SETTLE_S / 4


def lost_answer(trial: Trial, _rng: Random) -> bool:
    """The server has stored it, and the connection is reset before the first byte of the answer."""
    return trial.meets(faults.lost_answer(_POST))


def half_body(trial: Trial, rng: Random) -> bool:
    """The 201 breaks off in the middle of its body: the record is certainly there, its URL is lost."""
    return bool(_half_body(trial, rng))


def created_and_hidden(trial: Trial, rng: Random) -> bool:
    """The same, and the list does not show the record, for whatever reason: it is there all the same."""
    trial.sandbox.state.set_options({"list_lag_s": 0.0})
    created = _half_body(trial, rng)
    # The other entry is delivered, so that the list shows something of ours and is believed.
    trial.drain()
    hidden = {each["id"] for each in trial.sandbox.state.records() if each["idempotency_key"] in created}
    rows = [row for row in trial.sandbox.state.listed() if row["id"] not in hidden]
    for page, found in (("page=1&", rows), ("", [])):
        body = {"data": found, "pagination": {"page": 1, "pageSize": len(rows)}}
        trial.fault(faults.answer("list", 200, body=body, target=page, times=None))
    in_doubt = True
    deadline_s = time.monotonic() + SETTLE_S + 3 * LOOKUP_GAP_S
    while in_doubt and time.monotonic() < deadline_s:
        trial.drain()
        in_doubt = any(each["state"] == "in_doubt" for each in trial.entries() if each["id"] in created)
        time.sleep(0.1)
    return bool(hidden)


def _half_body(trial: Trial, rng: Random) -> set[str]:
    """The entries whose 201 broke off."""
    mark = trial.mark()
    trial.meets(faults.truncated(_POST, how=rng.choice(["close", "reset"])))
    created = {
        key_of(each): each["n"] for each in trial.requests(mark, "POST") if each["fault"] == "truncate"
    }
    trial.created |= created
    return set(created)


def slow_drip(trial: Trial, rng: Random) -> bool:
    """The answer comes in small pieces; sometimes so slowly that the whole exchange is cut off."""
    if rng.random() < 0.5:
        return trial.meets(Fault("drip", _POST, piece=120, seconds=0.01))
    slow = Fault("drip", _POST, piece=40, seconds=0.1)
    return trial.meets(slow, {"SYNC__EXCHANGE_LIMIT_S": 0.5, "SYNC__LEASE_S": 5})


def read_timeout(trial: Trial, _rng: Random) -> bool:
    """It is stored, and no answer ever comes."""
    return trial.meets(Fault("hang", _POST, after=True), {"API__READ_TIMEOUT_S": 0.4})


def late_store(trial: Trial, _rng: Random) -> bool:
    """The device gives up waiting, and the server stores it only after that."""
    trial.captures(2)
    # It may be late in one way, not in two.
    trial.sandbox.state.set_options({"list_lag_s": 0.0})
    before = len(trial.sandbox.state.records())
    number = trial.sandbox.faults.add(faults.delay(_POST, _LATE_S, times=1))
    trial.drain(settings={"API__READ_TIMEOUT_S": _LATE_S / 2})
    trial.sandbox.faults.remove(number)
    return trial.until(lambda: len(trial.sandbox.state.records()) > before)


def late_504(trial: Trial, _rng: Random) -> bool:
    """The gateway gives up with a 504 while the API behind it stores the record."""
    return trial.meets(faults.answer(_POST, 504, message="Endpoint request timed out", after=True))


def garbage(trial: Trial, rng: Random) -> bool:
    """It is stored, and what comes back is no HTTP."""
    return trial.meets(Fault("garbage", _POST, after=rng.random() < 0.5))


def cut_off(trial: Trial, rng: Random) -> bool:
    """The connection ends while the request is on its way: nothing is stored."""
    return trial.meets(faults.dropped(_POST, how=rng.choice(["close", "reset"])))


def storm_5xx(trial: Trial, rng: Random) -> bool:
    """The API answers that it is broken, several times; nothing is stored."""
    return trial.meets(faults.answer(_POST, rng.choice([500, 502, 503]), times=rng.randint(1, 2)))


def storm_429(trial: Trial, rng: Random) -> bool:
    """Too many requests: the server names a wait, and nobody may go before it is over. No attempt is spent."""
    mark = trial.mark()
    ids = trial.captures(2)
    trial.fault(faults.answer(_POST, 429, retry_after=str(rng.randint(20, 40)), times=1))
    trial.drain()
    struck, asked = trial.hurt(mark), len(trial.requests(mark, "POST"))
    trial.drain(force=False)
    again = len(trial.requests(mark, "POST")) - asked
    trial.expect(again == 0, "wait_kept", f"{again} requests left while the server had asked for a wait")
    trial.nothing_spent(ids, "a 429")
    return struck


def refused(trial: Trial, rng: Random) -> bool:
    """The server will never take this one; what comes after it is delivered all the same."""
    return trial.meets(faults.answer(_POST, rng.choice([400, 422]), message="companyId is not accepted"))


def telltale_answer(trial: Trial, rng: Random) -> bool:
    """The server repeats our tokens and a signed address in its error: none of it may be kept or shown."""
    tokens = trial.sandbox.state.tokens
    planted = f"{rng.getrandbits(200):050x}"
    trial.secrets.add(planted)
    url = f"https://b.s3.amazonaws.com/k?X-Amz-Signature={planted}"
    body = {"message": f"Bearer {tokens.bearer} / {tokens.session} / {url}"}
    return trial.meets(faults.answer(_POST, rng.choice([422, 500]), body=body))


def portal_page(trial: Trial, _rng: Random) -> bool:
    """A hotel's sign-in page answers in the API's place, with 200."""
    return _unspent(trial, "a portal", faults.portal(_POST, redirect=False))


def portal_redirect(trial: Trial, _rng: Random) -> bool:
    """A redirect to a sign-in page: it is not followed."""
    return _unspent(trial, "a portal", faults.portal(_POST))


def unauthorized(trial: Trial, rng: Random) -> bool:
    """The tokens are refused until somebody signs in again."""
    mark, ids = trial.mark(), trial.captures(2)
    trial.sandbox.state.rotate_tokens()
    trial.sandbox.state.set_options({"strict_tokens": True})
    for _ in range(rng.randint(1, 3)):
        trial.drain()
    trial.nothing_spent(ids, "refused tokens")
    trial.sign_in()
    # The tokens are good again; the rest of the world stays as it is.
    trial.drain()
    return any(each["status"] == 401 for each in trial.requests(mark))


def offline(trial: Trial, rng: Random) -> bool:
    """No network, for several passes."""
    ids = trial.captures(2)
    trial.sandbox.offline()
    for _ in range(rng.randint(1, 3)):
        trial.drain()
    trial.nothing_spent(ids, "being offline")
    trial.sandbox.online()
    return True


def _unspent(trial: Trial, what: str, fault: Fault) -> bool:
    mark, ids = trial.mark(), trial.captures(2)
    trial.fault(fault)
    trial.drain()
    trial.nothing_spent(ids, what)
    return trial.hurt(mark)
