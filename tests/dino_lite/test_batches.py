"""Which pictures a step sees: every epoch a permutation of its own, known from (seed, step) alone.

Run: pytest tests/dino_lite/test_batches.py
"""

import dataclasses

import pytest
import torch

import dino_lite.batches
from dino_lite import DinoConfig
from dino_lite.batches import batch_rows, steps_per_epoch, stream_seed


@pytest.mark.parametrize(("count", "batch_size"), [(12, 4), (13, 4), (15, 4), (5, 5), (9, 5), (7, 1)])
def test_an_epoch_is_a_permutation(count: int, batch_size: int) -> None:
    """No picture twice in an epoch; all but the rest, which is less than a batch, are seen."""
    per_epoch = count // batch_size
    for epoch in range(3):
        steps = range(epoch * per_epoch, (epoch + 1) * per_epoch)
        batches = [batch_rows(count, batch_size, 0, step) for step in steps]
        assert all(batch.shape == (batch_size,) for batch in batches)
        seen = torch.cat(batches).tolist()
        assert len(set(seen)) == len(seen) == per_epoch * batch_size
        assert set(seen) <= set(range(count))


def test_the_rest_changes_with_the_epoch() -> None:
    """Over some epochs every picture has its turn."""
    seen = {int(row) for step in range(30) for row in batch_rows(13, 4, 0, step)}
    assert seen == set(range(13))


def test_orders_differ_between_epochs_and_seeds() -> None:
    """And are the same again for the same seed and step, whatever torch's global generator does."""
    orders = [tuple(batch_rows(64, 64, seed, epoch).tolist()) for seed in (0, 1) for epoch in range(5)]
    assert len(set(orders)) == len(orders)
    torch.manual_seed(1)
    assert tuple(batch_rows(64, 64, 1, 4).tolist()) == orders[-1]


def test_order_is_uniform() -> None:
    """Over 4000 epochs each of 8 pictures comes first about equally often: chi-squared with 7 degrees of freedom."""
    first = torch.tensor([int(batch_rows(8, 8, seed=0, step=epoch)[0]) for epoch in range(4000)])
    counts = first.bincount(minlength=8).double()
    assert float(((counts - 500) ** 2 / 500).sum()) < 29.9  # exceeded once in 10,000 such tests


@pytest.mark.parametrize(("count", "expected"), [(8, 1), (15, 1), (16, 2), (1000, 125)])
def test_steps_per_epoch(count: int, expected: int) -> None:
    """Whole batches only."""
    assert steps_per_epoch(dataclasses.replace(DinoConfig.lab(), batch_size=8), count) == expected


def test_batch_larger_than_the_data_set() -> None:
    """The sentence has both numbers and the way out."""
    with pytest.raises(ValueError, match=r"batch \(48\) is larger than the data set \(10 pictures\): .* at most 10"):
        steps_per_epoch(DinoConfig.lab(), 10)


@pytest.mark.parametrize(("processes", "accumulate", "fits"), [(4, 2, True), (3, 1, False), (4, 4, False)])
def test_batch_over_processes_and_parts(
    monkeypatch: pytest.MonkeyPatch, processes: int, accumulate: int, fits: bool
) -> None:
    """Every process has the same number of equal parts."""
    monkeypatch.setattr(dino_lite.batches, "world_size", lambda: processes)
    config = dataclasses.replace(DinoConfig.lab(), batch_size=8, accumulate=accumulate)
    if fits:
        assert steps_per_epoch(config, 80) == 10
        return
    with pytest.raises(ValueError, match=f"split evenly over {processes} processes and {accumulate} parts"):
        steps_per_epoch(config, 80)


def test_streams_are_apart() -> None:
    """Another seed, step or purpose gives another 32-bit number; the values are fixed, or old runs could not resume."""
    keys = [(seed, number, what) for seed in range(10) for number in range(100) for what in ("views", "order")]
    seeds = {stream_seed(*key) for key in keys}
    assert len(seeds) == len(keys)
    assert all(0 <= seed < 2**32 for seed in seeds)
    assert stream_seed(0, 0, "views") == 707022056
    assert stream_seed(1, 23, "order") == 36496260
