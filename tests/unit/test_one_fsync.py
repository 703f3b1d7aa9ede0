"""What a capture costs: one sync of the write-ahead log, and not one less."""

from pathlib import Path

from storage import outbox
from tests.support.fsyncs import counted_syncs
from tests.support.scratch import Scratch, new_entry, signature


def test_capture_costs_exactly_one_sync(tmp_path: Path) -> None:
    with counted_syncs() as syncs:
        scratch = Scratch(tmp_path / "queue")
        scratch.put(1, signature=signature(1, 20_000))
        for number in range(2, 22):
            syncs.clear()
            scratch.put(number, signature=signature(number, 20_000))
            assert [sync.path and sync.path.name for sync in syncs] == ["fieldsync.db-wal"], number
        scratch.close()


def test_batch_of_a_hundred_costs_one_sync(tmp_path: Path) -> None:
    with counted_syncs() as syncs:
        scratch = Scratch(tmp_path / "queue")
        scratch.put(1)
        syncs.clear()
        with scratch.database.write() as transaction:
            for number in range(2, 102):
                outbox.put_in(transaction, new_entry(number))
        assert len(syncs) == 1
        scratch.close()


def test_look_at_the_outbox_costs_no_sync(tmp_path: Path) -> None:
    with counted_syncs() as syncs:
        scratch = Scratch(tmp_path / "queue")
        scratch.put(1)
        syncs.clear()
        assert scratch.due() == [1]
        assert syncs == []
        scratch.close()


def test_counting_ends_with_its_block(tmp_path: Path) -> None:
    with counted_syncs() as syncs:
        pass
    scratch = Scratch(tmp_path / "queue")
    scratch.put(1)
    scratch.close()
    assert syncs == []
