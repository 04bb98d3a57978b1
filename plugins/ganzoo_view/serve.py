"""The server of the page, on one port of this machine."""

from __future__ import annotations

import os
import socket
import threading
import webbrowser
from typing import Final

import click
import uvicorn
from fastapi import FastAPI

from ganzoo import GanzooError, load
from ganzoo_view.page import LOCAL, app

USUAL_PORT: Final = 7860


def bound(host: str, port: int | None) -> socket.socket:
    """A socket on `port`; without one, on 7860 or the next that is free.

    Raises GanzooError where the port is taken or may not be used, or there is no such host.
    """
    error: OSError | None = None
    for number in range(USUAL_PORT, USUAL_PORT + 100) if port is None else [port]:
        try:
            family, *_, address = socket.getaddrinfo(host, number, type=socket.SOCK_STREAM)[0]
            listening = socket.socket(family, socket.SOCK_STREAM)
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                listening.bind(address)
                listening.listen(128)
            except OSError:
                listening.close()
                raise
            return listening
        except socket.gaierror:
            raise GanzooError(f"--host {host}: there is no such address") from None
        except OSError as found:
            error = found
    assert error is not None
    where = f"--port {port}" if port is not None else f"ports {USUAL_PORT} to {USUAL_PORT + 99}"
    raise GanzooError(
        f"{where}: cannot be listened on ({error.strerror}). Give another --port, or stop the "
        "program that has it"
    )


def serve(page: FastAPI, listening: socket.socket, host: str, opened: bool = False) -> None:
    """Serve a page until it is interrupted. opened: in a browser."""
    shown = "localhost" if host in ("0.0.0.0", "::") else host
    shown = f"[{shown}]" if ":" in shown else shown
    address = f"http://{shown}:{listening.getsockname()[1]}/"
    click.echo(address)
    if opened:
        threading.Thread(target=_open, args=(address,), daemon=True).start()
    click.echo("Ctrl-C ends it.", err=True)
    config = uvicorn.Config(page, log_level="warning", lifespan="on", timeout_graceful_shutdown=1)
    server = uvicorn.Server(config)
    try:
        server.run(sockets=[listening])
    except KeyboardInterrupt:
        return


def _open(address: str) -> None:
    if not webbrowser.open(address):
        click.echo(f"Warning: --open: no browser could be started. Open {address}", err=True)


def serve_model(model: str) -> None:
    """The page of one model, as a Space of the Hub serves it: on the address and the port that the
    Space says, else on this machine alone."""
    host = os.environ.get("GRADIO_SERVER_NAME", "127.0.0.1")
    port = int(os.environ.get("GRADIO_SERVER_PORT", USUAL_PORT))
    hosts = LOCAL if host in LOCAL else ("*",)
    name = os.environ.get("GANZOO_MODEL_NAME", model)
    with bound(host, port) as listening:
        serve(app([], [(name, load(model))], hosts), listening, host)
