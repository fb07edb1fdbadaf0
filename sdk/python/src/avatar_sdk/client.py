"""The way in: where the server is, who calls, and the sessions."""

import base64
import json
import os
from typing import Any, Dict, Optional, Sequence
from urllib.parse import urlsplit

import httpx

from ._http import Http, Pool
from .errors import avatar_error
from .session import AvatarSession
from .types import (
    AvatarListResponse,
    ChatTool,
    HealthResponse,
    NewSessionResponse,
    Quality,
    SessionListResponse,
    TurnDetection,
    VoiceListResponse,
)


class AvatarClient:
    """Everything needs a running event loop; `avatar_sdk.sync` has the same for programs without one.

    Args:
        api_url: base of the HTTP API, e.g. `https://api.example.com/v1`.
        ws_url: base of the socket, e.g. `wss://ws.example.com/ws`; by default the address that the server answers.
        api_key: by default the variable AVATAR_API_KEY; local servers need none.
        timeout: longest wait for an answer, seconds.
        max_retries: further attempts of a call that was refused for now, or that is safe to repeat.
        reconnect_for: how long a lost connection is tried again before the session is given up, seconds.
        http_client: your own, e.g. with certificates or proxies of its own; it is not closed here. Without it HTTP and the
            socket take the proxies of the environment, and reach this machine itself directly.
    """

    def __init__(
        self,
        api_url: str,
        ws_url: Optional[str] = None,
        api_key: Optional[str] = None,
        *,
        timeout: float = 20.0,
        max_retries: int = 2,
        reconnect_for: float = 120.0,
        http_client: Optional[httpx.AsyncClient] = None,
    ) -> None:
        self._api_url = api_url.rstrip("/")
        self._ws_url = None if ws_url is None else ws_url.rstrip("/")
        self._reconnect_for = reconnect_for
        bearer = api_key or os.environ.get("AVATAR_API_KEY") or None
        self._http = Http(self._api_url, bearer, timeout=timeout, max_retries=max_retries, pool=Pool(http_client))

    async def __aenter__(self) -> "AvatarClient":
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Closes the HTTP connections. Leaving the last session does it too; a later call opens them anew."""
        await self._http.pool.aclose()

    async def create_session(
        self,
        *,
        quality: Optional[Quality] = None,
        avatar_id: Optional[str] = None,
        voice_id: Optional[str] = None,
        system_prompt: Optional[str] = None,
        tools: Optional[Sequence[ChatTool]] = None,
        turn_detection: Optional[TurnDetection] = None,
        language: Optional[str] = None,
    ) -> AvatarSession:
        """Opens a session.

        Args:
            system_prompt: who the avatar is.
            tools: what the model may call in answers to speech; see the event `tool_call`.
            turn_detection: when the user's turn begins and ends, and whether speech interrupts the avatar.
            language: of the user, such as `en` (BCP 47).
        """
        fields = {
            "quality": quality,
            "avatar_id": avatar_id,
            "voice_id": voice_id,
            "system_prompt": system_prompt,
            "tools": tools,
            "turn_detection": turn_detection,
            "language": language,
        }
        body: Dict[str, Any] = {name: value for name, value in fields.items() if value is not None}
        answer: NewSessionResponse = await self._http.json("/streaming.new", body, repeatable=True)
        return self._session(answer, owned=True)

    def attach(self, session_id: str, access_token: str) -> AvatarSession:
        """A session that somebody else opened."""
        return self._session({"session_id": session_id, "access_token": access_token}, owned=False)

    def attach_session(self, access_token: str) -> AvatarSession:
        """A session that somebody else opened, by its token alone. Raises AuthenticationError when it is no session token."""
        return self.attach(_session_id_of(access_token), access_token)

    async def sessions(self) -> SessionListResponse:
        """Open sessions of this API key."""
        answer: SessionListResponse = await self._http.json("/streaming.sessions")
        return answer

    async def avatars(self) -> AvatarListResponse:
        """Who can appear."""
        answer: AvatarListResponse = await self._http.json("/avatars")
        return answer

    async def voices(self) -> VoiceListResponse:
        """How they can sound."""
        answer: VoiceListResponse = await self._http.json("/voices")
        return answer

    async def health(self) -> HealthResponse:
        """Whether everything is there."""
        # /health stands beside /v1, not under it; both may stand below a path of the host
        address = urlsplit(self._api_url)
        url = address._replace(path=f"{address.path.rpartition('/')[0]}/health", query="", fragment="").geturl()
        answer: HealthResponse = await self._http.json(url)
        return answer

    def _session(self, facts: Any, *, owned: bool) -> AvatarSession:
        session_id: str = facts["session_id"]
        base = self._ws_url
        if base is None:
            base = self._api_url.replace("http", "ws", 1)
            base = f"{base[: -len('/v1')]}/ws" if base.endswith("/v1") else base
        given = facts.get("ws_url") if self._ws_url is None else None
        return AvatarSession(
            session_id=session_id,
            access_token=facts["access_token"],
            ice_servers=facts.get("ice_servers", []),
            limits=facts.get("limits"),
            warnings=facts.get("warnings", []),
            http=self._http.with_bearer(facts["access_token"]),
            socket_url=given or f"{base}/{session_id}",
            reconnect_for=self._reconnect_for,
            owned=owned,
        )


def _session_id_of(token: str) -> str:
    """The subject of a session token (RFC 7519); the server checks its signature, not we."""
    try:
        payload = token.split(".")[1]
        claims = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
        subject = claims["sub"]
        if isinstance(subject, str) and subject:
            return subject
    except (IndexError, KeyError, TypeError, ValueError):
        pass  # not a token at all: said below, as for one without a session
    raise avatar_error("UNAUTHORIZED", "This is no session token; take the access_token of streaming.new.")
