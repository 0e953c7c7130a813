"""The command line: `dino-notebooks lab | train | report | book | doctor | assignments | build`."""

import argparse
import sys
from pathlib import Path
from typing import NoReturn


class Parser(argparse.ArgumentParser):
    """argparse, with one sentence for a bad argument."""

    def error(self, message: str) -> NoReturn:
        """Say what is wrong and where help is, and exit with 2."""
        self.exit(2, f"{self.prog}: {message} ({self.prog} --help lists what there is).\n")


def main(arguments: list[str] | None = None) -> int:
    """Run one command; 0 when it worked, 1 when a check failed, 2 for a bad argument."""
    arguments = sys.argv[1:] if arguments is None else arguments
    if arguments[:1] == ["train"]:  # all that follows is for dino_lite
        from dino_lite.__main__ import main as dino_lite

        return dino_lite(arguments)
    options = parser().parse_args(arguments)
    try:
        return options.command(options)
    except (ValueError, OSError) as error:
        print(f"dino-notebooks: {error}", file=sys.stderr)
        return 2


def parser() -> Parser:
    """All commands and options, with what they mean."""
    top = Parser(prog="dino-notebooks", description="DINO in JupyterLab.")
    commands = top.add_subparsers(required=True, metavar="COMMAND", dest="name")
    lab = commands.add_parser("lab", help="open the notebooks in JupyterLab")
    lab.add_argument("--no-browser", action="store_true", help="only print the address to open")
    lab.add_argument("--port", type=port, metavar="P", help="default: the first free one from 8888 on")
    lab.set_defaults(command=lab_command)
    commands.add_parser("train", help="train on pictures: the same as python -m dino_lite train", add_help=False)
    report = commands.add_parser("report", help="draw a run on one HTML page")
    report.add_argument("run", metavar="DIR", type=Path, help="the folder of a run")
    report.set_defaults(command=report_command)
    book = commands.add_parser("book", help="execute the notebooks and write them as a web site")
    book.add_argument("names", nargs="*", metavar="NAME", help="of a notebook, or its number (default: all of them)")
    book.add_argument("--out", metavar="DIR", type=Path, default=Path("build/book"), help="default: build/book")
    book.set_defaults(command=book_command)
    doctor = commands.add_parser("doctor", help="check this machine and say what to do")
    doctor.set_defaults(command=doctor_command)
    course = commands.add_parser("assignments", help="write a course folder for nbgrader")
    course.add_argument("course", metavar="DIR", type=Path, help="a new folder")
    course.add_argument("--seed", type=int, default=1, help="of the hidden tests' random numbers (default 1)")
    course.set_defaults(command=assignments_command)
    build = commands.add_parser("build", help="build notebooks/*.ipynb from notebooks/src/*.py")
    build.add_argument("--check", action="store_true", help="build nothing; fail and name what is out of date")
    build.set_defaults(command=build_command)
    return top


def port(text: str) -> int:
    """A port's number."""
    if not (text.isdecimal() and 0 < int(text) < 65536):
        raise argparse.ArgumentTypeError(f"a port is a number from 1 to 65535, got {text!r}")
    return int(text)


def lab_command(options: argparse.Namespace) -> int:
    """Open JupyterLab and wait for its end."""
    from dino_notebooks.lab import open_lab

    open_lab(Path.cwd(), options.port, not options.no_browser)
    return 0


def report_command(options: argparse.Namespace) -> int:
    """Write a run's report and print its path."""
    from dino_notebooks.report import write_report

    print(write_report(options.run))
    return 0


def book_command(options: argparse.Namespace) -> int:
    """Execute the notebooks and write their pages."""
    from dino_notebooks.book import write_book
    from dino_notebooks.lab import existing_notebooks

    try:
        return 0 if write_book(existing_notebooks(Path.cwd()), options.out, options.names) else 1
    except KeyboardInterrupt:
        print("\ndino-notebooks: stopped.", file=sys.stderr)
        return 130


def doctor_command(options: argparse.Namespace) -> int:
    """Check the machine."""
    from dino_notebooks.doctor import examine

    return examine()


def assignments_command(options: argparse.Namespace) -> int:
    """Write a course folder, and say what comes next."""
    from dino_notebooks.build import find_sources
    from dino_notebooks.course import write_course

    names = write_course(find_sources(Path.cwd()), options.course, options.seed)
    print(f"{options.course}: {len(names)} assignments ({', '.join(names)}).")
    print(
        f"Next: cd {options.course} && nbgrader generate_assignment {names[0]}; docs/teaching.md has the other steps."
    )
    return 0


def build_command(options: argparse.Namespace) -> int:
    """Build the notebooks, or compare them with their sources."""
    from dino_notebooks.build import build_all, find_sources

    changed = build_all(find_sources(Path.cwd()), write=not options.check)
    for path, what in changed:
        print(f"{path}: {what}", file=sys.stderr if options.check else sys.stdout)
    if options.check and changed:
        print("Run dino-notebooks build, and commit what it writes.", file=sys.stderr)
        return 1
    if not changed:
        print("The notebooks agree with their sources.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
