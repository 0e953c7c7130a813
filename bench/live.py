"""The collapse lab in real JupyterLab and Chromium: steps a second, and from a key on a slider to the first new step.

    python -m bench.live --seconds 20 --keys 100

Needs what the browser tests need (`make test` installs it, Chromium included). Times of the browser and of the kernel
are one machine's clock. "Begins" and "ends" are those of the first training step that has the new value.
"""

import argparse
import json
import os
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

HARNESS = Path(__file__).parent.parent / "tests" / "notebooks"
SPY = """
import json, time
from dino_notebooks.session.registry import _running
driver = _running['lab']
steps, train_step = [], driver.session.dino.train_step
def spy(images, **knobs):
    begin = time.time()
    log = train_step(images, **knobs)
    steps.append((begin, time.time(), knobs['teacher_temp']))
    return log
driver.session.dino.train_step = spy
"""


def measure(seconds: float, keys: int, chromium: str) -> dict[str, Any]:
    """All figures of one session."""
    sys.path.insert(0, str(HARNESS))
    from jupyterlab_browser import jupyterlab
    from test_collapse_lab_browser import come_to, panel, press, wait_for_step

    with jupyterlab(Path(tempfile.mkdtemp()), chromium, DINO_NB_FAST="1") as lab:
        lab.go_to("06_collapse_lab.ipynb")
        lab.run_all()
        come_to(lab)
        lab.kernel(SPY)
        press(lab, "Play")
        wait_for_step(lab, 30)

        def rate(during: float) -> float:
            """Steps a second over a stretch that has just passed."""
            now = time.time()
            recent = [end for _, end, _ in json.loads(lab.kernel("print(json.dumps(steps))")) if end > now - during]
            return (len(recent) - 1) / (recent[-1] - recent[0])

        lab.page.wait_for_timeout(1000 * seconds)
        still = rate(seconds)
        panel(lab).locator(".widget-slider .noUi-handle").nth(1).focus()
        pressed, begun = [], time.time()
        for number in range(keys):
            pressed.append(time.time())
            lab.page.keyboard.press("ArrowRight" if number % 2 else "ArrowLeft")
            lab.page.wait_for_timeout(170 + 23 * (number % 5))  # out of step with the steps
        moving = rate(time.time() - begun)
        lab.page.wait_for_timeout(1000)
        steps = json.loads(lab.kernel("print(json.dumps(steps))"))
        changes = int(lab.kernel("print(len(driver.session.snapshot().now.changes))"))
    to_begin, to_end = [], []
    for moment in pressed:
        old = next(value for begin, _, value in reversed(steps) if begin < moment)
        begin, end = next((begin, end) for begin, end, value in steps if begin >= moment and value != old)
        to_begin.append(1000 * (begin - moment))
        to_end.append(1000 * (end - moment))
    return {"still": still, "moving": moving, "begins": to_begin, "ends": to_end, "keys": keys, "changes": changes}


def spread(values: list[float]) -> str:
    """Median, and the range of the middle nine tenths."""
    cuts = statistics.quantiles(values, n=20)
    return f"{statistics.median(values):.0f} ms ({cuts[0]:.0f} to {cuts[-1]:.0f})"


def main() -> None:
    """Measure and print."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--seconds", type=float, default=20.0)
    options.add_argument("--keys", type=int, default=100)
    options.add_argument("--chromium", default=os.environ.get("CHROMIUM", "/usr/bin/chromium"))
    chosen = options.parse_args()
    found = measure(chosen.seconds, chosen.keys, chosen.chromium)
    print(f"panel untouched:   {found['still']:.1f} steps/s over {chosen.seconds:.0f} s")
    print(f"a slider moving:   {found['moving']:.1f} steps/s")
    print(f"key to first step: begins {spread(found['begins'])}, ends {spread(found['ends'])}; n = {found['keys']}")
    print(f"changes on record: {found['changes']} of {found['keys']}")


if __name__ == "__main__":
    main()
