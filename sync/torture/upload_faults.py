"""What the signature storage does to an upload: addresses of no use, answers that prove nothing, and no answer at all.

Each function makes one fault happen in a trial and answers whether it struck.
"""

from __future__ import annotations

from random import Random
from typing import Final

from sync.sandbox import faults
from sync.sandbox.faults import Fault
from sync.torture.trial import Trial

_PUT: Final = "upload"


def url_expired(trial: Trial, _rng: Random) -> bool:
    """The address in the receipt has ended before it could be used."""
    return trial.meets(faults.bad_url("expired"))


def url_of_a_get(trial: Trial, _rng: Random) -> bool:
    """The address was signed for reading."""
    return trial.meets(faults.bad_url("get"))


def url_useless(trial: Trial, rng: Random) -> bool:
    """No address, one without a signature, or one of a host that is none of ours."""
    return trial.meets(faults.bad_url(rng.choice(["missing", "unsigned", "foreign"])))


def etag_wrong(trial: Trial, rng: Random) -> bool:
    """200, and the ETag is not that of the image: something else was stored, or nothing."""
    other = f'"{rng.getrandbits(128):032x}"'
    return _not_stored(trial, faults.answer(_PUT, 200, body="empty", headers={"etag": other}, times=2))


def etag_missing(trial: Trial, _rng: Random) -> bool:
    """200 without an ETag: whoever answered, it was not the storage."""
    return _not_stored(trial, faults.answer(_PUT, 200, body="empty", times=2))


def etag_odd(trial: Trial, rng: Random) -> bool:
    """The image is stored, and the answer does not prove it, or proves it otherwise (KMS)."""
    return trial.meets(Fault("etag", _PUT, etag=rng.choice(["wrong", "missing", "kms"])))


def upload_portal(trial: Trial, rng: Random) -> bool:
    """A sign-in page takes the image, with 200 or a redirect. No attempt is spent on it."""
    mark, ids = trial.mark(), trial.captures(2)
    trial.fault(faults.portal(_PUT, redirect=rng.random() < 0.5, times=2))
    trial.drain()
    struck = trial.hurt(mark)
    trial.nothing_spent(ids, "a portal")
    return struck


def upload_answer_lost(trial: Trial, _rng: Random) -> bool:
    """The image is stored, and nobody is told."""
    return trial.meets(faults.lost_answer(_PUT))


def upload_storm(trial: Trial, rng: Random) -> bool:
    """The storage asks to slow down, or is broken, several times."""
    status, code = rng.choice([(503, "SlowDown"), (500, "InternalError"), (400, "RequestTimeout")])
    return trial.meets(faults.answer(_PUT, status, body="xml", code=code, times=rng.randint(2, 4)))


def upload_timeout(trial: Trial, rng: Random) -> bool:
    """No answer to the upload, whether it was stored or not."""
    return trial.meets(Fault("hang", _PUT, after=rng.random() < 0.5), {"UPLOAD__READ_TIMEOUT_S": 0.3})


def store_offline(trial: Trial, rng: Random) -> bool:
    """The API is there and the storage is not: at most one receipt may wait with its URL, and no attempt is spent."""
    ids = trial.captures(3)
    mark = trial.mark()
    trial.sandbox.offline("store")
    for _ in range(rng.randint(1, 2)):
        trial.drain()
    trial.nothing_spent(ids, "a storage out of reach")
    trial.sandbox.online("store")
    return bool(trial.requests(mark, "POST"))


def _not_stored(trial: Trial, fault: Fault) -> bool:
    """The storage answers 200 and has stored nothing: who reads that as done has lost an image."""
    mark, ids = trial.mark(), trial.captures(2)
    trial.fault(fault)
    trial.drain()
    stored = {each["id"] for each in trial.entries() if each["state"] == "done"} & set(ids)
    by_key = {each["idempotency_key"]: each["image_key"] for each in trial.sandbox.state.records()}
    for id in sorted(stored):
        image = trial.sandbox.state.objects.get(by_key.get(id, ""))
        if image is None:
            trial.found("unproven", f"{id[-8:]} counts as delivered after an answer without its image's ETag")
    return trial.hurt(mark)
