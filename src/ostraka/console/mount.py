"""Put the console into an application."""

from starlette.applications import Starlette

from ostraka.console.assets import PREFIX
from ostraka.console.pages import Pages
from ostraka.console.playground import Playground


def mount(app: Starlette) -> None:
    """Add the pages and their static files; `app.state.ostraka` must offer `Services`."""
    pages = Pages()
    playground = Playground(pages)
    for method, path, handler in (
        ("GET", "/", playground.show),
        ("GET", "/playground", playground.back),
        ("GET", "/playground/score", playground.back),
        ("POST", "/playground/score", playground.score),
        ("GET", PREFIX + "{name}", pages.assets.serve),
    ):
        app.add_route(path, handler, methods=[method], include_in_schema=False)
