"""What all browser tests share."""

import os
from pathlib import Path

import pytest


@pytest.fixture(scope="module")
def shots(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder for screenshots: $DINO_SHOTS, or a temporary one."""
    folder = Path(os.environ["DINO_SHOTS"]) if "DINO_SHOTS" in os.environ else tmp_path_factory.mktemp("shots")
    folder.mkdir(parents=True, exist_ok=True)
    return folder
