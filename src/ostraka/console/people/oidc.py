"""Sign in with an OpenID Connect provider: authorization code, PKCE, nonce and state, by Authlib.

What must survive the way to the provider and back goes along in a short-lived cookie of the
browser that set out, so that nobody can make another browser finish it.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Final, Self
from urllib.parse import quote, unquote

import httpx
from starlette.requests import Request

from ostraka.access.browser import cookie_name, find_cookie
from ostraka.errors import CallerError, MissingExtraError
from ostraka.settings import Settings

try:
    from authlib.common.errors import AuthlibBaseError
    from authlib.integrations.starlette_client import OAuth
    from joserfc.errors import JoseError
except ModuleNotFoundError:  # the extra `oidc`
    OAuth = None

_NAME: Final = "provider"
_SIGNED_BY: Final = ("RS256", "RS384", "RS512", "PS256", "ES256", "ES384", "ES512", "EdDSA")
"""Signatures that only the provider can make; never `none`, never one of a shared secret."""


class ProviderError(CallerError):
    """The sign-in with the provider did not succeed. Nothing was changed; try it again."""

    status = 401
    code = "oidc_failed"


@dataclass(frozen=True, slots=True)
class Told:
    """What the provider says of somebody; `email` only if it says that it is verified."""

    subject: str
    email: str | None


@dataclass(frozen=True, slots=True)
class Flow:
    """One way to the provider and back."""

    state: str
    nonce: str
    verifier: str
    target: str

    def as_cookie(self) -> str:
        """To go along in the browser."""
        return quote(json.dumps(asdict(self)), safe="")

    @classmethod
    def of_request(cls, request: Request, cookie: str) -> Self:
        """The one that this browser set out on.

        Raises:
            ProviderError: none, as after ten minutes.
        """
        name = cookie_name(cookie, request.url.scheme == "https")
        kept = find_cookie(request.scope["headers"], name)
        try:
            return cls(**json.loads(unquote(kept or "")))
        except (ValueError, TypeError) as error:
            raise ProviderError(
                "This browser did not set out to sign in, or took longer than ten minutes."
            ) from error


class Provider:
    """The provider of the settings; its addresses and keys are asked for once."""

    def __init__(self, client: Any, issuer: str) -> None:
        self._client = client
        self._issuer = issuer

    @classmethod
    def of(cls, settings: Settings) -> Self:
        """The provider that the settings name.

        Raises:
            MissingExtraError: Authlib is not installed.
        """
        if OAuth is None:
            raise MissingExtraError("oidc", "Signing in with OpenID Connect")
        issuer = settings.oidc_issuer.rstrip("/")
        registry = OAuth()
        registry.register(
            _NAME,
            client_id=settings.oidc_client_id,
            client_secret=settings.oidc_client_secret.get_secret_value() or None,
            server_metadata_url=f"{issuer}/.well-known/openid-configuration",
            client_kwargs={
                "scope": settings.oidc_scopes,
                "code_challenge_method": "S256",
                "timeout": 10,
            },
        )
        return cls(registry.create_client(_NAME), issuer)

    async def begin(self, back: str, target: str) -> tuple[Flow, str]:
        """A flow, and the provider's address that it begins at.

        Raises:
            ProviderError: the provider does not answer as it should.
        """
        try:
            await self._know()
            begun = await self._client.create_authorization_url(back)
        except (AuthlibBaseError, httpx.HTTPError, ValueError) as error:
            raise ProviderError("The provider cannot be reached. Try again later.") from error
        flow = Flow(begun["state"], begun["nonce"], begun["code_verifier"], target)
        return flow, begun["url"]

    async def finish(self, flow: Flow, back: str, answer: Mapping[str, str]) -> Told:
        """Who is here, by the provider's answer in the address.

        Raises:
            ProviderError: it is no answer to this flow, or it cannot be trusted.
        """
        if answer.get("error"):
            raise ProviderError(f"The provider refused: {answer['error'][:80]}.")
        if not answer.get("code") or answer.get("state") != flow.state:
            raise ProviderError("This answer belongs to another attempt. Try it again.")
        try:
            await self._know()
            token = await self._client.fetch_access_token(
                code=answer["code"], redirect_uri=back, code_verifier=flow.verifier
            )
            claims = await self._client.parse_id_token(
                token, flow.nonce, claims_options=self._expected()
            )
            if claims is None:
                raise ProviderError("The provider did not say who is here.")
            told = await self._with_email(claims, token)
        except (AuthlibBaseError, JoseError, httpx.HTTPError, ValueError, KeyError) as error:
            raise ProviderError from error
        email = told.get("email") if told.get("email_verified") is True else None
        return Told(f"{self._issuer} {claims['sub']}", email)

    async def _know(self) -> None:
        """Learn the provider's addresses, once, and take only signatures that it alone makes."""
        metadata = await self._client.load_server_metadata()
        if str(metadata.get("issuer", "")).rstrip("/") != self._issuer:
            raise ValueError("another issuer")
        offered = metadata.get("id_token_signing_alg_values_supported") or ["RS256"]
        metadata["id_token_signing_alg_values_supported"] = [
            name for name in offered if name in _SIGNED_BY
        ]

    async def _with_email(self, claims: Mapping[str, Any], token: Any) -> Mapping[str, Any]:
        """The claims, with those of the provider's page about the person if no address is there."""
        metadata = await self._client.load_server_metadata()
        if "email" in claims or not metadata.get("userinfo_endpoint"):
            return claims
        told: Mapping[str, Any] = await self._client.userinfo(token=token)
        return told if told.get("sub") == claims["sub"] else claims

    def _expected(self) -> dict[str, Any]:
        return {
            "iss": {"essential": True, "values": [self._issuer, f"{self._issuer}/"]},
            "aud": {"essential": True, "value": self._client.client_id},
            "sub": {"essential": True},
        }
