"""What the network is worth, each score beside its floors: a network that learnt nothing, and raw pixels."""

from html import escape
from typing import Any

from dino_notebooks.plots.style import ORANGE

KEY = (
    '<p class="key"><span class="dot"></span> trained <span class="bar"></span> random initialisation '
    '<span class="diamond"></span> raw pixels; each line runs from 0 to the largest of the three</p>'
)
LEVEL = 0.01  # differences up to here count as none: the noise of a thousand test pictures
NAMES = {
    "knn": ("k-NN", "held-out pictures whose class the 20 nearest others vote for"),
    "linear": ("Linear probe", "the same by a linear classifier on the frozen features"),
    "knn_sub": ("k-NN, fine classes", "the same with the finer classes"),
    "retrieval": ("Retrieval", "drawings whose nearest one by another vendor shows the same thing"),
    "attention_iou_best": (
        "Attention IoU, best head",
        "overlap of the attention with the true mask, best head of each picture",
    ),
    "attention_iou_mean": ("Attention IoU, mean head", "the same for the mean of all heads"),
}
FLOORS = {"random_init": "random initialisation", "pixels": "raw pixels"}
Scores = dict[str, float]


def backgrounds(summary: dict[str, Any]) -> dict[str, dict[str, Scores]]:
    """The scores by background and by whose they are: {"random": {"model": ..., "random_init": ...}, "white": ...}."""
    own = {name: float(value) for name, value in summary.items() if name in names(summary)}
    found = {summary["background"]: {"model": own, **summary["floors"]}}
    return found | ({"white": summary["white"]} if "white" in summary else {})


def names(summary: dict[str, Any]) -> list[str]:
    """The scores that a summary holds, the known ones first."""
    there = [name for name in summary if name in summary["floors"]["random_init"]]
    return sorted(there, key=lambda name: list(NAMES).index(name) if name in NAMES else len(NAMES))


def sentence(name: str, scores: dict[str, Scores]) -> str:
    """One score in words: "k-NN 0.41: above random initialisation (0.27), below raw pixels (0.47)"."""
    value = scores["model"][name]
    floors = {word: scores[floor][name] for floor, word in FLOORS.items() if name in scores[floor]}
    told = [f"{compared(value, floor)} {word} ({floor:.3f})" for word, floor in floors.items()]
    return f"{title(name)} {value:.3f}: {', '.join(told)}."


def compared(value: float, floor: float) -> str:
    """Above, below, or level with a floor."""
    if abs(value - floor) <= LEVEL:
        return "level with"
    return "above" if value > floor else "below"


def standing(name: str, scores: dict[str, Scores]) -> str:
    """Above every floor, below every floor, or "between"."""
    told = {compared(scores["model"][name], scores[floor][name]) for floor in FLOORS if name in scores[floor]}
    return told.pop() if len(told) == 1 and told <= {"above", "below"} else "between"


def headline(summary: dict[str, Any]) -> str:
    """How many scores beat their floors, and what that means."""
    scores, known = backgrounds(summary)[summary["background"]], names(summary)
    if not known:
        return (
            "These pictures have neither classes, nor masks, nor several drawings of one thing: nothing can be scored."
        )
    good = [name for name in known if standing(name, scores) == "above"]
    where = {"random": "on random backgrounds", "white": "on white"}.get(summary["background"], "")
    start = f"{len(good)} of {len(known)} scores {where}".strip() + " beat every floor"
    return f"{start}: {', '.join(title(name) for name in good)}." if good else f"{start}."


def title(name: str) -> str:
    """What a score is called."""
    return NAMES[name][0] if name in NAMES else name.replace("_", " ")


def table(summary: dict[str, Any]) -> str:
    """The scores as an HTML table: a row a score, on each background the network and its two floors."""
    known, by_background = names(summary), backgrounds(summary)
    places = {"random": "random backgrounds", "white": "white background", "own": "their own backgrounds"}
    top = "".join(f'<th colspan="4" scope="colgroup">{places[name]}</th>' for name in by_background)
    columns = '<th>trained</th><th>random init.</th><th>raw pixels</th><th><span class="sr">drawn</span></th>'
    body = []
    for name in known:
        cells = "".join(_cells(name, scores) for scores in by_background.values())
        note = f"<small>{escape(NAMES.get(name, ('', ''))[1])}</small>"
        body.append(f'<tr><th scope="row">{escape(title(name))}{note}</th>{cells}</tr>')
    head = f"<tr><th rowspan=2>score, 0 to 1</th>{top}</tr><tr>{columns * len(by_background)}</tr>"
    rows = f"<thead>{head}</thead><tbody>{''.join(body)}</tbody>"
    return f'<div class="table"><table class="scores">{rows}</table></div>{KEY}'


def _cells(name: str, scores: dict[str, Scores]) -> str:
    values = {who: scores[who].get(name) for who in ("model", *FLOORS)}
    cells = "".join(
        f'<td class="{who}">' + ("–" if v is None else f'<data value="{v!r}">{v:.3f}</data>') + "</td>"
        for who, v in values.items()
    )
    return f'{cells}<td class="strip">{strip(values, sentence(name, scores))}</td>'


def strip(values: dict[str, float | None], words: str) -> str:
    """The score and its floors on a line from 0 to the largest of them: dot, bar and diamond."""
    scale = 92 / max([v for v in values.values() if v is not None] + [1e-9])
    x = {who: 5 + scale * v for who, v in values.items() if v is not None}
    marks = '<path d="M5 10H97" stroke="var(--line)"/><path d="M5 6V14" stroke="var(--line)"/>'
    if "random_init" in x:
        marks += f'<path d="M{x["random_init"]:.1f} 2V18" stroke="var(--soft)" stroke-width="2"/>'
    if "pixels" in x:
        p = x["pixels"]
        marks += f'<path d="M{p - 5:.1f} 10l5 -5l5 5l-5 5z" fill="var(--page)" stroke="{ORANGE}" stroke-width="2"/>'
    marks += f'<circle cx="{x["model"]:.1f}" cy="10" r="4.5" fill="var(--blue)" stroke="var(--page)"/>'
    return f'<svg viewBox="0 0 104 20" role="img" aria-label="{escape(words)}">{marks}</svg>'
