"""What holds for every test: how many threads, no network, a Chromium on request, and in CI no skips.

Warnings are errors too: see filterwarnings in pyproject.toml. tests/test_environment.py tries these rules.
"""

import os
import re
import shutil
import socket
import sys
from collections.abc import Generator, Iterator

import pytest

# One core stays free for the notebook server, the browser and pytest itself. Set before torch is loaded,
# so that it also holds in torch's worker threads and in the processes that tests start. Where pytest itself runs in
# several processes, one thread each: busy threads on busy cores are ten times slower.
alone = "PYTEST_XDIST_WORKER" not in os.environ
os.environ["OMP_NUM_THREADS"] = str(max(1, (os.cpu_count() or 2) - 1)) if alone else "1"
os.environ["HF_HUB_OFFLINE"] = "1"  # processes that tests start are outside the guard below
os.environ["MPLBACKEND"] = "agg"  # no windows
os.environ["DINO_NB_JOURNAL"] = "off"  # what tests predict and solve is nobody's progress


# --- no network ---------------------------------------------------------------------------------------------

attempts: list[str] = []


class NetworkBlocked(socket.gaierror):
    """What a machine without a network gives: a name that cannot be looked up."""


def refuse_network(event: str, args: tuple) -> None:
    """Audit hook: stop every connection that would leave this machine, and note it."""
    if event == "socket.getaddrinfo":
        host = args[0]
    elif event in ("socket.connect", "socket.sendto", "socket.sendmsg") and isinstance(args[1], tuple):
        host = args[1][0]
    else:
        return  # not a connection, or one to a local file (unix socket)
    name = host.decode() if isinstance(host, bytes) else host
    if name in (None, "", "localhost", "::1", "0.0.0.0") or name.startswith("127."):
        return
    attempts.append(name)
    raise NetworkBlocked(socket.EAI_NONAME, f"tests run without a network ({name})")


sys.addaudithook(refuse_network)


@pytest.fixture(autouse=True)
def no_network(request: pytest.FixtureRequest) -> Iterator[None]:
    """A test that reached for the network fails, even where the code took the refusal quietly."""
    attempts.clear()
    yield
    if attempts and not request.node.get_closest_marker("offline"):
        pytest.fail(f"reached for the network: {', '.join(sorted(set(attempts)))}")


# --- one number of threads ----------------------------------------------------------------------------------


@pytest.fixture(autouse=True)
def same_threads() -> Iterator[None]:
    """A test that sets torch's threads sets them for itself: sums in another order differ in their last bits."""
    yield
    if (torch := sys.modules.get("torch")) is not None:
        torch.set_num_threads(int(os.environ["OMP_NUM_THREADS"]))


# --- a browser ----------------------------------------------------------------------------------------------

CHROMIUM_NAMES = (
    "chromium",
    "chromium-browser",
    "google-chrome",
    "/Applications/Chromium.app/Contents/MacOS/Chromium",
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
)


@pytest.fixture(scope="session")
def chromium() -> str:
    """The path of a Chromium, for playwright's executable_path: $CHROMIUM or the first that is installed."""
    names = [os.environ["CHROMIUM"]] if "CHROMIUM" in os.environ else CHROMIUM_NAMES
    for name in names:
        if path := shutil.which(name):
            return path
    pytest.skip("no Chromium found: install one (Debian: apt install chromium) or set CHROMIUM to its path")


# --- in CI a skipped test is a failed one -------------------------------------------------------------------

SKIPS_ALLOWED_IN_CI = (
    "CUDA is not available",  # CI has no GPU
    "MPS is not available",  # and is no Mac
)


def fail_if_skipped_in_ci(report: pytest.TestReport | pytest.CollectReport) -> None:
    """Turn a skip into a failure unless its reason is on the list. An expected failure (xfail) is no skip."""
    if os.environ.get("CI") != "true" or not report.skipped or hasattr(report, "wasxfail"):
        return
    reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
    if not re.search("|".join(SKIPS_ALLOWED_IN_CI), reason):
        report.outcome = "failed"
        report.longrepr = f"skipped, which in CI is a failure: {reason.removeprefix('Skipped: ')}"


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """One test."""
    report = yield
    fail_if_skipped_in_ci(report)
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report() -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    """A whole file, as pytest.importorskip at its top does."""
    report = yield
    fail_if_skipped_in_ci(report)
    return report
