"""The web server: a folder of files, and one WebSocket behind which every visitor has a `Session`.

It is made for one's own machine. It listens on the loopback address alone, answers only to its names (so that a strange
name that is made to point here is of no use), and takes WebSockets only from its own pages (so that other web sites
cannot talk to it). Pages may load nothing from elsewhere.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

import uvicorn
from starlette.applications import Starlette
from starlette.datastructures import MutableHeaders
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.routing import Mount, WebSocketRoute
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from starlette.websockets import WebSocket, WebSocketDisconnect

from elman.errors import DataError, UsageError
from elman.runtime import TextModel
from elman.serving.protocol import LONGEST, Refused, Reply, encode, parse, turn_of
from elman.serving.session import Session

HOST = "127.0.0.1"

#: Messages of a visitor that wait to be read; beyond them its own side waits.
WAITING = 64

_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
    "img-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    # A page and its scripts must be of one version, whatever a browser remembers.
    "Cache-Control": "no-cache",
}


def application(models: Mapping[str, TextModel], page: Path) -> Starlette:
    """The files of the folder ``page`` at ``/``, and sessions with these models at ``/live``."""

    async def live(visitor: WebSocket) -> None:
        if visitor.headers.get("origin") != f"http://{visitor.headers.get('host')}":
            await visitor.close(1008, "WebSockets are for this server's own page.")
            return
        await visitor.accept()
        with contextlib.suppress(WebSocketDisconnect):
            await _converse(visitor, Session(models))

    return Starlette(
        routes=[WebSocketRoute("/live", live), Mount("/", StaticFiles(directory=page, html=True))],
        middleware=[Middleware(TrustedHostMiddleware, allowed_hosts=[HOST, "localhost"]), Middleware(_Headers)],
    )


def serve(app: Starlette, port: int, ready: Callable[[str], None]) -> None:
    """Serve until Ctrl-C.

    Args:
        app: From `application`.
        port: To listen on; 0 takes any that is free.
        ready: Called with the address of the page as soon as it can be opened.

    Raises `UsageError` when the port is taken.
    """
    with socket.socket() as listening:
        if os.name == "posix":
            # A port that was just left can be taken again at once; on Windows this would take one that is in use.
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listening.bind((HOST, port))
        except (OSError, OverflowError) as error:
            reason = getattr(error, "strerror", None) or error
            raise UsageError(f"Port {port} cannot be listened on ({reason}). Take another one with --port.") from None
        address = f"http://{HOST}:{listening.getsockname()[1]}/"
        server = _Server(
            uvicorn.Config(
                app,
                log_level="warning",
                lifespan="off",
                ws="websockets-sansio",
                ws_max_size=LONGEST,
                timeout_graceful_shutdown=1,
            ),
            lambda: ready(address),
        )
        with contextlib.suppress(KeyboardInterrupt):
            asyncio.run(server.serve(sockets=[listening]))


class _Server(uvicorn.Server):
    """Tells when it can be reached."""

    def __init__(self, config: uvicorn.Config, ready: Callable[[], None]) -> None:
        super().__init__(config)
        self._ready = ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._ready()


class _Headers:
    """Adds `_HEADERS` to every answer."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def sending(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(_HEADERS)
            await send(message)

        await self._app(scope, receive, sending)


async def _converse(visitor: WebSocket, session: Session) -> None:
    """Answer messages in their order; between two pieces of work every message that has come is taken first."""
    async with _inbox(visitor) as inbox:
        await visitor.send_text(encode(session.greet()))
        while True:
            if inbox.empty() and session.behind:
                replies = session.advance()
                # Let a message in, if there is one.
                await asyncio.sleep(0)
            elif (message := await inbox.get()) is None:
                return
            else:
                replies = _answer(session, message)
            for reply in replies:
                await visitor.send_text(encode(reply))


@asynccontextmanager
async def _inbox(visitor: WebSocket) -> AsyncIterator[asyncio.Queue[str | bytes | None]]:
    """Messages as they come; None when the visitor has gone."""
    inbox: asyncio.Queue[str | bytes | None] = asyncio.Queue(WAITING)

    async def listen() -> None:
        while (message := await visitor.receive())["type"] != "websocket.disconnect":
            text = message.get("text")
            await inbox.put(message["bytes"] if text is None else text)
        await inbox.put(None)

    listening = asyncio.create_task(listen())
    try:
        yield inbox
    finally:
        listening.cancel()


def _answer(session: Session, message: str | bytes) -> list[Reply]:
    try:
        return session.receive(parse(message))
    except DataError as error:
        return [Refused(turn_of(message), str(error))]
