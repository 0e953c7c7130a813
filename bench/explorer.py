"""The embedding explorer in Chromium without a GPU: frames a second while 5,000 pictures are panned, zoomed and glide.

    python -m bench.explorer --pictures 5000 --seconds 5

No Jupyter: the page gets a stand-in for its model with the same values. Frames are those of requestAnimationFrame,
which the screen limits to 60; "painting" is the time of the map's own drawing in each.
"""

import argparse
import base64
import json
import os
import statistics
import sys
from pathlib import Path
from typing import Any

import torch

HARNESS = Path(__file__).parent.parent / "tests" / "notebooks"
PAGE = """async ([script, css, state, binary]) => {
    const bytes = text => new DataView(Uint8Array.from(atob(text), c => c.charCodeAt(0)).buffer);
    for (const name of binary) state[name] = bytes(state[name]);
    document.head.append(Object.assign(document.createElement('style'), {textContent: css}));
    const heard = {};
    window.model = {
        get: name => state[name],
        set: (name, value) => { state[name] = value; for (const f of heard['change:' + name] ?? []) f(); },
        save_changes: () => {}, send: () => {}, off: () => {},
        on: (name, f) => (heard[name] ??= []).push(f),
    };
    window.bytes = bytes;
    const el = document.body.appendChild(document.createElement('div'));
    const page = await import(URL.createObjectURL(new Blob([script], {type: 'text/javascript'})));
    page.default.render({model: window.model, el});
}"""
READY = "() => { const map = document.querySelector('.dx').dinoMap; return map.sprites && map.frames > 0; }"
# What is done in each frame for some seconds; the gaps between frames and the time of each painting, in ms.
MEASURE = """([action, seconds]) => new Promise(done => {
    const stage = document.querySelector('.dx-stage'), map = document.querySelector('.dx').dinoMap;
    const paint = map.constructor.prototype.paint, painting = [], gaps = [];
    map.paint = function (now) {
        const begun = performance.now();
        paint.call(map, now);
        painting.push(performance.now() - begun);
    };
    map.fit();
    const box = stage.getBoundingClientRect(), start = performance.now();
    stage.setPointerCapture = () => {};
    const point = (type, x, y) => stage.dispatchEvent(new PointerEvent(type,
        {clientX: box.x + x, clientY: box.y + y, bubbles: true, button: 0}));
    if (action === 'pan, zoomed in') map.zoom(3);
    if (action.startsWith('pan')) point('pointerdown', 300, 200);
    let last = start, frame = 0;
    function next(now) {
        gaps.push(now - last);
        last = now;
        frame++;
        const turn = (now - start) / 400;
        if (action.startsWith('pan')) point('pointermove', 300 + 150 * Math.sin(turn), 200 + 80 * Math.cos(turn));
        if (action === 'zoom') map.zoom(Math.exp(0.05 * Math.cos(turn)));
        if (action === 'glide' && !map.glide) map.setPlaces(map.target.map((x, k) => x + 0.2 * Math.sin(k + frame)));
        if (now - start < 1000 * seconds) return requestAnimationFrame(next);
        if (action.startsWith('pan')) point('pointerup', 300, 200);
        delete map.paint;
        done([gaps.slice(2), painting]);
    }
    requestAnimationFrame(next);
})"""
ACTIONS = ("pan", "pan, zoomed in", "zoom", "glide")


def made_explorer(count: int) -> Any:
    """As many emoji as there are, again and again, by their pixels; PCA."""
    from dino_lite import load_pictures, pixel_features
    from dino_notebooks import Explorer

    emoji = load_pictures("emoji", 32)
    rows = torch.arange(count) % len(emoji)
    pictures = emoji[rows]
    features = pixel_features(pictures)
    noise = torch.randn(features.shape, generator=torch.Generator().manual_seed(0))
    return Explorer(features + 0.01 * noise, pictures, method="pca")


def open_page(browser: Any, explorer: Any, width: int = 1280) -> Any:
    """A page of a Playwright browser with nothing on it but the explorer, drawn."""
    state = {
        name: value for name, value in explorer.get_state().items() if not name.startswith("_") and name != "layout"
    }
    binary = [name for name, value in state.items() if isinstance(value, bytes | memoryview)]
    for name in binary:
        state[name] = base64.b64encode(bytes(state[name])).decode()
    folder = Path(sys.modules[type(explorer).__module__].__file__ or "").parent
    files = [(folder / name).read_text() for name in ("explorer.js", "explorer.css")]
    page = browser.new_page(viewport={"width": width, "height": 900})
    page.evaluate(PAGE, [*files, json.loads(json.dumps(state)), binary])
    page.wait_for_function(READY)
    return page


def measure(count: int, seconds: float, chromium: str) -> dict[str, tuple[list[float], list[float]]]:
    """Gaps between frames and times of painting, ms, by action."""
    sys.path.insert(0, str(HARNESS))
    from jupyterlab_browser import FLAGS
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=FLAGS)
        page = open_page(browser, made_explorer(count))
        found = {action: tuple(page.evaluate(MEASURE, [action, seconds])) for action in ACTIONS}
        browser.close()
    return found


def main() -> None:
    """Measure and print."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--pictures", type=int, default=5000)
    options.add_argument("--seconds", type=float, default=5.0)
    options.add_argument("--chromium", default=os.environ.get("CHROMIUM", "/usr/bin/chromium"))
    chosen = options.parse_args()
    print(f"{chosen.pictures} pictures, load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores")
    for action, (gaps, painting) in measure(chosen.pictures, chosen.seconds, chosen.chromium).items():
        slow = statistics.quantiles(gaps, n=20)[-1]
        print(
            f"{action:15} {1000 / statistics.mean(gaps):5.1f} frames/s, 95 % within {slow:.0f} ms, "
            f"painting {statistics.median(painting):.1f} ms (median), n = {len(gaps)}"
        )


if __name__ == "__main__":
    main()
