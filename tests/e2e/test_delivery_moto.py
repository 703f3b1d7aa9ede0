"""From capture to an object in moto's S3: the stored image is the captured one.

moto checks no signature, so nothing more is asked of it.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.builders import signature_jpeg, signature_png
from tests.support.command import Tablet
from tests.support.device import distinct_body
from tests.support.stub_api import StubApi

BUCKET = "signatures"


@pytest.fixture(scope="module")
def client() -> Iterator[Any]:
    """A client of moto's server with the bucket made."""
    import boto3
    from moto.server import ThreadedMotoServer

    # It logs a line for each request.
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    session = boto3.session.Session(
        aws_access_key_id="testing", aws_secret_access_key="testing", region_name="us-east-1"
    )
    client = session.client("s3", endpoint_url=f"http://{host}:{port}")
    client.create_bucket(Bucket=BUCKET)
    yield client
    server.stop()


def test_images_arrive_equal_and_with_their_types(tmp_path: Path, client: Any) -> None:
    """Ambient keys and checksum settings of whoever uses AWS on the same machine change nothing."""
    images = [signature_png(1), signature_jpeg(2), signature_png(3, width=1, height=1)]

    def url_for(row_id: int, body: dict[str, Any]) -> str:
        url = client.generate_presigned_url(
            "put_object", Params={"Bucket": BUCKET, "Key": f"{body['companyId']}/é +~.img"}
        )
        assert isinstance(url, str)
        return url

    with StubApi(url_for) as api:
        tablet = Tablet(
            tmp_path,
            API__BASE_URL=api.api_url,
            API__TOKEN="opaque-token-1",
            API__SESSION_TOKEN="opaque-session-1",
            UPLOAD__ALLOW_INSECURE_LOOPBACK="true",
            SYNC__START_SPREAD_S=0,
        )
        tablet.environment |= {
            "AWS_ACCESS_KEY_ID": "AKIAWRONG",
            "AWS_SECRET_ACCESS_KEY": "wrong",
            "AWS_REQUEST_CHECKSUM_CALCULATION": "when_supported",
        }
        for seed, image in enumerate(images):
            picture = tablet.file("signature", image)
            captured = tablet.run(
                *("capture", "unplanned-preventive", "--data", "-", "--signature", str(picture)),
                stdin=json.dumps(distinct_body(seed)),
            )
            assert captured.code == 0, captured
        ended = tablet.run("sync", "--wait", "--json")
    assert (ended.code, ended.document["uploaded"]) == (0, 3), ended
    assert len(api.posts) == 3
    for seed, image in enumerate(images):
        found = client.get_object(Bucket=BUCKET, Key=f"{seed}/é +~.img")
        with found["Body"] as body:
            assert body.read() == image
        assert found["ContentType"] == ("image/jpeg" if seed == 1 else "image/png")
