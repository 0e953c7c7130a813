# %% [markdown]
# # The collapse lab
#
# Here a real DINO run goes on while you hold its knobs. You will kill it in three ways, read on the meters which way it was, and bring it back, where that can be done.
#
# The run is small: a network of 0.2 million weights on the built-in emoji. It makes about twenty steps a second on a laptop and downloads nothing.

# %%
import dino_lite
from dino_notebooks import CollapseLab, Session, setup, show, steps
from dino_notebooks.plots import plot_curves

setup()

# %% [markdown]
# ## The panel
#
# Press **Play** and wait for about ten seconds, until the banner says *Healthy*. Then go through the trials below it.

# %%
CollapseLab()

# %% [markdown]
# **Predict** before each trial: will the entropy *h* rise or fall, and what will KL do?
#
# 1. Untick *centering*. How many prototypes are left? Tick it again: does the run come back?
# 2. Untick *sharpening*. Bug reports say "my loss is stuck at 8.3178": what is K in theirs?
# 3. Untick *EMA teacher* for a hundred steps. Tick it again, read the banner, and press **Before the last change** twice: both futures are on the charts.
# 4. Choose the scene *loss near 0*. The loss has never been better. What is the score?
#
# Open *The run as a line of text* and send your run to somebody: it gives them the same numbers.
#
# ## Why the loss cannot tell
#
# The loss is h + KL. Both collapses bring KL to zero, since a target that is the same for every picture is easily learnt. One ends at h = 0, the other at h = ln K, and every healthy run lies in between. What separates them is how much a target says about *its* picture: the information, below.

# %%
show(dino_lite.diagnose)

# %% [markdown]
# ## The same without a panel
#
# The panel is a `Session` with buttons. In code it is better for measuring: set a knob, make some steps, look. Each fault here begins at the same checkpoint. **Predict** the words, and which faults can be undone.

# %%
FAULTS = {
    "as it should be": {},
    "no centering": {"centering": False},
    "no sharpening": {"sharpening": False},
    "no EMA": {"ema": False},
}
session = Session("lab", seed=0)
begin = session.advance(steps=steps(150)).step
for name, fault in FAULTS.items():
    session.set(**fault)
    ill = session.advance(steps=steps(100))
    session.set(**session.usual)
    cured = session.advance(steps=steps(150))
    session.rewind(begin)
    h, kl = ill.logs[-1].entropy, ill.logs[-1].kl
    print(f"{name:16} h {h:4.2f}  KL {kl:4.2f}  {ill.diagnosis:12} undone: {cured.diagnosis}")

# %% [markdown]
# Two faults are only in the head, and the knob undoes them. Without the EMA the features themselves are gone, all pictures in one place, and no gradient soon tells them apart again. Its KL is large all the same: the one target of all pictures jumps from step to step.
#
# ## How close may the temperatures come?
#
# Sharpening means that τt is lower than τs. **Predict** the τt at which the targets stop telling pictures apart, when τs is 0.1.

# %%
told = {}
for temperature in (0.02, 0.04, 0.06, 0.08, 0.1, 0.3):
    session.set(teacher_temp=temperature)
    seen = session.advance(steps=steps(100))
    told[temperature] = seen.logs[-1].mutual_information
    print(f"τt {temperature:4}: information {told[temperature]:.2f} nats, {seen.diagnosis}")
    session.rewind(begin)

# %% [markdown]
# ## A run is a line
#
# Recipe, seed and the list of changes are the whole run. `replay` makes it again, to the last bit on a machine of the same kind.

# %%
session.set(center_momentum=0.999)
session.advance(steps=steps(100))
line = session.run_line()
again = Session.replay(line)
print(line)
print("the same losses:", [log.loss for log in again.history] == [log.loss for log in session.history])
plot_curves(again.history, again.config.out_dim)

# %% [markdown]
# ## Diagnose a bug report
#
# "The loss rises to ln K within an hour and stays there." The scene below is one such report. Find the knob that was wrong, and cure it without a restart.

# %%
CollapseLab(scene="teacher temperature 0.3", name="bug report")

# %% [markdown]
# ## What you now know
#
# - Centering alone makes every target uniform, sharpening alone leaves a few prototypes. Together they balance, as long as the teacher is slow.
# - A loss of ln K and a loss near 0 are both collapses. Read h, KL and the prototypes beside it.
# - Some collapses are undone by the knobs, others only by an earlier checkpoint.
#
# **Your turn.** Find a pair of temperatures with which the run lives, but barely.
