"""The day's work of the story: ten interventions as a technician would enter them, each with a drawn signature."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sync.demo.handwriting import signature
from sync.instants import instant_text

PNG, JPEG = "image/png", "image/jpeg"
# The server does not know this customer: that intervention comes back.
UNKNOWN_COMPANY = 4077

_DAY: tuple[tuple[str, int, str, str, str, str], ...] = (
    (
        "Fire extinguishers",
        12,
        "Zoé",
        "Lefèvre",
        "Six extinguishers checked, two seals replaced",
        "East gate",
    ),
    ("Smoke detectors", 12, "Karim", "Haddad", "Detectors of the first floor cleaned and tested", ""),
    ("Emergency lighting", 31, "Nguyễn", "Anh", "Battery of the exit sign at stair B replaced", "Stair B 🔦"),
    ("Fire doors", 31, "Ingrid", "Sørensen", "Closer of door 14 adjusted", "Ask for Mrs. O'Neil"),
    ("Sprinkler valves", 8, "Paweł", "Żółkiewski", "Main valve moved and greased", ""),
    ("Alarm panel", 8, "Maria", "da Conceição", "Self-test passed, clock set", 'Says "zone 3" twice'),
    ("Hose reels", 55, "Jürgen", "Groß", "Pressure measured: 4.5 bar", "Key at the desk"),
    ("Ventilation flaps", 55, "Άννα", "Παπαδοπούλου", "Both flaps close within 20 s", "Roof access 🪜"),
    ("Gas detector", UNKNOWN_COMPANY, "Tom", "Okafor", "Sensor calibrated", "New customer"),
    ("Lightning rod", 73, "李", "娜", "Earth resistance measured: 2.1 Ω", "接地良好"),
)


@dataclass(frozen=True, slots=True)
class Visit:
    """What is handed to fieldsync: the API's own JSON without `signature`, and an image file."""

    number: int
    title: str
    person: str
    data: dict[str, Any]
    image: bytes
    mime_type: str

    @property
    def image_name(self) -> str:
        return f"signature-{self.number:02d}.{'png' if self.mime_type == PNG else 'jpg'}"

    @property
    def expected(self) -> dict[str, Any]:
        """What the API must get: the data as given, and the image described."""
        described = {"name": self.image_name, "mimeType": self.mime_type, "size": len(self.image)}
        return {**self.data, "signature": described}


def day(now: datetime) -> list[Visit]:
    """Ten visits that ended before `now`, in their order."""
    return [_visit(number, now) for number in range(1, len(_DAY) + 1)]


def _visit(number: int, now: datetime) -> Visit:
    title, company, first_name, last_name, action, comment = _DAY[number - 1]
    mime_type = PNG if number % 2 else JPEG
    started_at = now - timedelta(minutes=23 * (len(_DAY) - number) + 9, milliseconds=137 * number)
    provider = {"firstName": first_name, "lastName": last_name, "actionComment": action}
    if comment:
        provider["comment"] = comment
    data = {
        "companyId": company,
        "siteIds": [company * 10 + number, company * 10],
        "ruleIds": [number, 40 + number],
        "provider": provider,
        "actualStart": instant_text(started_at),
    }
    person = f"{first_name} {last_name}"
    return Visit(number, title, person, data, signature(number, mime_type), mime_type)
