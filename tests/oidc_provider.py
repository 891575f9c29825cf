"""A small OpenID Connect provider in a process of its own; whoever comes is the person it is told.

`python oidc_provider.py PORT` serves discovery, keys, authorization (which asks nothing and sends
the browser back), token (which checks PKCE, secret and code) and the page about the person. What
it says of them, and how it errs, is set by `POST /say` with a JSON object.
"""

import base64
import hashlib
import json
import secrets
import sys
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

from joserfc import jwt
from joserfc.jwk import RSAKey

CLIENT, SECRET = "ostraka", "the provider's secret"
KEY, FOREIGN_KEY = RSAKey.generate_key(2048), RSAKey.generate_key(2048)
CODES: dict[str, dict[str, str]] = {}
SAID: dict[str, Any] = {}


class Provider(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        parts = urlsplit(self.path)
        if parts.path == "/.well-known/openid-configuration":
            self.answer(
                {
                    "issuer": SAID.get("issuer", self.issuer),
                    "authorization_endpoint": f"{self.issuer}/authorize",
                    "token_endpoint": f"{self.issuer}/token",
                    "userinfo_endpoint": f"{self.issuer}/me",
                    "jwks_uri": f"{self.issuer}/keys",
                    "id_token_signing_alg_values_supported": ["RS256", "HS256", "none"],
                }
            )
        elif parts.path == "/keys":
            self.answer({"keys": [KEY.as_dict(private=False)]})
        elif parts.path == "/authorize":
            self.authorize({name: values[0] for name, values in parse_qs(parts.query).items()})
        elif parts.path == "/me":
            self.answer({"sub": SAID.get("sub", "subject"), **SAID.get("me", {})})
        else:
            self.answer({}, 404)

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"])).decode()
        if self.path == "/say":
            SAID.clear()
            SAID.update(json.loads(body))
            self.answer({})
        else:
            self.token({name: values[0] for name, values in parse_qs(body).items()})

    def authorize(self, asked: dict[str, str]) -> None:
        assert asked["client_id"] == CLIENT
        assert asked["response_type"] == "code"
        assert asked["code_challenge_method"] == "S256"
        back = {"state": SAID.get("state", asked["state"])}
        if "error" in SAID:
            back["error"] = SAID["error"]
        else:
            back["code"] = secrets.token_urlsafe()
            CODES[back["code"]] = asked
        self.send_response(302)
        self.send_header("location", f"{asked['redirect_uri']}?{urlencode(back)}")
        self.end_headers()

    def token(self, sent: dict[str, str]) -> None:
        asked = CODES.pop(sent["code"], {})
        digest = hashlib.sha256(sent["code_verifier"].encode()).digest()
        challenge = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
        shown = base64.b64decode(self.headers["authorization"].removeprefix("Basic ")).decode()
        if (
            asked.get("code_challenge") != challenge
            or asked.get("redirect_uri") != sent["redirect_uri"]
            or shown.partition(":")[0] != CLIENT
        ):
            self.answer({"error": "invalid_grant"}, 400)
            return
        now = int(time.time())
        claims = {
            "iss": self.issuer,
            "aud": CLIENT,
            "sub": "subject",
            "iat": now,
            "exp": now + 60,
            "nonce": asked["nonce"],
        } | SAID.get("claims", {})
        key = FOREIGN_KEY if SAID.get("foreign_key") else KEY
        header = {"alg": "RS256", "kid": KEY.as_dict(private=False).get("kid")}
        token = jwt.encode({name: value for name, value in header.items() if value}, claims, key)
        self.answer({"access_token": "a", "token_type": "Bearer", "id_token": token})

    @property
    def issuer(self) -> str:
        return f"http://{self.headers['host']}"

    def answer(self, body: dict[str, Any], status: int = 200) -> None:
        raw = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(raw)))
        self.end_headers()
        self.wfile.write(raw)

    def log_message(self, format: str, *arguments: object) -> None:
        """Nothing."""


if __name__ == "__main__":
    ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Provider).serve_forever()
