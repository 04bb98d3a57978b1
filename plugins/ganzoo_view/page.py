"""The app: a tab of runs and a tab for each model, and the server that shows it."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Final

# Set before Gradio is imported: nothing is told to anyone, and no newer version is asked for.
os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"

import gradio as gr
from fastapi import FastAPI
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from ganzoo import Generator
from ganzoo_view import play, watch
from ganzoo_view.follow import Followed

LOCAL: Final = ("127.0.0.1", "localhost", "::1", "[::1]")
FONTS: Final = ("system-ui", "-apple-system", "Segoe UI", "Roboto", "sans-serif")
MONO: Final = ("ui-monospace", "Menlo", "Consolas", "monospace")

#: All that the page asks for. Gradio answers more: it serves files by their paths, takes uploads,
#: and fetches addresses for a browser.
ASKED: Final = {
    "GET": (
        *("/assets/", "/static/", "/theme.css", "/config", "/favicon.ico", "/manifest.json"),
        *("/gradio_api/queue/data", "/gradio_api/heartbeat/", "/gradio_api/startup-events"),
        "/gradio_api/info",
    ),
    "POST": ("/gradio_api/queue/join", "/gradio_api/cancel", "/gradio_api/reset"),
}


class OnlyThePage:
    """Refuses every request but the page's own."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan" or (scope["type"] == "http" and allowed(scope)):
            await self.app(scope, receive, send)
        elif scope["type"] == "http":
            await PlainTextResponse("Not served here.", 404)(scope, receive, send)


def allowed(scope: Scope) -> bool:
    """Whether a request is one of the page's own."""
    path, method = scope["path"], "GET" if scope["method"] == "HEAD" else scope["method"]
    if method == "GET" and path == "/":
        return True
    return ".." not in path.split("/") and path.startswith(ASKED.get(method, ()))


def theme() -> gr.Theme:
    """Plain, in the fonts of the system: none is fetched."""
    return gr.themes.Soft(
        primary_hue="blue", neutral_hue="slate", font=FONTS, font_mono=MONO, radius_size="md"
    )


def app(
    runs: Sequence[Followed], models: Sequence[tuple[str, Generator]], hosts: Sequence[str] = LOCAL
) -> FastAPI:
    """The app of runs and of models with their names.

    hosts: the names that the server is asked by; a page elsewhere that calls itself otherwise is
    refused. ``*``: any.
    """
    with gr.Blocks(title="ganzoo", analytics_enabled=False, fill_width=False) as blocks:
        if len(models) == 1 and not runs:
            play.build(models[0][1], models[0][0])
        else:
            with gr.Tabs():
                if runs:
                    with gr.Tab("Runs", render_children=True):
                        watch.build(list(runs))
                for name, generator in models:
                    with gr.Tab(name, render_children=True):
                        play.build(generator, name)
    blocks.queue(default_concurrency_limit=4, api_open=False)
    outer = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)
    outer.add_middleware(OnlyThePage)
    outer.add_middleware(TrustedHostMiddleware, allowed_hosts=list(hosts))
    return gr.mount_gradio_app(
        outer,
        blocks,
        path="/",
        theme=theme(),
        css=(Path(__file__).parent / "page.css").read_text(),
        footer_links=[],
        run_history=False,
        show_error=False,
        enable_monitoring=False,
        pwa=False,
        ssr_mode=False,
    )
