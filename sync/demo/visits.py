"""The day's work: interventions as a technician would enter them, each with a drawn signature.

Ten of the story itself, one that an app hands in over the local API, three that wait where the page is shown.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

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
    ("Fire blankets", 73, "Émile", "Dubois", "Four blankets in place, seals whole", "Kitchen"),
    ("Exit doors", 12, "Zoé", "Lefèvre", "Bars of both doors oiled", "East gate"),
    ("Smoke vents", 31, "Zoé", "Lefèvre", "Opened and closed by hand, motor 2 is slow", ""),
    ("Wall hydrants", 8, "Zoé", "Lefèvre", "Hose 3 replaced", "Key at the desk"),
)
OF_THE_STORY: Final = 10


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
    """The visits of the story, which ended before `now`, in their order."""
    return [_visit(number, now) for number in range(1, OF_THE_STORY + 1)]


def by_app(now: datetime) -> Visit:
    """The one that an app hands in."""
    return _visit(OF_THE_STORY + 1, now)


def afternoon(now: datetime) -> list[Visit]:
    """Those that wait for a network where the page is shown."""
    return [_visit(number, now) for number in range(OF_THE_STORY + 2, len(_DAY) + 1)]


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


def reference_list() -> bytes:
    """What companies, sites and rules of the day are called, as `fieldsync reference import` reads it."""
    companies = {12: "Hôtel Bellevue", 31: "Clinique Saint-Roch", 8: "Entrepôt Nord", 55: "Lycée Voltaire"}
    companies |= {73: "Observatoire du Pic"}
    places = ("Bâtiment principal", "Annexe", "Parking")
    rules = ("Extincteurs", "Détection incendie", "Éclairage de sécurité", "Portes coupe-feu", "Désenfumage")
    lines = ["type,id,name,company_id"]
    lines += [f"company,{number},{name}," for number, name in companies.items()]
    lines += [
        f"site,{company * 10 + number},{name} ({place}),{company}"
        for company, name in companies.items()
        for number, place in enumerate(places)
    ]
    lines += [f"rule,{number},{name}," for number, name in enumerate(rules, 1)]
    return "\n".join(lines).encode() + b"\n"
