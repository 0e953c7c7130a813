"""A recipe so small that a step takes milliseconds: for what does not depend on what is learnt."""

import pytest

from dino_lite import DinoConfig
from dino_notebooks.session import run_line


def tiny() -> DinoConfig:
    """A network 16 wide and one block deep, on small batches."""
    return DinoConfig(
        picture_size=32,
        global_size=16,
        local_size=8,
        n_local=0,
        patch_size=8,
        dim=16,
        depth=1,
        heads=2,
        drop_path=0.1,  # so that the generator of the masks has to be right too
        head_hidden=16,
        bottleneck=8,
        out_dim=32,
        batch_size=8,
        lr=0.01,
    )


@pytest.fixture
def tiny_recipe(monkeypatch: pytest.MonkeyPatch) -> str:
    """The name of the recipe, which exists during the test."""
    monkeypatch.setitem(run_line.RECIPES, "tiny", tiny)
    return "tiny"
