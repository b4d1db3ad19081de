"""Flink's REST endpoint as newsmill asks it: what a real Flink 1.16.3 answered is in `rest_1_16.json`.

`make flink` asks a real one.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from newsmill.cli import status as status_command
from newsmill.config import Config, LakeConfig, PortableConfig
from newsmill.errors import Transient
from newsmill.flink.rest import FlinkRefused, FlinkRest
from newsmill.lake.writer import Lake
from newsmill.observe import doctor, flink
from newsmill.observe.doctor import Verdict
from newsmill.observe.status import status
from newsmill.runners import flink_job, portable
from newsmill.runners.flink_job import FlinkJob, JobFailed

RECORDED: dict[str, Any] = json.loads(Path(__file__).with_name("rest_1_16.json").read_text())
JOB: str = RECORDED["job"]


def _body(answer: Any) -> bytes:
    """What is sent: bytes and text as they are, all else as JSON."""
    if isinstance(answer, bytes):
        return answer
    return (answer if isinstance(answer, str) else json.dumps(answer)).encode()


class Replay:
    """Serves the answers; `then` are what a path answers after a job was cancelled."""

    def __init__(self) -> None:
        self.answers: dict[str, tuple[int, Any]] = {p: (a[0], a[1]) for p, a in RECORDED["answers"].items()}
        self.then: dict[str, tuple[int, Any]] = {p: (a[0], a[1]) for p, a in RECORDED["cancelled"].items()}
        self.asked: list[str] = []
        replay = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                replay.asked.append(f"{self.command} {self.path}")
                if self.command == "PATCH":
                    replay.answers.update(replay.then)
                absent = (202, {}) if self.command == "PATCH" else (404, {"errors": ["Not found"]})
                code, answer = replay.answers.get(self.path, absent)
                body = _body(answer)
                self.send_response(code)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            do_PATCH = do_GET

            def log_message(self, *_: object) -> None: ...

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"

    @property
    def cancelled(self) -> list[str]:
        return [asked for asked in self.asked if asked.startswith("PATCH")]


@pytest.fixture
def replay(monkeypatch: pytest.MonkeyPatch) -> Iterator[Replay]:
    monkeypatch.setattr(flink_job, "LOOK_S", 0.01)
    made = Replay()
    thread = threading.Thread(target=made.server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    yield made
    made.server.shutdown()
    made.server.server_close()


def config(url: str, **more: Any) -> Config:
    return Config(portable=PortableConfig(flink_rest=url, **more))


def test_jobs_slots_and_checkpoints_are_read_as_flink_tells_them(replay: Replay) -> None:
    rest = FlinkRest(replay.url + "/")
    assert rest.cluster().flink_version == "1.16.3"
    assert rest.cluster().slots_total == 2
    [job] = rest.running("newsmill")
    assert (job.id, job.state) == (JOB, "RUNNING")
    assert rest.running("other") == ()
    assert rest.job(JOB) == job
    assert rest.job("0" * 32) is None
    found = rest.checkpoints(JOB)
    assert found.counts.completed >= 1
    assert found.latest.completed is not None and found.latest.completed.state_size > 0
    assert rest.restarts(JOB) == 0


def test_a_second_job_of_the_name_is_refused_with_what_to_do(replay: Replay) -> None:
    [problem] = FlinkJob(config(replay.url)).problems(attach=False)
    assert problem.startswith(f"portable.job_name: a job of this name runs already: {JOB}, RUNNING, since ")
    assert "--attach" in problem
    assert f"curl -X PATCH '{replay.url}/jobs/{JOB}?mode=cancel'" in problem
    assert FlinkJob(config(replay.url)).problems(attach=True) == []
    assert FlinkJob(config(replay.url, job_name="other")).problems(attach=False) == []
    assert [p for p in portable.problems(config(replay.url), flink=True) if "runs already" in p]


def test_following_is_refused_when_several_jobs_of_the_name_run(replay: Replay) -> None:
    code, overview = replay.answers["/jobs/overview"]
    replay.answers["/jobs/overview"] = code, {"jobs": overview["jobs"] * 2}
    [problem] = FlinkJob(config(replay.url)).problems(attach=True)
    assert "several jobs of this name run" in problem


def test_flink_is_needed_to_submit_to_it() -> None:
    found = portable.problems(Config(), flink=True)
    assert [p for p in found if p.startswith("portable.flink_rest: is needed")]
    assert not [p for p in portable.problems(Config(), flink=False) if "flink_rest" in p]


def test_a_flink_that_is_away_is_a_problem_in_a_line(replay: Replay) -> None:
    replay.server.shutdown()
    replay.server.server_close()
    [problem] = FlinkJob(config(replay.url)).problems(attach=False)
    assert problem.startswith(f"portable.flink_rest: {replay.url} does not answer: ")
    assert "\n" not in problem


def test_cancelling_waits_until_flink_says_so(replay: Replay) -> None:
    FlinkJob(config(replay.url)).cancel(threading.Event())
    assert replay.cancelled == [f"PATCH /jobs/{JOB}?mode=cancel"]
    assert FlinkRest(replay.url).running("newsmill") == ()


def test_cancelling_fails_when_the_job_does_not_end(replay: Replay, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(flink_job, "CANCEL_S", 0.1)
    code, job = replay.answers[f"/jobs/{JOB}"]
    replay.then = {f"/jobs/{JOB}": (code, job | {"state": "CANCELLING"})}
    with pytest.raises(JobFailed, match=f"{JOB}.* it is CANCELLING.*curl -X PATCH"):
        FlinkJob(config(replay.url)).cancel(threading.Event())


def test_cancelling_is_right_when_the_job_ended_meanwhile(replay: Replay) -> None:
    replay.answers[f"/jobs/{JOB}?mode=cancel"] = 409, {"errors": ["Job is already FINISHED"]}
    FlinkJob(config(replay.url)).cancel(threading.Event())
    assert len(replay.cancelled) == 1


def test_cancelling_asks_again_when_flink_is_away_for_a_moment(replay: Replay) -> None:
    patched = replay.then
    replay.answers[f"/jobs/{JOB}?mode=cancel"] = 503, {"errors": ["Service temporarily unavailable"]}
    replay.then = {f"/jobs/{JOB}?mode=cancel": (202, {}), **patched}
    original = replay.answers["/jobs/overview"]
    replay.answers["/jobs/overview"] = 503, "<html>leader election</html>"
    threading.Timer(0.1, lambda: replay.answers.update({"/jobs/overview": original})).start()
    FlinkJob(config(replay.url)).cancel(threading.Event())
    assert len(replay.cancelled) >= 1


def test_nothing_is_cancelled_when_the_submission_came_to_nothing(replay: Replay) -> None:
    ended = threading.Event()
    ended.set()
    FlinkJob(config(replay.url, job_name="other")).cancel(ended)
    assert replay.cancelled == []


def test_cancelling_fails_when_no_job_appears(replay: Replay, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(flink_job, "APPEAR_S", 0.1)
    with pytest.raises(JobFailed, match="Flink has no job of that name"):
        FlinkJob(config(replay.url, job_name="other")).cancel(threading.Event())


def test_a_job_is_followed_until_it_ends(replay: Replay) -> None:
    [job] = FlinkRest(replay.url).running("newsmill")
    threading.Timer(0.1, lambda: replay.answers.update(replay.then)).start()
    FlinkJob(config(replay.url)).follow(job, threading.Event())
    assert replay.cancelled == []


def test_a_job_that_is_followed_is_cancelled_when_told_to_stop(replay: Replay) -> None:
    [job] = FlinkRest(replay.url).running("newsmill")
    stop = threading.Event()
    threading.Timer(0.1, stop.set).start()
    FlinkJob(config(replay.url)).follow(job, stop)
    assert len(replay.cancelled) == 1


@pytest.mark.parametrize(
    ("answer", "told"),
    [((404, {"errors": ["Job not found"]}), "does not know job"), ((200, "FAILED"), "failed: ")],
)
def test_following_fails_when_the_job_is_lost_or_failed(replay: Replay, answer: Any, told: str) -> None:
    [job] = FlinkRest(replay.url).running("newsmill")
    code, found = replay.answers[f"/jobs/{JOB}"]
    if answer[1] == "FAILED":
        answer = code, found | {"state": "FAILED"}
    replay.answers[f"/jobs/{JOB}"] = answer
    with pytest.raises(JobFailed, match=told):
        FlinkJob(config(replay.url)).follow(job, threading.Event())


@pytest.mark.parametrize(
    ("code", "answer", "error", "told"),
    [
        (503, {"errors": ["Service temporarily unavailable"]}, Transient, "503: Service temporarily"),
        (500, "<html>proxy</html>", Transient, "500: <html>"),
        (403, "no", FlinkRefused, "403: no"),
        (200, "<html>a login page</html>", FlinkRefused, "does not answer as Flink does"),
        (200, {"flink-version": "1"}, FlinkRefused, "does not answer as Flink does"),
        (200, "", FlinkRefused, "does not answer as Flink does"),
        (200, b'{"flink-version": "\xff"}', FlinkRefused, "does not answer as Flink does"),
        (403, b'{"errors": ["\xff"]}', FlinkRefused, "403: "),
    ],
)
def test_an_answer_that_is_not_flinks_is_told_as_such(
    replay: Replay, code: int, answer: Any, error: type[Exception], told: str
) -> None:
    replay.answers["/overview"] = code, answer
    with pytest.raises(error, match=told):
        FlinkRest(replay.url).cluster()


def test_doctor_tells_of_slots_job_and_checkpoints(replay: Replay, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(flink.time, "time", lambda: RECORDED["at"])
    cluster, job = doctor._flink(config(replay.url, parallelism=2))
    assert (cluster.verdict, job.verdict) == (Verdict.RIGHT, Verdict.RIGHT)
    assert cluster.found == "Flink 1.16.3: 0 of 2 slots free"
    assert JOB in job.found and "last checkpoint " in job.found
    [few, _] = doctor._flink(config(replay.url, parallelism=3))
    assert few.verdict is Verdict.WRONG and "3 needed" in few.found
    monkeypatch.setattr(flink.time, "time", lambda: RECORDED["at"] + 3600)
    _, late = doctor._flink(config(replay.url, parallelism=2))
    assert late.verdict is Verdict.WARNING and "no checkpoint for " in late.found
    none, absent = doctor._flink(config(replay.url, parallelism=2, job_name="other"))
    assert none.verdict is Verdict.WRONG and absent.found == "no job other runs"
    replay.answers["/overview"] = 503, {"errors": ["Service temporarily unavailable"]}
    [away] = doctor._flink(config(replay.url))
    assert away.verdict is Verdict.WRONG
    assert list(doctor._flink(Config())) == []


def test_status_shows_the_job_and_names_what_needs_a_hand(
    replay: Replay, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lake = LakeConfig(path=str(tmp_path / "lake"))
    Lake.open(lake).release()
    given = config(replay.url).model_copy(update={"lake": lake})
    monkeypatch.setattr(flink.time, "time", lambda: RECORDED["at"])
    found = status(given, broker=False)
    lines = list(status_command.lines(found))
    assert "flink       1.16.3, 0 of 2 slots free" in lines
    assert any(line.startswith(f"job         newsmill {JOB} RUNNING for ") for line in lines)
    assert not found.needs
    assert json.loads(json.dumps(found.as_dict()))["flink"]["jobs"][0]["job"]["jid"] == JOB
    code, overview = replay.answers["/jobs/overview"]
    restarting = [overview["jobs"][0] | {"state": "RESTARTING"}]
    replay.answers["/jobs/overview"] = code, {"jobs": restarting}
    assert [need.what for need in status(given, broker=False).needs] == [f"job {JOB}: it is RESTARTING"]
    replay.answers["/jobs/overview"] = 503, {"errors": ["Service temporarily unavailable"]}
    assert any("Flink does not answer" in need.what for need in status(given, broker=False).needs)
