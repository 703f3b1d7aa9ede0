"""What is said at the door: to who opens a link, comes without one, or leaves."""

from __future__ import annotations

from typing import Final

WORDS: Final[dict[str, str]] = {
    "door.open.heading": "Open the page?",
    "door.open.technician": "You record interventions and see those of {owner}.",
    "door.open.device": "You record interventions and see those of this device.",
    "door.open.ops": "You see the interventions of everybody, and can order what happens to them.",
    "door.open.button": "Open",
    "door.open.note": "This link works once. This browser then stays signed in for 30 days, or until you leave.",
    "door.spent.heading": "This link has been used",
    "door.spent.text": "A link opens the page once, and within ten minutes. Nothing is lost: ask for a new one.",
    "door.stranger.heading": "Open the page by its link",
    "door.stranger.text": "This browser is not signed in, or no longer. What was saved on this device is still there.",
    "door.leave.heading": "Leave this page?",
    "door.leave.text": "This browser is signed out, for whoever uses it next. What was saved on this device stays, and "
    "goes on by itself. What you have typed and not saved is lost.",
    "door.leave.button": "Leave",
    "door.leave.stay": "Stay",
    "door.left.heading": "You have left",
    "door.left.text": "This browser is signed out. What was saved on this device stays, and goes on by itself.",
    "door.command": "On this device:",
}
