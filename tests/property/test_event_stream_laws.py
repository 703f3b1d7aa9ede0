"""Whatever happens to the connection: who comes back with the last id is told every change once, in order.

The stream is cut anywhere, also inside an event; the feed forgets what it knew; changes come in while nobody listens.
"""

from pathlib import Path
from tempfile import TemporaryDirectory

from hypothesis import given, settings
from hypothesis import strategies as st

from sync.visitor import OPS, Scope, Visitor
from tests.support.listening import Hall, Seat, entries
from tests.support.scratch import NOON_MS

OWNERS = (None, "anna", "berta")
ANNA = Visitor(frozenset({Scope.READ}), owner="anna")
STEPS = st.one_of(
    st.tuples(st.just("change"), st.integers(1, 5), st.sampled_from(OWNERS)),
    st.tuples(st.just("many"), st.just(1_500), st.sampled_from(OWNERS)),
    st.just(("rolled back",)),
    st.tuples(st.just("look"), st.sampled_from((0.1, 1.0, 15.0))),
    st.just(("hear",)),
    st.tuples(st.just("cut"), st.floats(0, 1)),
    st.just(("forget",)),
)


class Story:
    """One who listens through all of it, and what they should have heard."""

    def __init__(self, place: Path, visitor: Visitor) -> None:
        self.hall = Hall(place)
        self.visitor = visitor
        self.heard: list[int] = []
        self.expected: list[int] = []
        self.newest = 0
        self.hall.look()
        self.seat = Seat(self.hall, visitor)
        self.seat.hear()

    def change(self, count: int, owner: str | None) -> None:
        with self.hall.box.database.write() as transaction:
            self._insert(transaction, count, owner)
        if self.visitor.sees(owner):
            self.expected += range(self.newest + 1, self.newest + count + 1)
        self.newest += count

    many = change

    def rolled_back(self) -> None:
        try:
            with self.hall.box.database.write() as transaction:
                self._insert(transaction, 3, "anna")
                raise ZeroDivisionError
        except ZeroDivisionError:
            pass

    @staticmethod
    def _insert(transaction, count, owner) -> None:  # type: ignore[no-untyped-def]
        transaction.cursor.executemany(
            "INSERT INTO change (entry_id, kind, owner, state, reason, at) VALUES ('e', 'k', ?, 'done', NULL, ?)",
            [(owner, NOON_MS)] * count,
        )

    def look(self, after_s: float) -> None:
        self.hall.look(after_s=after_s)

    def hear(self) -> None:
        self.heard += [each["seq"] for each in entries(self.seat.hear())]

    def cut(self, share: float) -> None:
        """Some of what is on its way arrives, and then the connection ends."""
        text = self.seat.next_text()
        self.heard += [each["seq"] for each in entries(self.seat.ear.hear(text[: int(len(text) * share)]))]
        self.seat = Seat(self.hall, self.visitor, self.seat.ear.last_id)

    def forget(self) -> None:
        self.hall.feed._forget()


@settings(max_examples=60, deadline=None)
@given(st.lists(STEPS, max_size=25), st.sampled_from((OPS, ANNA)))
def test_nothing_is_lost_or_told_twice_over_any_connections(
    steps: list[tuple[object, ...]], visitor: Visitor
) -> None:
    with TemporaryDirectory() as place:
        story = Story(Path(place) / "queue", visitor)
        try:
            for name, *facts in steps:
                getattr(story, str(name).replace(" ", "_"))(*facts)
                assert story.heard == story.expected[: len(story.heard)]
            story.look(15.0)
            story.hear()
            assert story.heard == story.expected
        finally:
            story.hall.close()
