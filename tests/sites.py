"""A paper window served over real HTTP from a thread of its own, with a browser in front of it."""

import asyncio
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from alvh.adapters.http import HttpServer
from browser import Tab
from shown import PaperWindow

WIDTHS = (360, 800, 1400)
DRAWN = "document.querySelectorAll('svg.chart').length > 0"


class Site:
    """One window, its server, and the tab it is looked at in."""

    def __init__(self, tab: Tab, window: PaperWindow, loop: asyncio.AbstractEventLoop, token: str | None) -> None:
        self.tab = tab
        self.window = window
        self._loop = loop
        self.serve(token=token)

    def open(self, *, width: int = 1400, is_dark: bool = False, fragment: str = "", wait: str = DRAWN) -> None:
        """Open the page in a fresh document, and wait until it is drawn."""
        self.tab.events.clear()
        self.tab.look(width=width, is_dark=is_dark)
        self.tab.go("about:blank")
        self.tab.go(f"{self.server.url}/{fragment}")
        self.tab.until(f"location.href.startsWith('http') && document.readyState === 'complete' && ({wait})")

    def change(self, change: Callable[[PaperWindow], None]) -> None:
        """Change the window where the server reads it, and say so."""

        async def there() -> None:
            change(self.window)
            self.server.changed()

        asyncio.run_coroutine_threadsafe(there(), self._loop).result(5)

    def close(self) -> None:
        """Take the server away."""
        asyncio.run_coroutine_threadsafe(self.server.close(), self._loop).result(10)

    def serve(self, port: int = 0, token: str | None = None) -> None:
        """Serve the window, perhaps again."""

        async def there() -> HttpServer:
            server = HttpServer(self.window, exposition=lambda _: (b"", "text/plain"), port=port, token=token)
            await server.start()
            return server

        self.server = asyncio.run_coroutine_threadsafe(there(), self._loop).result(10)

    def says(self, text: str) -> None:
        """Wait until a person reads `text`."""
        self.tab.until(f"document.body.innerText.includes({text!r})")


@contextmanager
def site_of(tab: Tab, portfolios: Sequence[str] = ("core",), token: str | None = None) -> Iterator[Site]:
    """Serve a window of these portfolios for as long as it is looked at."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, name="server")
    thread.start()
    site = Site(tab, PaperWindow(portfolios), loop, token)
    try:
        yield site
    finally:
        tab.go("about:blank")
        site.close()
        loop.call_soon_threadsafe(loop.stop)
        thread.join(5)
        loop.close()
