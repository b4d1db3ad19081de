"""The endpoint: /metrics for Prometheus, /health and /ready for an orchestrator, a live page at / for people.

It answers GET and HEAD only, holds no secrets and changes nothing. It listens on the loopback
interface unless told otherwise, since it has no authentication. There the live page answers to names of
this machine only: a page of a stranger whose name was made to mean 127.0.0.1 can't read it.
"""

from __future__ import annotations

import ipaddress
import json
import threading
from collections.abc import Callable, Iterable
from socketserver import ThreadingMixIn
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

from prometheus_client import make_wsgi_app

from newsmill.errors import ConfigError
from newsmill.observe import live_page

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
            self._server = make_server(host, port, _application(metrics, host), _Server, _Handler)
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


PATHS: Final = ("/", "/live.json", "/metrics", "/health", "/ready")
_PRIVATE: Final = [
    ("Cache-Control", "no-store"),
    ("Referrer-Policy", "no-referrer"),
    ("X-Content-Type-Options", "nosniff"),
    ("Cross-Origin-Resource-Policy", "same-origin"),
    ("Cross-Origin-Opener-Policy", "same-origin"),
]


def _application(metrics: RunMetrics, host: str) -> Application:
    scrape: Application = make_wsgi_app(metrics.registry)
    local = _is_of_this_machine(host)

    def answer(environ: WSGIEnvironment, start: StartResponse) -> Iterable[bytes]:
        method, path = environ["REQUEST_METHOD"], environ.get("PATH_INFO", "/")
        if method not in ("GET", "HEAD"):
            return _problems(start, "405 Method Not Allowed", ["only GET and HEAD"])
        if path == "/metrics":
            return scrape(environ, start)
        if path in ("/health", "/ready"):
            problems = metrics.problems(ready=path == "/ready")
            return _problems(start, "503 Service Unavailable" if problems else "200 OK", problems)
        if path not in PATHS:
            return _reply(start, "404 Not Found", _JSON, json.dumps({"paths": PATHS}).encode() + b"\n")
        if local and not _is_of_this_machine(_name(environ.get("HTTP_HOST", ""))):
            return _problems(start, "421 Misdirected Request", ["ask by a name of this machine: 127.0.0.1"])
        if path == "/live.json":
            return _reply(
                start, "200 OK", [*_JSON, *_PRIVATE], metrics.live.json(metrics.problems(ready=True))
            )
        policy = ("Content-Security-Policy", live_page.policy())
        return _reply(start, "200 OK", [*_HTML, *_PRIVATE, policy], live_page.page())

    return answer


_JSON: Final = [("Content-Type", "application/json")]
_HTML: Final = [("Content-Type", "text/html; charset=utf-8")]


def _name(host: str) -> str:
    """The name in a Host header.

    >>> _name("localhost:9400"), _name("[::1]:9400"), _name("127.0.0.1")
    ('localhost', '::1', '127.0.0.1')
    """
    return host[1:].partition("]")[0] if host.startswith("[") else host.partition(":")[0]


def _is_of_this_machine(name: str) -> bool:
    if name.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False


def _problems(start: StartResponse, status: str, problems: list[str]) -> Iterable[bytes]:
    return _reply(start, status, _JSON, json.dumps({"problems": problems}).encode() + b"\n")


def _reply(start: StartResponse, status: str, headers: list[tuple[str, str]], body: bytes) -> Iterable[bytes]:
    start(status, [*headers, ("Content-Length", str(len(body)))])
    return [body]
