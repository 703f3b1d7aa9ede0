"""Why an entry stands where it stands, until when, what happens next and what a person can do about it.

Pure: the story of an entry, the facts about the queue and the present moment go in, plain sentences come out. The
words are in one table a language (`explain_english.py`, `explain_french.py`); the causes are found here.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from shlex import quote
from typing import Any, Final

from sync.explain_english import ENGLISH
from sync.explain_words import Explained, Language, Words
from sync.gate import Gate, Host, Mode, waits_until

LANGUAGES: Final = ("en", "fr")

# Another device has it, or may have it.
_ELSEWHERE: Final = ("handed_over", "perhaps_handed_over")


def words_in(language: str) -> Language:
    """The table of a language; French is loaded when it is first asked for."""
    if language == "fr":
        from sync.explain_french import FRENCH

        return FRENCH
    return ENGLISH


def explain(
    story: Mapping[str, Any], control: Mapping[str, Any], now: datetime, *, language: str = "en"
) -> Explained:
    """What `show` says about the entry of this `story`.

    `waiting_for` and `until` (ISO, UTC) are None where it waits for nothing, or for no moment that is known.
    `person_can` has sentences, each with a command; it is empty where nothing is left to do.
    """
    words = words_in(language)
    match story["state"]:
        case "pending":
            return _pending(story, control, now, words)
        case "sending":
            return _sending(story, now, words)
        case "accepted":
            return _accepted(story, control, now, words)
        case "in_doubt":
            created = "created" if story.get("certainly_created") else "in_doubt"
            first = _words_of(words, story["reason"]).what if story["reason"] else ""
            until = story.get("looked_up_at")
            return _said(words, created, story, until=until, first=first)
        case "parked" | "dead":
            return _held(story, words)
        case other:
            return _said(words, other if other in ("done", "discarded") else "state_unknown", story)


def reason_words(reason: str, *, language: str = "en") -> Words:
    """What is said about a reason; one that is not known gets an honest general text."""
    return _words_of(words_in(language), reason)


def explain_held(held: Mapping[str, Any], *, language: str = "en") -> Explained:
    """What `show` says of an entry that is parked or dead. Enough are `id`, `state`, `stage`, `reason` and `owner`."""
    return _held(held, words_in(language))


def known_reasons() -> list[str]:
    """Every reason code that an entry can wait for."""
    return sorted({*ENGLISH.reasons, *ENGLISH.sentences()})


def next_command(reason: str, *, language: str = "en") -> str:
    """What to run where several entries share this reason."""
    words = words_in(language)
    return words.reasons.get(reason, words.unknown).command


def _pending(
    story: Mapping[str, Any], control: Mapping[str, Any], now: datetime, words: Language
) -> Explained:
    if _leased(story, now):
        return _said(words, "checking", story, until=story["lease"]["expires_at"])
    return (
        _paused(story, control, words)
        or _blocked(story, words)
        or _owner_held(story, control, words)
        or _at_gate(story, control, now, words, Host.API)
        or (_at_gate(story, control, now, words, Host.UPLOAD) if story["signature"] else None)
        or _by_itself(story, now, words)
    )


def _accepted(
    story: Mapping[str, Any], control: Mapping[str, Any], now: datetime, words: Language
) -> Explained:
    way = story.get("upload_way")
    if _leased(story, now):
        return _said(words, way or "uploading", story, until=story["lease"]["expires_at"])
    asking = way == "reissue"
    told = (
        _paused(story, control, words)
        or (_owner_held(story, control, words) if asking else None)
        or _at_gate(story, control, now, words, Host.API if asking else Host.UPLOAD)
        or (_on_the_way_out(story, now, words, way) if way else _by_itself(story, now, words))
    )
    if not way and _looks_over(story, control, now):
        told["waiting_for"] = " ".join(
            filter(None, (told["waiting_for"], words.situations["url_looks_over"].what))
        )
    return told


def _looks_over(story: Mapping[str, Any], control: Mapping[str, Any], now: datetime) -> bool:
    """Whether its address has ended by what it says of itself and the server's clock: a hint, the storage decides."""
    ends_at = (story.get("upload_url") or {}).get("expires_at")
    offset_s = (control.get("clock") or {}).get("offset_s")
    if ends_at is None or not isinstance(offset_s, int | float):
        return False
    return datetime.fromisoformat(ends_at) <= now + timedelta(seconds=offset_s)


def _on_the_way_out(story: Mapping[str, Any], now: datetime, words: Language, way: str) -> Explained:
    """Why its address cannot be used, and what is tried instead."""
    due_at = story["due_at"]
    waits = due_at is not None and datetime.fromisoformat(due_at) > now
    causes = dict.fromkeys(each for each in (story.get("url_trouble"), story["reason"]) if each)
    first = " ".join(_words_of(words, each).what for each in causes)
    return _said(words, way, story, until=due_at if waits else None, first=first)


def _sending(story: Mapping[str, Any], now: datetime, words: Language) -> Explained:
    if _leased(story, now):
        return _said(words, "sending", story, until=story["lease"]["expires_at"])
    return _said(words, "cut_off", story)


def _held(story: Mapping[str, Any], words: Language) -> Explained:
    """Parked or dead: what the reason says, and where the entry goes when a person lets it go on."""
    reason = _words_of(words, story["reason"] or story["state"])
    general = words.situations[story["state"]]
    # What becomes of it, let go on, is said with its commands where another device may be sending it.
    stage = "" if story["reason"] in _ELSEWHERE else words.stages.get(story.get("stage") or "", "")
    return {
        "waiting_for": reason.what,
        "until": None,
        "next_step": " ".join(filter(None, (reason.next or general.next, stage))),
        "person_can": _commands(reason.can or general.can, story),
    }


def _paused(story: Mapping[str, Any], control: Mapping[str, Any], words: Language) -> Explained | None:
    pause = control.get("pause")
    if not pause:
        return None
    reason = _words_of(words, str(pause.get("reason") or "paused"))
    told = _said(words, "paused", story, first=reason.what)
    told["person_can"] = [*_commands(reason.can, story), *told["person_can"]]
    return told


def _blocked(story: Mapping[str, Any], words: Language) -> Explained | None:
    blockers = story.get("blocked_by") or []
    if not blockers:
        return None
    # One that needs a person explains more than one that is merely not through yet.
    blocker = next((each for each in blockers if each["state"] in ("parked", "dead")), blockers[0])
    stuck = blocker["state"] in ("parked", "dead", "discarded")
    first = words.situations[f"behind_{blocker.get('why') or 'after'}"].what
    told = _said(
        words, "blocked_for_good" if stuck else "blocked", {**story, "id": blocker["id"]}, first=first
    )
    told["waiting_for"] = (
        told["waiting_for"]
        .replace("{id}", blocker["id"][-8:])
        .replace("{state}", words.states.get(blocker["state"], blocker["state"]))
    )
    return told


def _owner_held(story: Mapping[str, Any], control: Mapping[str, Any], words: Language) -> Explained | None:
    hold = control.get(f"pause:owner:{story['owner'] or ''}")
    if not hold:
        return None
    probe_at = hold.get("probe_at")
    until = iso(datetime.fromtimestamp(probe_at / 1000, UTC)) if probe_at else None
    command = hold.get("command") or {}
    return _said(words, "owner_held", story, until=until, first=command_told(command, words))


def command_told(command: Mapping[str, Any], words: Language = ENGLISH) -> str:
    """Why the sign-in command gave no tokens, with what it said itself; empty where that is not the trouble."""
    if not command.get("reason"):
        return ""
    what = _words_of(words, command["reason"]).what
    if not command.get("said"):
        return what
    return words.reported.replace("{what}", what.removesuffix(".")).replace("{said}", command["said"])


def _at_gate(
    story: Mapping[str, Any], control: Mapping[str, Any], now: datetime, words: Language, host: Host
) -> Explained | None:
    key = host.value
    if story["state"] == "accepted" and (story.get("upload_url") or {}).get("host"):
        key = f"{key}:{story['upload_url']['host']}"
    gate = Gate.from_json(control.get(f"gate:{key}"))
    moment = waits_until(gate, now)
    if moment is None and gate.mode is not Mode.CLOSED:
        return None
    situation = {Host.API: "api", Host.UPLOAD: "upload"}[host]
    if host is Host.UPLOAD and story["state"] == "pending":
        situation = "upload_before_send"
    reason = _words_of(words, gate.reason or "no_connection")
    first = (reason.of_storage if host is Host.UPLOAD else "") or reason.what
    told = _said(words, situation, story, until=None if moment is None else iso(moment), first=first)
    told["person_can"] = [*_commands(reason.can, story), *told["person_can"]]
    return told


def _by_itself(story: Mapping[str, Any], now: datetime, words: Language) -> Explained:
    """Its wait, or its turn."""
    upload = story["state"] == "accepted"
    last = _words_of(words, story["reason"]) if story["reason"] else Words("")
    what = (last.of_storage if upload else "") or last.what
    due_at = story["due_at"]
    if due_at is not None and datetime.fromisoformat(due_at) > now:
        return _said(words, "backoff", story, until=due_at, first=what)
    return _said(words, "upload_turn" if upload else "turn", story, first=what)


def _leased(story: Mapping[str, Any], now: datetime) -> bool:
    lease = story.get("lease")
    return bool(lease and lease["expires_at"] and datetime.fromisoformat(lease["expires_at"]) > now)


def _said(
    words: Language, situation: str, story: Mapping[str, Any], *, until: str | None = None, first: str = ""
) -> Explained:
    known = words.situations[situation]
    return {
        "waiting_for": " ".join(filter(None, (first, known.what))) or None,
        "until": until,
        "next_step": known.next,
        "person_can": _commands(known.can, story),
    }


def _commands(sentences: tuple[str, ...], story: Mapping[str, Any]) -> list[str]:
    owner = story.get("owner")
    named = f" --owner {quote(owner)}" if owner else ""
    return [each.replace("{id}", story["id"][-8:]).replace("{owner}", named) for each in sentences]


def _words_of(words: Language, reason: str) -> Words:
    known = words.reasons.get(reason)
    if known is None:
        return words.unknown._replace(what=words.unknown.what.replace("{reason}", reason))
    return known if known.what else known._replace(what=words.sentences()[reason])


def iso(at: datetime) -> str:
    """An aware instant as `list --json` writes it."""
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
