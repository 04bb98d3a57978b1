"""A Hugging Face Hub on 127.0.0.1, for tests that run the real client over real HTTP.

It keeps model repositories in memory and answers the requests that huggingface_hub makes without
Xet. `Hub.fail` makes chosen requests fail: with an error, a cut connection or other bytes.
"""

import re
import socket
import struct
import threading
import traceback
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Self

from loopback.endpoints import cut_range
from loopback.site import Reply, Site, error_reply
from loopback.store import HubError, PullRequest, Repository

FLIPPED = bytes(255 - value for value in range(256))


@dataclass
class Fault:
    """What `Hub.fail` asked for."""

    method: str
    path: str
    status: int
    times: int | None
    code: str | None
    message: str
    headers: Mapping[str, str]
    drop_after: int | None
    reset: bool
    corrupt: bool
    truncate: int | None
    echo_token: bool
    silent: bool

    @property
    def is_error(self) -> bool:
        return not self.silent and (
            self.drop_after is None and self.truncate is None and not self.corrupt
        )

    def reply(self, authorization: str) -> Reply:
        message = f"{self.message} {authorization}" if self.echo_token else self.message
        reply = error_reply(HubError(self.status, message, self.code))
        reply.headers.update(self.headers)
        return reply


class Hub(Site):
    """The server. Use it in a `with` block, or call `start` and `stop`.

    tokens: whose each token is; read_only: the tokens that may not write; organizations: those
    that a user may write to besides his own namespace; page_size: of listings, may be changed.
    """

    def __init__(
        self,
        tokens: Mapping[str, str] | None = None,
        read_only: Iterable[str] = (),
        organizations: Mapping[str, Sequence[str]] | None = None,
        page_size: int = 1000,
    ) -> None:
        super().__init__()
        self.tokens = dict(tokens if tokens is not None else {"hf_write": "alice"})
        self.read_only = set(read_only)
        self.organizations = dict(organizations or {})
        self.page_size = page_size
        self.requests: list[tuple[str, str]] = []  # method and path (with query) of each
        self.headers: list[dict[str, str]] = []  # of the same requests; names in lower case
        self._faults: list[Fault] = []
        self._port = 0
        self._server: _Server | None = None

    def start(self) -> None:
        """Starts to answer; on the same port as before if it was stopped."""
        if self._server is not None:
            return
        self._server = _Server(("127.0.0.1", self._port), _Handler)
        self._server.hub = self
        self._port = self._server.server_address[1]
        self.url = f"http://127.0.0.1:{self._port}"
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    def stop(self) -> None:
        """Refuses and cuts connections from now on; the repositories stay."""
        if self._server is not None:
            self._server.close_all()
            self._server = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self.stop()
        if self.errors and kind is None:
            raise RuntimeError("the loopback hub failed:\n" + "\n".join(self.errors))

    def environment(self, root: Path, token: str | None = None) -> dict[str, str]:
        """Variables for a subprocess that is to use this Hub; token: "" for none."""
        return {
            "HF_ENDPOINT": self.url,
            "HF_HOME": str(root / "hf-home"),
            "HF_TOKEN": next(iter(self.tokens), "") if token is None else token,
            "HF_HUB_DISABLE_XET": "1",
            "HF_HUB_DISABLE_TELEMETRY": "1",
            "HF_HUB_DISABLE_PROGRESS_BARS": "1",
            "NO_PROXY": "127.0.0.1",
            "no_proxy": "127.0.0.1",
        }

    def create(self, repo_id: str, private: bool = False, gated: bool = False) -> None:
        with self.lock:
            self.repositories[repo_id] = Repository(repo_id, private, gated)

    def commit(
        self,
        repo_id: str,
        files: Mapping[str, bytes],
        delete: Iterable[str] = (),
        branch: str = "main",
        message: str = "Update",
    ) -> str:
        """Commits as someone does who edits on the web site; returns the new commit's oid."""
        with self.lock:
            return self.repositories[repo_id].commit(branch, files, delete, message).oid

    def files(self, repo_id: str, revision: str = "main") -> dict[str, bytes]:
        return dict(self.repositories[repo_id].at(revision).files)

    def commits(self, repo_id: str) -> list[str]:
        """The commits of main, oldest first, without the one that creation made."""
        return [commit.oid for commit in self.repositories[repo_id].branches["main"][1:]]

    def tags(self, repo_id: str) -> dict[str, str]:
        return dict(self.repositories[repo_id].tags)

    def pull_requests(self, repo_id: str) -> list[PullRequest]:
        return list(self.repositories[repo_id].pulls)

    def fail(
        self,
        method: str,
        path: str,
        status: int = 500,
        times: int | None = 1,
        code: str | None = None,
        message: str = "made to fail",
        headers: Mapping[str, str] | None = None,
        drop_after: int | None = None,
        reset: bool = False,
        corrupt: bool = False,
        truncate: int | None = None,
        echo_token: bool = False,
        silent: bool = False,
    ) -> None:
        """Makes the next requests that match fail (times=None: all that come).

        method and path are regular expressions; path is searched in the path with its query.
        Without further options the answer is an error of the given status. Instead:
        drop_after: GET: closes the connection after that many bytes of the answer's body; PUT and
            POST: after reading that many bytes of the request's body, or, if there are fewer, once
            the request is carried out but not answered; HEAD: without an answer.
        reset: such a connection ends with a reset instead of an orderly close.
        corrupt: other bytes of the same length. truncate: only that many bytes, as Content-Length
            says too; the other headers as they were.
        silent: no answer at all; the connection stays open until the client leaves.
        """
        fault = Fault(
            method, path, status, times, code, message, headers or {},
            drop_after, reset, corrupt, truncate, echo_token, silent,
        )  # fmt: skip
        with self.lock:
            self._faults.append(fault)

    def clear_faults(self) -> None:
        with self.lock:
            self._faults.clear()

    def take_fault(self, method: str, path: str) -> Fault | None:
        with self.lock:
            for fault in self._faults:
                if fault.times == 0 or not re.fullmatch(fault.method, method):
                    continue
                if re.search(fault.path, path):
                    fault.times = None if fault.times is None else fault.times - 1
                    return fault
        return None


class _Server(ThreadingHTTPServer):
    hub: Hub
    daemon_threads = True

    def __init__(self, *arguments: Any) -> None:
        self.connections: set[Any] = set()
        super().__init__(*arguments)

    def process_request(self, request: Any, client_address: Any) -> None:
        self.connections.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        self.connections.discard(request)
        super().shutdown_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that went away is not a mistake; anything else is."""
        trace = traceback.format_exc()
        if "BrokenPipeError" not in trace and "ConnectionResetError" not in trace:
            self.hub.errors.append(trace)

    def close_all(self) -> None:
        self.shutdown()
        self.server_close()
        for connection in list(self.connections):
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)


class _Handler(BaseHTTPRequestHandler):
    server: _Server
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def log_message(self, format: str, *args: Any) -> None:
        """Says nothing."""

    def do_GET(self) -> None:
        hub, method = self.server.hub, self.command
        with hub.lock:
            hub.requests.append((method, self.path))
            hub.headers.append({name.lower(): value for name, value in self.headers.items()})
        fault = hub.take_fault(method, self.path)
        if fault and fault.silent:
            self.connection.recv(1 << 20)  # comes back when the client has left
            return self.cut(False)
        drop = fault.drop_after if fault else None
        length = int(self.headers.get("Content-Length") or 0)
        uploads = method in ("PUT", "POST")
        if fault and drop is not None and (method == "HEAD" or (uploads and drop < length)):
            self.rfile.read(min(drop, length))
            return self.cut(fault.reset)
        body = self.rfile.read(length)
        authorization = self.headers.get("Authorization", "")
        if fault and fault.is_error:
            reply = fault.reply(authorization)
        else:
            reply = hub.answer(method, self.path, authorization, body)
            reply = cut_range(reply, self.headers.get("Range", ""))
        if fault and drop is not None and uploads:
            return self.cut(fault.reset)
        if fault and fault.corrupt:
            reply.body = reply.body.translate(FLIPPED)
        if fault and fault.truncate is not None:
            reply.body = reply.body[: fault.truncate]
        self.send_response(reply.status)
        for name, value in {**reply.headers, "Content-Length": str(len(reply.body))}.items():
            self.send_header(name, value)
        self.end_headers()
        if method != "HEAD":
            self.wfile.write(reply.body if drop is None else reply.body[:drop])
        if fault and drop is not None:
            self.cut(fault.reset)
        return None

    do_HEAD = do_POST = do_PUT = do_GET

    def cut(self, reset: bool) -> None:
        """Closes the connection, with a reset if asked to."""
        if reset:
            linger = struct.pack("ii", 1, 0)
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        self.close_connection = True
        self.rfile.close()
        self.connection.close()
