"""The frame of the benchmark: rows are found, shown, and a broken one does not take the others with it."""

import json
from collections.abc import Iterator

import pytest

from tests.bench.__main__ import main
from tests.bench.rounds import in_turns, over
from tests.bench.rows import Ask, Figure, Row, all_rows, not_measured
from tests.bench.table import as_text


def _halves(ask: Ask) -> Iterator[Figure]:
    yield Figure("a half", 5.0, 10.0, "ms", 0.5, (0.4, 0.6), limit=1.0, met=True)
    yield not_measured("the other", "there is none", limit=1.0)


def _breaks(ask: Ask) -> Iterator[Figure]:
    yield Figure("as far as it came", 1.0)
    raise RuntimeError("the server went away")


HALVES = Row("T98", "halves", "<= 1x", _halves)
BROKEN = Row("T99", "breaks", "<= 1x", _breaks)


def test_every_row_of_the_package_is_found_under_a_name_of_its_own() -> None:
    names = [row.name for row in all_rows()]
    assert {"T1", "T2", "T5", "T6", "T10"} <= set(names)
    assert len(names) == len(set(names))


def test_sides_take_turns_and_the_side_that_begins_changes() -> None:
    acts: list[str] = []
    figure = in_turns("both", lambda: acts.append("a"), lambda: acts.append("b"), rounds=2, times=2)
    assert "".join(acts) == "ab" + "abab" + "baba"
    assert figure.ratio is not None
    assert figure.met is None


def test_a_computed_baseline_is_judged_by_the_median() -> None:
    assert over("n", [1.0, 1.1, 9.0], 1.0, 1.15).met
    assert not over("n", [1.0, 1.2, 1.2], 1.0, 1.15).met


def test_table_aligns_its_columns_and_puts_notes_below() -> None:
    lines = as_text([(HALVES, list(_halves(Ask(None))))]).splitlines()  # type: ignore[arg-type]
    assert lines[0].index("ratio") + len("ratio") == lines[1].index("(0.40-0.60)") + len("(0.40-0.60)")
    assert lines[1].endswith("met")
    assert lines[2].endswith("not measured")
    assert lines[-1] == "T98 the other: not measured: there is none"


def test_json_is_one_document_with_every_figure(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["t98", "--json"], [HALVES, BROKEN]) == 0
    document = json.loads(capsys.readouterr().out)
    assert [row["row"] for row in document["rows"]] == ["T98"]
    assert [figure["met"] for figure in document["rows"][0]["figures"]] == [True, None]


def test_quick_run_judges_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    main(["T98", "--json", "--quick"], [HALVES])
    document = json.loads(capsys.readouterr().out)
    assert [figure["met"] for figure in document["rows"][0]["figures"]] == [None, None]


def test_row_that_breaks_keeps_its_figures_and_the_other_rows(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([], [BROKEN, HALVES]) == 1
    shown = capsys.readouterr().out
    assert "as far as it came" in shown
    assert "not measured: RuntimeError: the server went away" in shown
    assert "a half" in shown


def test_unknown_row_is_a_usage_error_that_names_the_known(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["T7"], [HALVES])
    assert ended.value.code == 2
    assert "known: T98" in capsys.readouterr().err
