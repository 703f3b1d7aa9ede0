"""Verifies a systemd unit of ours on a machine where fieldsync is not installed.

`python -m tests.support.systemd_unit config/fieldsync.service` prints every complaint and exits 1 if there is any.
`systemd-analyze verify` is right to refuse a unit whose program is missing, and wrong to exit 0 after
"Unknown key ..., ignoring": so it is given a copy that starts a program which exists, and anything it prints counts.
"""

import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

PROGRAM = "/usr/bin/fieldsync"
_EXEC_LINE = re.compile(r"^(Exec\w+=[-@:+!]*)" + re.escape(PROGRAM) + r"(?=\s|$)", re.MULTILINE)


def with_program(unit: str, program: str) -> str:
    """The unit with `program` started in place of ours; every other character stays as it is."""
    return _EXEC_LINE.sub(lambda line: line[1] + program, unit)


def complaints(path: Path) -> list[str]:
    """What systemd has to say against the unit, line by line; empty when it is content."""
    unit = path.read_text(encoding="utf-8")
    if not _EXEC_LINE.search(unit):
        return [f"{path}: no Exec line starts {PROGRAM}"]
    program = shutil.which("true")
    assert program is not None, "every Unix has `true`"
    with tempfile.TemporaryDirectory() as folder:
        # The same file name: it is the unit's name, and verify judges that too.
        copy = Path(folder) / path.name
        copy.write_text(with_program(unit, program), encoding="utf-8")
        done = subprocess.run(
            ["systemd-analyze", "verify", "--man=no", "--recursive-errors=no", str(copy)],
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
        said = [
            line.replace(str(copy), str(path))
            for line in (done.stdout + done.stderr).splitlines()
            if line.strip()
        ]
    if done.returncode != 0 and not said:
        said = [f"{path}: systemd-analyze verify ended with {done.returncode}"]
    return said


def main(arguments: list[str]) -> int:
    found = [line for name in arguments for line in complaints(Path(name))]
    for line in found:
        sys.stderr.write(line + "\n")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
