"""A run that is told to stop, whatever it is doing at that moment."""

from __future__ import annotations

import signal
import subprocess
import sys

import pytest

PROGRAM = """
import structlog
from newsmill.cli import logs, run
logs.configure(verbose=False, quiet=False)
stop = run._stop_on_signals()
log = structlog.get_logger()
while not stop.is_set():
    log.info("busy")
"""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_run_stops_when_it_is_told_to_in_the_middle_of_a_log_line(number: signal.Signals) -> None:
    for _ in range(3):
        with subprocess.Popen([sys.executable, "-c", PROGRAM], stderr=subprocess.PIPE, text=True) as process:
            assert process.stderr is not None
            process.stderr.readline()
            process.send_signal(number)
            try:
                _, rest = process.communicate(timeout=30)
            finally:
                process.kill()
        assert process.returncode == 0
        assert f'"signal": "{number.name}"' in rest
