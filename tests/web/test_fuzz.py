"""Every operation of the OpenAPI document, with whatever requests it allows, and with what it does not."""

from collections.abc import Iterator
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, settings

from app.main import create_app
from app.settings import Settings
from tests.fuzzing import EXAMPLES
from tests.serving import serve

schema: Any = schemathesis.openapi.from_dict(create_app(Settings()).openapi())


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A real server, as it is started; its address."""
    with serve(tmp_path_factory.mktemp("fuzz") / "log", deadline_s=1, idle=1, running=2) as url:
        yield url


@schema.parametrize()  # type: ignore[untyped-decorator]  # the library leaves it untyped
@settings(derandomize=True, max_examples=max(EXAMPLES // 5, 1), deadline=None, suppress_health_check=list(HealthCheck))
def test_the_api_keeps_its_word(case: Any, server: str) -> None:
    case.call_and_validate(base_url=server, timeout=20)
