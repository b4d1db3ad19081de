"""The same lake in an object store: against a local server that speaks S3."""

from __future__ import annotations

import io
import threading
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pyarrow.fs
import pytest
from moto.server import ThreadedMotoServer

import synthetic
from newsmill.config import LakeConfig
from newsmill.errors import ConfigError, Fenced, LakeError
from newsmill.lake import raw_files, reader, storage
from newsmill.lake.places import RAW, file_place
from newsmill.lake.storage import ObjectStorage
from newsmill.lake.upkeep import compaction, garbage_collection, mending
from newsmill.lake.upkeep.takedown import take_down
from newsmill.lake.verification.audit import audit
from newsmill.lake.writer import Lake

NOW = 1_790_000_000_000_000
HOUR = 3_600_000_000


@pytest.fixture(scope="module")
def endpoint() -> Iterator[str]:
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def config(endpoint: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> LakeConfig:
    for name, value in {
        "AWS_ENDPOINT_URL": endpoint,
        "AWS_ACCESS_KEY_ID": "x",
        "AWS_SECRET_ACCESS_KEY": "x",
        "AWS_REGION": "us-east-1",
        "AWS_EC2_METADATA_DISABLED": "true",
    }.items():
        monkeypatch.setenv(name, value)
    bucket = f"lake-{uuid.uuid4().hex[:8]}"
    pyarrow.fs.S3FileSystem(
        region="us-east-1",
        allow_bucket_creation=True,
        scheme="http",
        endpoint_override=endpoint.removeprefix("http://"),
    ).create_dir(bucket)
    return LakeConfig(
        path=f"s3://{bucket}/news",
        catalog={"type": "sql", "uri": f"sqlite:///{tmp_path}/catalog.db"},
        lease_s=30.0,
    )


def fill(lake: Lake, config: LakeConfig, start: int, end: int, now: int) -> None:
    batch = lake.begin(list(synthetic.slices(0, start, end)), now=now)
    lake.commit(batch, synthetic.write(config.path, batch))


def test_raw_records_in_an_object_store_are_read_by_place_and_taken_down(config: LakeConfig) -> None:
    lake = Lake.open(config)
    batch = lake.begin(list(synthetic.slices(0, 0, 40)), now=NOW)
    lake.commit(batch, synthetic.write(config.path, batch, raw=True))
    before = kept(config)
    assert audit(config.path).findings == []
    done = take_down(config, "site1.example", now=NOW + HOUR)
    left = kept(config)
    assert done.raw == len(before) - len(left) > 0
    assert left.items() <= before.items()
    assert audit(config.path).findings == []
    lake.release()


def kept(config: LakeConfig) -> dict[str, bytes | None]:
    """The value of each raw record, by the address of its row."""
    store, found = storage.at(config.path), {}
    for row in reader.rows(config.path, "fate").to_table().to_pylist():
        if (place := file_place(row, RAW)) is not None:
            record = raw_files.record_in(raw_files.stored_at(store, place))
            found[f"{row['url']} {row['offset']}"] = record.value
    return found


def test_lake_in_an_object_store_is_written_kept_and_audited_as_a_local_one(config: LakeConfig) -> None:
    lake = Lake.open(config)
    for start, now in ((0, NOW), (20, NOW + 1), (40, NOW + 2 * HOUR)):
        fill(lake, config, start, start + 20, now)
    assert lake.committed() == {(synthetic.TOPIC, 0): 60}
    assert audit(config.path).findings == []
    assert len(list(compaction.compact(lake.tables))) == 6
    assert list(garbage_collection.collect(lake.tables, grace_s=3600)) == []
    done = take_down(config, "site1.example", reason="case", now=NOW + 3 * HOUR)
    assert done.articles == synthetic.ARTICLES_A_GROUP
    report = audit(config.path)
    assert (report.findings, report.records) == ([], 3 * synthetic.RECORDS_A_GROUP)
    lake.release()


def test_new_lake_in_an_object_store_without_a_catalog_is_a_mistake_of_the_settings(
    config: LakeConfig,
) -> None:
    with pytest.raises(ConfigError, match=r"lake\.catalog"):
        Lake.open(config.model_copy(update={"catalog": {}}))


def test_copy_in_an_object_store_is_adopted_and_a_lost_catalog_is_recovered(
    config: LakeConfig, tmp_path: Path
) -> None:
    lake = Lake.open(config)
    fill(lake, config, 0, 20, NOW)
    lake.release()
    filesystem, here = storage.at(config.path).arrow("")
    bucket = here.split("/")[0]
    filesystem.create_dir(f"{bucket}/copy")
    pyarrow.fs.copy_files(here.rstrip("/"), f"{bucket}/copy", filesystem, filesystem)
    copy = config.model_copy(update={"path": f"s3://{bucket}/copy", "namespace": "copy"})
    for command in (lambda: audit(copy.path), lambda: Lake.open(LakeConfig(path=copy.path))):
        with pytest.raises(LakeError, match="newsmill lake adopt s3://"):
            command()
    mending.adopt(copy)
    again = Lake.open(LakeConfig(path=copy.path))
    fill(again, copy, 20, 40, NOW + 1)
    again.release()
    assert (audit(copy.path).findings, audit(copy.path).records) == ([], 2 * synthetic.RECORDS_A_GROUP)
    assert (audit(config.path).findings, audit(config.path).records) == ([], synthetic.RECORDS_A_GROUP)
    (tmp_path / "catalog.db").unlink()
    for lost in (config, LakeConfig(path=copy.path)):
        with pytest.raises(LakeError, match="newsmill lake recover s3://"):
            Lake.open(lost)
        mending.recover(lost)
        assert audit(lost.path).findings == []
    assert Lake.open_readonly(LakeConfig(path=copy.path)).committed() == {(synthetic.TOPIC, 0): 40}


def test_decided_batch_is_finished_by_the_next_writer(
    config: LakeConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    lake = Lake.open(config)
    with monkeypatch.context() as patched:
        patched.setattr(Lake, "_publish", lambda self, batch: None)
        fill(lake, config, 0, 40, NOW)
    lake.release()
    again = Lake.open(config)
    assert again.committed() == {(synthetic.TOPIC, 0): 40}
    assert audit(config.path).findings == []
    again.release()


def test_second_writer_waits_for_the_lease_and_the_first_is_then_refused(config: LakeConfig) -> None:
    first = Lake.open(config)
    batch = first.begin(list(synthetic.slices(0, 0, 20)), now=NOW)
    with pytest.raises(LakeError, match="is writing this lake"):
        Lake.open(config)
    first._lease._silence()  # as if it were paused
    second = Lake.open(config.model_copy(update={"lease_s": 0.001}))
    with pytest.raises(Fenced):
        first.heartbeat()
    with pytest.raises(Fenced):
        first.commit(batch, synthetic.write(config.path, batch))
    second.commit(batch, synthetic.write(config.path, batch))
    second.release()


def test_lease_is_read_again_when_a_beat_changes_it_while_it_is_read(
    config: LakeConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    lake = Lake.open(config)
    read, torn = ObjectStorage.open, [b'{"beat_s": 1.5}5', b'{"beat_']
    monkeypatch.setattr(
        ObjectStorage,
        "open",
        lambda self, path: io.BytesIO(torn.pop()) if torn and "lock" in path else read(self, path),
    )
    lake.heartbeat()
    assert not torn
    lake.release()


@dataclass
class Away:
    """A server that ends, and starts again once it was told that it is waited for."""

    caplog: pytest.LogCaptureFixture
    server: ThreadedMotoServer
    again: ThreadedMotoServer

    def end(self) -> None:
        self.server.stop()
        self.caplog.set_level("INFO")
        threading.Thread(target=self._mend, daemon=True).start()

    def told(self) -> list[str]:
        return [r.getMessage() for r in self.caplog.records if r.name == "newsmill.runtime.retrying"]

    def _mend(self) -> None:
        while not self.told():
            time.sleep(0.1)
        self.again.start()


@pytest.fixture
def away(caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch) -> Iterator[Away]:
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    port = server.get_host_and_port()[1]
    again = ThreadedMotoServer(ip_address="127.0.0.1", port=port, verbose=False)
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{port}")
    yield Away(caplog, server, again)
    again.stop()


def test_store_that_goes_away_in_a_batch_is_waited_for(config: LakeConfig, away: Away) -> None:
    lake = Lake.open(config)
    batch = lake.begin(list(synthetic.slices(0, 0, 40)), now=NOW)
    files = synthetic.write(config.path, batch)
    away.end()
    lake.commit(batch, files)
    assert lake.committed() == {(synthetic.TOPIC, 0): 40}
    assert audit(config.path).findings == []
    lake.release()
    assert away.told()[0].startswith(f"waiting for the catalog or store of {config.path}: ")
    assert away.told()[-1].startswith(f"the catalog or store of {config.path} is back after")


def test_store_that_is_away_when_the_copies_are_read_back_is_waited_for(
    config: LakeConfig, away: Away
) -> None:
    lake = Lake.open(config)
    fill(lake, config, 0, 40, NOW)
    before = list(lake.articles(days=1, columns=["article_id"]))
    away.end()
    assert list(lake.articles(days=1, columns=["article_id"])) == before
    lake.release()
    assert away.told()[0].startswith(f"waiting for the catalog or store of {config.path}: ")
