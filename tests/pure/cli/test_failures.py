"""One error with its cause for what can happen to a user; the trace only with --debug."""

from __future__ import annotations

import errno
import os

import pyarrow as pa
import pytest
from kafka.errors import KafkaTimeoutError, TopicAuthorizationFailedError

from newsmill.cli import failures
from newsmill.errors import ConfigError, LakeError, Transient

TRACE = """Traceback (most recent call last):
  File "/x/apache_beam/runners/worker/sdk_worker.py", line 317, in _execute
    response = task()
  File "/x/newsmill/lake/storage.py", line 133, in publish
    file.flush()
{last}
"""


@pytest.mark.parametrize(
    ("last", "first", "code", "bug"),
    [
        (
            "OSError: [Errno 28] No space left on device: 'x' [while running 'Write/Write-ptransform-23']",
            "error: OSError: [Errno 28] No space left on device: 'x' (in the step Write/Write); free ",
            1,
            False,
        ),
        (
            "newsmill.errors.LakeError: the lake is torn [while running 'Commit']",
            "error: the lake is torn (in the step Commit)",
            1,
            False,
        ),
        (
            "newsmill.errors.ConfigError: kafka.topic: no\nenrich.kb: no [while running 'Read']",
            "error: kafka.topic: no\nerror: enrich.kb: no",
            2,
            False,
        ),
        (
            "RuntimeError: KeyError: 'x' [while running 'Decode/Map(f)-ptransform-9']",
            "error: KeyError: 'x' (in the step Decode/Map(f))",
            1,
            True,
        ),
        ("KeyError: 'x'", "error: KeyError: 'x'", 1, True),
        ("AssertionError", "error: AssertionError: ", 1, True),
        ("pyarrow.lib.ArrowInvalid: torn\nfile", "error: ArrowInvalid: torn\nfile", 1, False),
        ("kafka.errors.KafkaTimeoutError: away", "error: KafkaTimeoutError: away", 1, False),
    ],
)
def test_error_out_of_beam_is_one_error_with_its_cause_and_step(
    last: str, first: str, code: int, bug: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    assert failures.told(RuntimeError(TRACE.format(last=last))) == code
    said = capsys.readouterr().err
    assert said.startswith(first)
    assert "Traceback" not in said
    assert ("please report" in said) is bug


def test_trace_inside_a_message_of_ours_is_cut(capsys: pytest.CaptureFixture[str]) -> None:
    failures.told(Transient(f"the job failed: {TRACE.format(last='ValueError: no [while running xxx]')}"))
    assert capsys.readouterr().err == "error: the job failed: ValueError: no [while running xxx]\n"


@pytest.mark.parametrize(
    "number", [errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.EMFILE, errno.EIO]
)
def test_error_of_the_system_names_the_file_and_what_to_do(
    number: int, capsys: pytest.CaptureFixture[str]
) -> None:
    assert failures.told(OSError(number, os.strerror(number), "/lake/x")) == 1
    said = capsys.readouterr().err
    assert said.startswith(f"error: /lake/x: {os.strerror(number)}")
    assert said.count("\n") == 1
    assert ("; " in said) is (number != errno.EIO)


@pytest.mark.parametrize("error", [pa.ArrowInvalid("torn"), KafkaTimeoutError("away")])
def test_error_of_a_library_that_the_world_causes_is_no_bug(
    error: Exception, capsys: pytest.CaptureFixture[str]
) -> None:
    assert failures.told(error) == 1
    assert "please report" not in capsys.readouterr().err


def test_error_of_kafka_names_its_kind_once_and_an_answer_only_where_a_broker_gave_one(
    capsys: pytest.CaptureFixture[str],
) -> None:
    failures.told(KafkaTimeoutError("Unable to bootstrap"))
    assert capsys.readouterr().err == (
        "error: KafkaTimeoutError: Unable to bootstrap\n"
        "  `newsmill doctor` looks at the connection to the broker\n"
    )
    failures.told(TopicAuthorizationFailedError("pages"))
    said = capsys.readouterr().err
    assert said.startswith("error: TopicAuthorizationFailedError: ") and said.count("FailedError") == 1
    assert "\n  the broker's answer; `newsmill doctor`" in said
    last = f"kafka.errors.KafkaTimeoutError: {KafkaTimeoutError('away')}"
    failures.told(RuntimeError(TRACE.format(last=last)))
    assert capsys.readouterr().err.startswith("error: KafkaTimeoutError: away\n")


def test_unknown_error_is_told_as_a_bug_with_its_place_and_causes(capsys: pytest.CaptureFixture[str]) -> None:
    try:
        try:
            failures.short(None)  # type: ignore[arg-type]
        except AttributeError as cause:
            raise KeyError("x") from cause
    except KeyError as error:
        failures.told(error)
    said = capsys.readouterr().err
    assert said.startswith("error: KeyError: 'x'\n  because of AttributeError: ")
    assert "--debug" in said


def test_whole_trace_is_printed_when_it_is_asked_for(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(failures, "_debug", True)
    failures.told(LakeError("torn"))
    failures.told(ConfigError(["one", "two"]))
    assert "LakeError: torn\nerror: torn" in capsys.readouterr().err
