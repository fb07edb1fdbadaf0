from typing import AsyncIterator

import pytest

from avatar_sdk import AvatarClient, AvatarSession
from fake_api import FakeApi, running_fake_api


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
async def api(anyio_backend: str) -> AsyncIterator[FakeApi]:
    async with running_fake_api() as api:
        yield api


@pytest.fixture
async def client(api: FakeApi) -> AsyncIterator[AvatarClient]:
    async with AvatarClient(f"{api.api_url}/", api.ws_url, "key-1") as client:
        yield client


@pytest.fixture
async def session(client: AvatarClient) -> AsyncIterator[AvatarSession]:
    async with await client.create_session() as session:
        yield session
