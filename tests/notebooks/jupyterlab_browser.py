"""The command `dino-notebooks lab` with a Chromium on it: what a reader has in front of them, to be tried by tests.

Made deterministic by asking JupyterLab's own application object instead of looking at its badges: they say "idle"
before there is a session, and "Run All" then opens a dialog (seen in three runs of five).
"""

import contextlib
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from playwright.sync_api import Page, sync_playwright

FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"]
READY = """async () => {
    const context = window.jupyterapp.shell.currentWidget.sessionContext;
    await context.ready;
    await context.session.kernel.info;
}"""
RUN_ALL = "() => window.jupyterapp.commands.execute('notebook:run-all-cells')"  # done when the last cell is
WHOLE = """() => {  // scroll to the top, and tell how high the cells are together
    const cells = [...document.querySelectorAll('.jp-Notebook .jp-Cell')].map(cell => cell.getBoundingClientRect());
    document.querySelector('.jp-WindowedPanel-outer').scrollTop = 0;
    return Math.max(...cells.map(box => box.bottom)) - Math.min(...cells.map(box => box.top));
}"""
KERNEL = """async code => {
    const kernel = window.jupyterapp.shell.currentWidget.sessionContext.session.kernel;
    const request = kernel.requestExecute({code, store_history: false}), said = [];
    request.onIOPub = ({header, content}) => {
        if (header.msg_type === 'stream') said.push(content.text);
        if (header.msg_type === 'error') said.push('ERROR ' + content.evalue);
    };
    await request.done;
    return said.join('');
}"""


class Lab:
    """JupyterLab in a browser, on one notebook whose kernel runs."""

    def __init__(self, page: Page, address: str) -> None:
        self.page, self.address = page, address
        self.complaints: list[str] = []  # of the browser's console
        page.on("console", lambda message: self.complaints.append(message.text) if message.type == "error" else None)
        page.on("pageerror", lambda error: self.complaints.append(str(error)))

    def open(self) -> None:
        """Load the address that the command has printed, until the notebook can be run."""
        self.page.goto(self.address)
        self.page.locator(".jp-Notebook .jp-Cell").first.wait_for(timeout=90_000)
        self.page.evaluate(READY)

    def go_to(self, notebook: str) -> None:
        """Open another notebook of the folder instead: with none beside it, or commands would be for that one."""
        self.address = re.sub(r"[^/]+\.ipynb", notebook, self.address) + "&reset"
        self.open()

    def run_all(self) -> None:
        """Run every cell and wait for the last."""
        self.page.evaluate(RUN_ALL)

    def start_all(self) -> None:
        """Run every cell, and do not wait."""
        self.page.evaluate(f"() => {{ ({RUN_ALL})() }}")

    def command(self, name: str, **arguments: Any) -> None:
        """Execute one of JupyterLab's commands."""
        self.page.evaluate("([name, all]) => window.jupyterapp.commands.execute(name, all)", [name, arguments])

    def kernel(self, code: str) -> str:
        """What the kernel prints when it runs the code."""
        return str(self.page.evaluate(KERNEL, code)).strip()

    def theme(self, name: str) -> None:
        """Change to "JupyterLab Light" or "JupyterLab Dark"."""
        self.command("apputils:change-theme", theme=name)
        light = "true" if name.endswith("Light") else "false"
        self.page.wait_for_function(f"() => document.body.dataset.jpThemeLight === '{light}'")

    def photograph(self, path: Path) -> None:
        """A screenshot of the whole notebook, in a window that is as high as it."""
        size = self.page.viewport_size
        assert size
        self.page.set_viewport_size({"width": size["width"], "height": 12_000})  # draws the cells that lie far off
        self.page.wait_for_timeout(1000)
        height = int(self.page.evaluate(WHOLE)) + 150  # with JupyterLab's own bars
        self.page.set_viewport_size({"width": size["width"], "height": height})
        self.page.wait_for_timeout(1000)
        self.page.evaluate(WHOLE)
        self.page.screenshot(path=path)
        self.page.set_viewport_size(size)


@contextlib.contextmanager
def jupyterlab(folder: Path, chromium: str, **environment: str) -> Iterator[Lab]:
    """Call `dino-notebooks lab --no-browser` in `folder`, as a user whose Jupyter has no settings yet."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    mine = folder / "jupyter"
    for name in ("config", "data", "runtime", "settings", "workspaces"):
        (mine / name).mkdir(parents=True)
    # The one thing that a user does not have: window.jupyterapp.
    (mine / "config" / "jupyter_lab_config.json").write_text(json.dumps({"LabApp": {"expose_app_in_browser": True}}))
    (folder / "work").mkdir()
    log = mine / "server.log"
    with log.open("w") as output:
        server = subprocess.Popen(
            [sys.executable, "-m", "dino_notebooks.cli", "lab", "--no-browser", "--port", str(port)],
            cwd=folder / "work",
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env={
                **os.environ,
                "JUPYTER_CONFIG_DIR": str(mine / "config"),
                "JUPYTER_DATA_DIR": str(mine / "data"),
                "JUPYTER_RUNTIME_DIR": str(mine / "runtime"),
                "JUPYTERLAB_SETTINGS_DIR": str(mine / "settings"),
                "JUPYTERLAB_WORKSPACES_DIR": str(mine / "workspaces"),
                **environment,
            },
        )
    try:
        address = wait_for(lambda: printed_address(log), server, log)
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=chromium, args=FLAGS)
            try:
                lab = Lab(browser.new_page(viewport={"width": 1280, "height": 900}), address)
                lab.open()
                yield lab
                lab.command("kernelmenu:shutdown")
            finally:
                browser.close()
    finally:
        server.send_signal(signal.SIGTERM)
        with contextlib.suppress(subprocess.TimeoutExpired):
            server.wait(20)
        server.kill()


def printed_address(log: Path) -> str | None:
    """The address that the server asks the user to open, once it has."""
    found = re.search(r"http://127\.0\.0\.1:\S+token=\S+", log.read_text())
    return found[0] if found else None


def wait_for(answer: Callable[[], str | None], server: subprocess.Popen[bytes], log: Path, seconds: float = 90) -> str:
    """The first answer there is, while the server lives."""
    end = time.monotonic() + seconds
    while time.monotonic() < end and server.poll() is None:
        if found := answer():
            return found
        time.sleep(0.1)
    raise AssertionError(f"JupyterLab did not start:\n{log.read_text()[-2000:]}")
