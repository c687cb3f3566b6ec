"""A place to compose in."""

import pytest
from tests.unit.gateway.composing import Desk


@pytest.fixture
def desk(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return Desk(tmp_path)
