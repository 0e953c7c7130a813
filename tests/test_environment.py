"""environment.yml (conda) asks for what pyproject.toml (pip) asks for; the wheel holds what students may see; and the
rules of conftest.py work.

The rules are tried because a guard that does not work looks just like one that has nothing to do.
Run: pytest tests/test_environment.py
"""

import os
import socket
import subprocess
import sys
import tomllib
import urllib.error
import urllib.request
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet

pytest_plugins = "pytester"

ROOT = Path(__file__).parent.parent
CONDA_NAMES = {  # pip's name: conda-forge's, where they differ
    "torch": "pytorch",
    "matplotlib": "matplotlib-base",  # the same library without Qt
}

LEFT_TO_PIP = {"faiss-cpu"}  # pip does not know conda-forge's build of it by this name, and would add its own

# --- pyproject.toml and environment.yml ---------------------------------------------------------------------


def pip_bounds() -> dict[str, SpecifierSet]:
    """Conda's name → bounds, for Python and everything that pyproject.toml needs outside its extras."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    needed = [one for one in map(Requirement, project["dependencies"]) if one.name not in LEFT_TO_PIP]
    bounds = {CONDA_NAMES.get(r.name, r.name): r.specifier for r in needed}
    return {"python": SpecifierSet(project["requires-python"]), **bounds}


def conda_environment() -> tuple[dict[str, SpecifierSet], list[str]]:
    """Name → bounds of conda's packages, and the lines that environment.yml leaves to pip."""
    lines = yaml.safe_load((ROOT / "environment.yml").read_text())["dependencies"]
    needed = [Requirement(line) for line in lines if isinstance(line, str)]
    (pip,) = [line["pip"] for line in lines if isinstance(line, dict)]
    return {r.name: r.specifier for r in needed}, pip


def test_conda_and_pip_ask_for_the_same() -> None:
    conda, pip = conda_environment()
    assert pip == ["-e ."], "pip adds this folder and nothing else: the rest are conda-forge's builds"
    assert conda.pop("pip") == SpecifierSet()  # conda wants it named when a pip section follows
    assert conda == pip_bounds()


def test_conda_uses_conda_forge_alone() -> None:
    assert yaml.safe_load((ROOT / "environment.yml").read_text())["channels"] == ["conda-forge", "nodefaults"]


def test_who_develops_has_every_extra() -> None:
    """With the same bounds, so that what is tested is what is promised."""
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    assert "class" in extras
    for name, lines in extras.items():
        assert set(lines) <= set(extras["dev"]), name


# --- what students get ----------------------------------------------------------------------------------------


def in_the_wheel() -> list[Path]:
    """The files that hatchling packs: those of the folders that are named, but for those that are left out."""
    wheel = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["hatch"]["build"]["targets"]["wheel"]
    assert set(wheel) == {"only-include", "exclude", "sources"}, (
        "this test does not know how the wheel is made any more"
    )
    assert all(name.startswith("/") and not set(name) & set("*?[!") for name in wheel["exclude"])
    left_out = [ROOT / name[1:] for name in wheel["exclude"]]
    files = [path for name in wheel["only-include"] for path in (ROOT / name).rglob("*") if path.is_file()]
    return [path for path in files if not any(path.is_relative_to(folder) for folder in left_out)]


def test_the_wheel_has_the_notebooks_and_not_their_solutions() -> None:
    notebooks = {path for path in in_the_wheel() if path.is_relative_to(ROOT / "notebooks")}
    sources = (ROOT / "notebooks" / "src").rglob("*.py")
    wanted = {
        ROOT / "notebooks" / path.relative_to(ROOT / "notebooks" / "src").with_suffix(".ipynb") for path in sources
    }
    assert len(wanted) >= 15
    assert {path for path in notebooks if ".ipynb_checkpoints" not in path.parts} == wanted
    assert not [
        path
        for path in in_the_wheel()
        if path.suffix in (".py", ".ipynb") and "BEGIN HIDDEN" in read(path) and path.name != "assignments.py"
    ]


def test_answers_to_exam_questions_stay_in_docs() -> None:
    """Neither the file nor a line of it: not in the wheel, not in notebooks/, not beside the questions."""
    answers = ROOT / "docs" / "exam_answers.md"
    told = [line for line in read(answers).splitlines()[4:] if len(line) > 40]
    assert len(told) > 20
    files = {*in_the_wheel(), *(ROOT / "notebooks").rglob("*"), ROOT / "docs" / "teaching.md", ROOT / "README.md"}
    assert answers not in files
    for path in files:
        if path.suffix in (".py", ".ipynb", ".md", ".json", ".html", ".txt"):
            assert path.name != answers.name
            text = read(path)
            assert not [line for line in told if line in text], path


def read(path: Path) -> str:
    """The text of a file."""
    return path.read_text(encoding="utf-8")


# --- the rules of conftest.py -------------------------------------------------------------------------------


def test_one_core_stays_free() -> None:
    """In a process of its own: another test may have set its threads in this one."""
    code = "import torch; print(torch.get_num_threads())"
    threads = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert int(threads) == max(1, (os.cpu_count() or 2) - 1)


@pytest.mark.offline
def test_network_is_refused_and_this_machine_is_not() -> None:
    with pytest.raises(urllib.error.URLError, match="without a network"):
        urllib.request.urlopen("http://example.invalid/", timeout=5)
    with pytest.raises(OSError, match="without a network"), socket.socket() as outside:
        outside.connect(("192.0.2.1", 80))  # an address reserved for examples
    with socket.create_server(("127.0.0.1", 0)) as server:
        socket.create_connection(server.getsockname(), timeout=5).close()


TRY_THE_RULES = """
    import socket, warnings
    import pytest

    def test_runs(): pass
    def test_without_a_tool(): pytest.skip("no Chromium found")
    def test_without_a_browser(chromium): pass
    def test_without_a_gpu(): pytest.skip("CUDA is not available")
    @pytest.mark.xfail(reason="known", strict=True)
    def test_known_to_fail(): assert False
    def test_quiet_about_the_network():
        try:
            socket.getaddrinfo("example.invalid", 80)
        except OSError:
            pass
"""


@pytest.mark.parametrize(
    ("ci", "expected"),
    [
        ("", {"passed": 2, "skipped": 3, "xfailed": 1, "errors": 1}),
        ("true", {"passed": 2, "skipped": 1, "xfailed": 1, "errors": 2, "failed": 1}),
    ],
    ids=["at home", "in CI"],
)
def test_skips_fail_in_ci_alone(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, ci: str, expected: dict[str, int]
) -> None:
    """One passes, three are skipped (one of them allowed), one is known to fail, one hides a network call."""
    monkeypatch.setenv("CI", ci)
    monkeypatch.setenv("CHROMIUM", "/no/such/chromium")
    pytester.makeconftest((ROOT / "tests/conftest.py").read_text())
    pytester.makeini("[pytest]\nmarkers = offline")
    pytester.makepyfile(TRY_THE_RULES)
    pytester.runpytest_subprocess("-p", "no:cacheprovider").assert_outcomes(**expected)


def test_a_whole_file_skipped_fails_in_ci(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CI", "true")
    pytester.makeconftest((ROOT / "tests/conftest.py").read_text())
    pytester.makepyfile("import pytest\npytest.importorskip('no_such_package')\ndef test_never(): pass")
    pytester.runpytest_subprocess("-p", "no:cacheprovider").assert_outcomes(errors=1)
