"""The application that the image serves. Set OSTRAKA_ENVIRONMENT_KEY to ask callers for a key."""

import os

import uvicorn

from ostraka.server.direct_socket import DirectWebSocket
from ostraka.server.environment.app import create_environment_app

app = create_environment_app(
    secret=os.environ.get("OSTRAKA_ENVIRONMENT_SECRET", ""),
    key=os.environ.get("OSTRAKA_ENVIRONMENT_KEY", ""),
)


def main() -> None:
    """Serve on port 7860, or on PORT, until stopped."""
    uvicorn.run(
        app,
        host="0.0.0.0",
        port=int(os.environ.get("PORT", "7860")),
        log_level="warning",
        access_log=False,
        ws=DirectWebSocket,
        ws_per_message_deflate=False,
    )


if __name__ == "__main__":
    main()
