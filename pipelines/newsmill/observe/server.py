"""The endpoint that Prometheus scrapes and an orchestrator asks: /metrics, /health, /ready.

It answers GET and HEAD only, holds no secrets and changes nothing. It listens on the loopback
interface unless told otherwise, since it has no authentication.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterable
from socketserver import ThreadingMixIn
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

from prometheus_client import make_wsgi_app

from newsmill.errors import ConfigError

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

    from newsmill.observe.metrics import RunMetrics

Application = Callable[["WSGIEnvironment", "StartResponse"], Iterable[bytes]]

READ_S: Final = 5.0
"""How long a client may take to send its request."""


class MetricsServer:
    """Serves the metrics and the health of one process; a context manager.

    Args:
        metrics: What is served.
        host: Address to listen on.
        port: 0 takes a free one, see `port`.

    Raises:
        ConfigError: The address can't be listened on.
    """

    def __init__(self, metrics: RunMetrics, *, host: str = "127.0.0.1", port: int = 0) -> None:
        try:
            self._server = make_server(host, port, _application(metrics), _Server, _Handler)
        except OSError as error:
            raise ConfigError(
                f"metrics.port: can't listen on {host}:{port}: {error.strerror}; "
                "is another newsmill running? Choose another port"
            ) from error
        self.host, self.port = host, self._server.server_port
        self._thread = threading.Thread(target=self._server.serve_forever, name="metrics", daemon=True)

    def __enter__(self) -> MetricsServer:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


class _Server(ThreadingMixIn, WSGIServer):
    daemon_threads = True


class _Handler(WSGIRequestHandler):
    timeout = READ_S

    def log_message(self, format: str, *args: Any) -> None:
        """A scrape is no news."""


def _application(metrics: RunMetrics) -> Application:
    scrape: Application = make_wsgi_app(metrics.registry)

    def answer(environ: WSGIEnvironment, start: StartResponse) -> Iterable[bytes]:
        method, path = environ["REQUEST_METHOD"], environ.get("PATH_INFO", "/")
        if method not in ("GET", "HEAD"):
            return _reply(start, "405 Method Not Allowed", {"problems": ["only GET and HEAD"]})
        if path == "/metrics":
            return scrape(environ, start)
        if path in ("/health", "/ready"):
            problems = metrics.problems(ready=path == "/ready")
            return _reply(start, "503 Service Unavailable" if problems else "200 OK", {"problems": problems})
        return _reply(start, "404 Not Found", {"paths": ["/metrics", "/health", "/ready"]})

    return answer


def _reply(start: StartResponse, status: str, content: dict[str, list[str]]) -> Iterable[bytes]:
    body = json.dumps(content).encode() + b"\n"
    start(status, [("Content-Type", "application/json"), ("Content-Length", str(len(body)))])
    return [body]
