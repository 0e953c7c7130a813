"""A DINO run that is steered while it goes on, without Jupyter.

Reading order:

    engine.py      Session: knobs, steps, record, rewind, replay
    snapshot.py    what it shows at one moment
    wishes.py      changes of knobs on their way in; slip.py: a knob that no correct DINO has
    timeline.py    futures and the checkpoints between them
    probe.py       what it is asked now and then
    run_line.py    a run as a line of text
    scenes.py      named settings; advice.py: what went wrong, and what to do
    drivers.py     what makes it go on; registry.py: one driver a name
"""

from dino_notebooks.session.engine import Session

__all__ = ["Session"]
