"""A format is one file: one added to a copy of the package is recognised and explained from the command line."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import ironlaw

READER = '''"""Times of a stopwatch: a line STOPWATCH, then one time in ms a line."""

from ironlaw.attached.format import AttachedFormat
from ironlaw.attachment import Attachment, RepeatTimes, TimedWhole


def _read(text):
    each = tuple(float(line) * 1e6 for number, line in text.lines() if number > 1 and line)
    times = RepeatTimes(each_ns=each)
    return (Attachment(format="stopwatch", title="times of a stopwatch", timed=TimedWhole.INFERENCE, times=times),)


FORMATS = (
    AttachedFormat(
        slug="stopwatch",
        title="times of a stopwatch",
        made_by="a stopwatch",
        recognises=lambda head: head.startswith("STOPWATCH"),
        read=_read,
    ),
)
'''


def test_a_format_that_is_added_as_one_file_is_recognised_and_explained(tmp_path: Path) -> None:
    package = tmp_path / "ironlaw"
    shutil.copytree(Path(ironlaw.__file__).parent, package, ignore=shutil.ignore_patterns("__pycache__"))
    (package / "attached" / "formats" / "stopwatch.py").write_text(READER)
    (tmp_path / "a.txt").write_text("STOPWATCH\n2.0\n2.1\n1.9\n")
    (tmp_path / "b.txt").write_text("STOPWATCH\n1.0\n1.1\n0.9\n")
    command = [sys.executable, "-m", "ironlaw", "explain", "a.txt", "b.txt"]
    environment = {**os.environ, "PYTHONPATH": str(tmp_path), "COLUMNS": "80"}
    ran = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr
    assert "b.txt against a.txt is 2.0" in " ".join(ran.stdout.split())
    assert "times of a stopwatch hold times only" in " ".join(ran.stdout.split())
