"""The shipped model's score card as Markdown, as README.md and bench/RECIPES.md show it.

    python -m bench.card

Scores are read from the package; tests/dino_lite/test_shipped.py computes them anew.
"""

from dino_lite import recording

NAMES = {
    "model": "shipped model",
    "supervised": "ViT on labels",
    "pixels": "raw pixels",
    "random_init": "random network",
}
SCORES = {
    "retrieval": "retrieval across vendors",
    "retrieval_held": "… of held-out concepts",
    "knn": "k-NN, 7 groups",
    "knn_sub": "k-NN, subgroups",
    "linear": "linear probe, 7 groups",
    "attention_iou_best": "attention IoU, best head",
    "attention_iou_mean": "attention IoU, mean of heads",
}
CONDITIONS = {"random": "random backgrounds", "white": "white", "moved": "moved, scaled, turned"}


def main() -> None:
    """Print one table, a row a condition and score."""
    card = recording().card
    print("| pictures | score | " + " | ".join(NAMES[name] for name in NAMES if name in card) + " |")
    print("|---" * (2 + len(card)) + "|")
    for condition, words in CONDITIONS.items():
        for score, meaning in SCORES.items():
            cells = [card[name][condition].get(score) for name in NAMES if name in card]
            print(f"| {words} | {meaning} | " + " | ".join("" if x is None else f"{x:.3f}" for x in cells) + " |")


if __name__ == "__main__":
    main()
