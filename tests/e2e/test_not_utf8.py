"""Arguments that are no text end with a clear word and 2 or 6, never with a traceback and 1."""

from pathlib import Path

import pytest

from tests.support.builders import signature_png
from tests.support.command import Tablet

# What Python makes of the bytes FF FE on a command line.
BYTES = "\udcff\udcfe"
IMAGE = Path(__file__).parents[2] / "docs" / "example" / "signature.png"
BODY = IMAGE.with_name("intervention.json")
GIVEN = ("capture", "unplanned-preventive", "--data", str(BODY), "--signature", str(IMAGE))


@pytest.mark.parametrize(
    ("code", "arguments"),
    [
        (6, ("show", BYTES)),
        (6, ("list", "--after-id", BYTES)),
        (6, ("resync", BYTES)),
        (6, (*GIVEN, "--after", BYTES)),
        (2, (*GIVEN, "--owner", BYTES)),
        (2, (*GIVEN, "--id", BYTES)),
        (2, (*GIVEN, "--target", BYTES)),
        (2, ("capture", BYTES, "--data", str(BODY))),
        (2, ("capture", "unplanned-preventive", "--data", BYTES)),
        (2, ("capture", "unplanned-preventive", "--data", str(BODY), "--signature", BYTES)),
        (2, ("list", "--kind", BYTES)),
        (2, ("list", "--state", BYTES)),
        (2, ("list", "--since", BYTES)),
        (2, ("resync", "--reason", BYTES)),
        (2, ("pause", "--reason", BYTES)),
        (2, ("discard", "00000000", "--reason", BYTES)),
        (2, ("auth", "clear", "--owner", BYTES)),
        (2, ("db", "recover", "--from", BYTES)),
        (2, (BYTES,)),
        (2, ("status", f"--{BYTES}")),
    ],
    ids=lambda value: (
        value if isinstance(value, int) else "-".join(value[:2]).encode("ascii", "replace").decode()
    ),
)
def test_argument_that_is_no_text_is_refused_with_a_word(
    tmp_path: Path, code: int, arguments: tuple[str, ...]
) -> None:
    tablet = Tablet(tmp_path)
    image = tablet.file("signature.png", signature_png(1))
    assert tablet.run(*GIVEN[:-1], str(image)).code == 0
    told = tablet.run(*arguments)
    assert told.code == code, told.err
    assert told.err.startswith("fieldsync: ")
    assert "unexpected" not in told.err
    answered = tablet.run(*arguments, "--json")
    assert (answered.code, answered.error["code"] != "unexpected") == (code, True)
    assert len(tablet.entries()) == 1
