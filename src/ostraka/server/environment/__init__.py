"""The environment over HTTP and WebSocket: plain REST clients and OpenEnv's on the same paths."""
