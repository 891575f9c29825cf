"""Put the console into an application."""

from starlette.applications import Starlette

from ostraka.console.assets import PREFIX
from ostraka.console.pages import Pages
from ostraka.console.playground import Playground


def mount(app: Starlette) -> None:
    """Add the pages and their static files; `app.state.ostraka` must offer `Services`."""
    pages = Pages()
    playground = Playground(pages)
    app.add_route("/", playground.show, methods=["GET"])
    app.add_route("/playground", playground.back, methods=["GET"])
    app.add_route("/playground/score", playground.score, methods=["POST"])
    app.add_route("/playground/score", playground.back, methods=["GET"])
    app.add_route(PREFIX + "{name}", pages.assets.serve, methods=["GET"])
