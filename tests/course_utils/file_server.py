"""A local HTTP server whose downloads can be cut off half-way."""

from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread


class FileServer:
    """Serves bytes by path.

    Attributes:
        files: Content by path, such as ``"/a.txt"``; any other path is answered with 404.
        cut_after: Bytes after which every connection is dropped; ``None`` for whole downloads.
        requests: Paths asked for, in order, without their queries.
    """

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}
        self.cut_after: int | None = None
        self.requests: list[str] = []
        self._port = 0

    def url(self, path: str) -> str:
        """Returns the address of a path."""
        return f"http://127.0.0.1:{self._port}{path}"

    @contextmanager
    def running(self) -> Iterator["FileServer"]:
        """Serves until the block ends."""
        server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._port = server.server_address[1]
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield self
        finally:
            server.shutdown()
            thread.join()
            server.server_close()

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        files = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                path = self.path.split("?")[0]
                files.requests.append(path)
                content = files.files.get(path)
                if content is None:
                    self.send_error(404)
                    return
                self.send_response(200)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content[: files.cut_after])

            def log_message(self, format: str, *args: object) -> None:
                """Keeps the test output quiet."""

        return Handler
