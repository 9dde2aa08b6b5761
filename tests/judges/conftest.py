from __future__ import annotations

import pytest

from .documents import Documents, location
from .openapi import Judge


@pytest.fixture(scope="session")
def documents() -> Documents:
    found = Documents(location())
    if not found.present:
        pytest.skip(f"no OpenAPI documents at {location()} (AZURE_SPECS names another place)")
    return found


@pytest.fixture
def judge(documents) -> Judge:
    return Judge(documents)
