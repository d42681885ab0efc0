"""What all tests share: how hard properties try, and a clean environment."""

import os

import pytest
from hypothesis import Phase, settings

from tests.real_kafka import fetched_kafka, own_kafka, real_kafka

__all__ = ["fetched_kafka", "own_kafka", "real_kafka"]

# Quick to say that something is wrong; `full` finds the smallest case of it; `nightly` looks ten times as long.
settings.register_profile(
    "fast", max_examples=20, deadline=None, derandomize=True, phases=(Phase.explicit, Phase.generate)
)
settings.register_profile("full", max_examples=150, deadline=None, print_blob=True)
settings.register_profile("nightly", max_examples=1_500, deadline=None, print_blob=True)
settings.load_profile("full")


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """A test takes no settings from whoever runs it."""
    for name in [name for name in os.environ if name.startswith("LAUREL_") and name != "LAUREL_REQUIRE"]:
        monkeypatch.delenv(name)
