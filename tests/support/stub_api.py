"""An API on loopback that answers each POST with 201, an id, and the presigned URL that the test gives it.

For uploads to somebody else's storage: what matters there is the URL, not the API.
"""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self


@dataclass
class StubApi:
    """`url_for` gets the new row's id and the request's body. `posts` holds the bodies, oldest first.

    `reissue_for`: what POST /mb/ID/signature-url gives, by that id; `reissued` has the ids. Without it that is a 404.
    """

    url_for: Callable[[int, dict[str, Any]], str]
    first_id: int = 501
    reissue_for: Callable[[int], str] | None = None
    reissued: list[int] = field(default_factory=list)
    posts: list[dict[str, Any]] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def api_url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}/main"

    def __enter__(self) -> Self:
        stub = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                asked = re.fullmatch(r".*/mb/(\d+)/signature-url", self.path)
                status, document = stub._reissue(int(asked[1])) if asked else (201, stub._answer(body))
                answer = json.dumps(document).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            def log_message(self, format: str, *args: object) -> None:
                """Nothing: standard error belongs to the tests."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._thread.join(10)
        self._server.server_close()

    def _reissue(self, row_id: int) -> tuple[int, dict[str, Any]]:
        if self.reissue_for is None:
            return 404, {"message": "Not Found"}
        with self._lock:
            self.reissued.append(row_id)
        return 200, {"presignedUrl": self.reissue_for(row_id)}

    def _answer(self, body: dict[str, Any]) -> dict[str, Any]:
        with self._lock:
            self.posts.append(body)
            row_id = self.first_id + len(self.posts) - 1
        return {"data": {"id": row_id}, "presignedUrl": self.url_for(row_id, body)}
