"""Lets the tests of this room, and the workers they start, find toy_search."""

import pathlib
import sys

import pytest

_HERE = str(pathlib.Path(__file__).parent)
sys.path.insert(0, _HERE)


@pytest.fixture(autouse=True)
def _own_cache(tmp_path_factory, monkeypatch):
  monkeypatch.setenv('XDG_CACHE_HOME', str(tmp_path_factory.mktemp('cache')))
