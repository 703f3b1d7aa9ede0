"""The happy path against moto's S3: bytes, type and ETag arrive.

moto checks no signature, so nothing more is asked of it.
"""

import logging
from collections.abc import Iterator
from typing import Any

import pytest

from tests.support.uploads import PNG, make_uploader, md5, put, reply

BUCKET = "signatures"


@pytest.fixture(scope="module")
def moto_url() -> Iterator[str]:
    from moto.server import ThreadedMotoServer

    # It logs a line for each request.
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture(scope="module")
def client(moto_url: str) -> Any:
    import boto3

    session = boto3.session.Session(
        aws_access_key_id="testing", aws_secret_access_key="testing", region_name="us-east-1"
    )
    client = session.client("s3", endpoint_url=moto_url)
    client.create_bucket(Bucket=BUCKET)
    return client


@pytest.mark.parametrize("mime_type", ["image/png", "image/jpeg"])
@pytest.mark.parametrize("key", ["plain.png", "a/b c+d~é.png"])
def test_upload_stores_bytes_and_type(client: Any, key: str, mime_type: str) -> None:
    url = client.generate_presigned_url("put_object", Params={"Bucket": BUCKET, "Key": key})
    answer = reply(put(make_uploader(), url, mime_type=mime_type))
    assert (answer.status, answer.headers["etag"].strip('"')) == (200, md5(PNG))
    found = client.get_object(Bucket=BUCKET, Key=key)
    with found["Body"] as body:
        assert (body.read(), found["ContentType"]) == (PNG, mime_type)
