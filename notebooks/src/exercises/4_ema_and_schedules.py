# %% [markdown]
# # Assignment 4 · EMA and schedules
#
# At the end you will have written the teacher's update, worked out what a teacher remembers, written the three schedules that a DINO run follows, and put a training step in order that somebody had got wrong.
#
# Read before: [04 · The EMA teacher](../04_the_ema_teacher.ipynb). About 90 minutes, 20 points. Nothing is downloaded, and a cell computes for a few seconds at most.

# %%
import math

import torch
from IPython.display import display

import dino_lite
from dino_lite import dino_loss, ema_update, teacher_probs, update_center
from dino_notebooks import Session, check, setup, steps
from dino_notebooks.plots import plot_lines, plot_table

setup()

# %% [markdown]
# `check.NAME.hint()` gives a hint, up to three, each saying more than the one before; after that it shows a solution.
#
# The **teacher** is a network of the student's shape that no gradient reaches. After each step it keeps a share m of itself and takes the rest, 1 − m, from the student. m is its **momentum**. Such a teacher is an *exponential moving average*, EMA, of all students so far.
#
# ## 1 · What is left of the start (5 minutes, 1 point)
#
# Both networks begin as the same random network. Each update keeps the share m of the teacher, so a part of the random start stays in it.
#
# In: the momentum m and a number of updates. Out: the share of the teacher that is still its start. After no update that is 1, after one it is m.


# %% part="answer" exercise="remaining"
def my_remaining(momentum, steps):
    """Two numbers → a share between 0 and 1."""
    ### BEGIN SOLUTION
    left = 1.0
    for _ in range(steps):
        left = momentum * left
    return left
    ### END SOLUTION


# %% part="test" exercise="remaining" points=1
check.remaining(my_remaining)

# %% [markdown]
# ## 2 · Memory (5 minutes, 1 point)
#
# How many steps does a teacher look back? The usual measure is its **memory**: as many steps as there would be students in the average, if each counted as much as the newest one does. The newest has the share 1 − m. If every student had the newest one's share, how many would make a whole?
#
# In: a momentum from 0 to 1. Out: a number of steps, not rounded. A teacher with a momentum of 1 never forgets: its memory is infinite, `math.inf`.


# %% part="answer" exercise="memory"
def my_memory(momentum):
    """A number → steps."""
    ### BEGIN SOLUTION
    newest = 1 - momentum
    return math.inf if newest <= 0 else newest**-1
    ### END SOLUTION


# %% part="test" exercise="memory" points=1
check.memory(my_memory)

# %% [markdown]
# ## 3 · A momentum for a short run (4 minutes, 1 point)
#
# You have time for a run of 300 steps. The teacher should be as smooth as possible, so its memory should be long. But less than one hundredth of it may be its random start at the end. Which of these momenta do you take? Your two functions know.
#
# Choose one of "0.9", "0.98", "0.99", "0.996", "0.9995".


# %% part="answer" exercise="lab_momentum"
### BEGIN SOLUTION
my_lab_momentum = "0.98"
### END SOLUTION
### BEGIN STUB
# my_lab_momentum = None  # one of the five
### END STUB


# %% part="test" exercise="lab_momentum" points=1
check.lab_momentum(my_lab_momentum)

# %% [markdown]
# ## 4 · The update (12 minutes, 3 points)
#
# Now with whole networks. For every parameter (a weight, a bias) of the teacher and the student's parameter of the same place:
#
# ```python
# for i in all numbers of the parameter:
#     teacher_parameter[i] = momentum * teacher_parameter[i] + (1 - momentum) * student_parameter[i]
# ```
#
# In: two modules of the same shape, and m. Nothing comes out: the teacher is changed **in place**, that is, its parameters stay the objects that they are, and get other numbers. The student stays as it is. No gradient is recorded. *Buffers*, such as the running means of batch norm, are left alone, as in the authors' code; `parameters()` does not give them.


# %% part="answer" exercise="ema_update"
def my_ema_update(teacher, student, momentum):
    """Two modules and a number → nothing; the teacher has changed."""
    ### BEGIN SOLUTION
    with torch.no_grad():
        for mine, theirs in zip(teacher.parameters(), student.parameters(), strict=True):
            mine.mul_(momentum).add_((1 - momentum) * theirs)
    ### END SOLUTION


# %% part="test" exercise="ema_update" points=3
check.ema_update(my_ema_update)

# %% [markdown]
# Once it is right: a student of one weight that trembles and then jumps, and three teachers that follow it by your function.

# %%
if check.ema_update(my_ema_update).ok:
    noise = 0.2 * torch.randn(200, generator=torch.Generator().manual_seed(0))
    path = noise + (torch.arange(200) >= 80)
    student, ways = torch.nn.Linear(1, 1, bias=False), {"student": path.tolist()}
    for m in (0.8, 0.95, 0.99):
        teacher, way = torch.nn.Linear(1, 1, bias=False).requires_grad_(False), []
        teacher.weight.fill_(0.0)
        for value in path:
            student.weight.data.fill_(value)
            my_ema_update(teacher, student, m)
            way.append(teacher.weight.item())
        ways[f"teacher, m = {m}"] = way
    display(plot_lines({"one weight": ways}, thin=["student"]))

# %% [markdown]
# In the figure a teacher with a larger m trembles less, and comes later: at the end the one with m = 0.99 is still on its way.
#
# ## 5 · In a sentence or two (8 minutes, 2 points)
#
# A colleague begins his run with `teacher = student`, "since both are the same at the start anyway". There is no error. The cell below makes a run in which, as in his, the teacher is just what the student is (when the next step begins).

# %%
run = Session("lab", seed=0)
run.set(ema_momentum=0.0)
end = run.advance(steps=steps(40))
for log in (end.logs[0], end.logs[-1]):
    print(f"step {log.step:2}: information: {log.mutual_information:.2f} nats")
print(f"{end.diagnosis}: {end.reason}")

# %% [markdown]
# (a) What does the update of exercise 4 do in his run, and what would it change to choose another momentum? (b) The optimizer and the loss are right. Why can such a run collapse, where one with a slow teacher does not? Two or three sentences.

# %% [markdown] part="words" exercise="why_copy" points=2
# (a) `teacher = student` gives one network two names. The update averages the network with itself, which changes nothing, whatever the momentum: the teacher always is the present student, as with a momentum of 0. (1 point)
#
# (b) The student then chases its own output of the same step. Whatever it does to come nearer to the target moves the target as well, so nothing stands still long enough to hold it, and giving the same answer to every picture is an easy way to agree with oneself. A slow teacher changes little from step to step, so there is something to agree with that the student cannot change at once. (1 point)

# %% [markdown]
# ## 6 · Half a cosine (10 minutes, 2 points)
#
# A momentum can be moderate at first, while the student is young, and rise to 1 in the end. The paper lets it follow half a cosine: slow at first, fast in the middle, slow at the end.
#
# - At step 0 the value is `start`. At step `total`, and at all steps after it, it is `end`. Note that the last step of a run of `total` steps has the number `total` − 1.
# - In between, let x be the share of the way that is gone. The share of the difference between start and end that is *still to go* is (1 + cos(π · x)) / 2. It falls from 1 to 0.
#
# In: four numbers, of which `total` is at least 1. Out: a number. `math.cos` takes its angle in radians, as in the formula. `start` may be larger than `end`.


# %% part="answer" exercise="cosine"
def my_cosine(step, total, start, end):
    """The value at one step."""
    ### BEGIN SOLUTION
    if step >= total:
        return end
    to_go = math.cos(math.pi / 2 * step / total) ** 2  # the same as (1 + cos(π · x)) / 2
    return to_go * start + (1 - to_go) * end
    ### END SOLUTION


# %% part="test" exercise="cosine" points=2
check.cosine(my_cosine)

# %% [markdown]
# ## 7 · A straight line (8 minutes, 2 points)
#
# Other things start low and rise, and then stay: the teacher's temperature does so, since a high one at the beginning makes the targets flat. This is a **warm-up**.
#
# - The warm-up has `warmup` steps. The first of them, step 0, has the value `start`. The last of them has the value `end`, and so have all steps after it.
# - In between it rises by the same amount at every step. A warm-up of 4 steps from 0 to 3 has the values 0, 1, 2, 3.
# - With a `warmup` of 1 or 0 there is no line. The value is `end` from step 0 on.


# %% part="answer" exercise="linear_warmup"
def my_linear_warmup(step, warmup, start, end):
    """The value at one step."""
    ### BEGIN SOLUTION
    last = warmup - 1
    if step >= last:
        return end
    gone = step / last
    return (1 - gone) * start + gone * end
    ### END SOLUTION


# %% part="test" exercise="linear_warmup" points=2
check.linear_warmup(my_linear_warmup)

# %% [markdown]
# ## 8 · The learning rate (8 minutes, 2 points)
#
# The learning rate does one after the other.
#
# - In the steps below `warmup` it is a straight line from 0 at step 0 to `peak` at the last step of the warm-up, as in exercise 7 (with a warm-up of 1, `peak` at once).
# - Step `warmup` is the first of half a cosine. The value there is `peak`. At step `total`, and after it, it is `end`.
#
# Use your functions of exercises 6 and 7. `total` is larger than `warmup`.


# %% part="answer" exercise="warmup_cosine"
def my_warmup_cosine(step, total, warmup, peak, end):
    """The learning rate at one step."""
    ### BEGIN SOLUTION
    after = step - warmup
    return my_linear_warmup(step, warmup, 0.0, peak) if after < 0 else my_cosine(after, total - warmup, peak, end)
    ### END SOLUTION


# %% part="test" exercise="warmup_cosine" points=2
check.warmup_cosine(my_warmup_cosine)

# %% [markdown]
# Once all three are right: your schedules over a run of 300 steps.

# %%
if all(
    (check.cosine(my_cosine).ok, check.linear_warmup(my_linear_warmup).ok, check.warmup_cosine(my_warmup_cosine).ok)
):
    run_of = range(301)
    panels = {
        "momentum": [my_cosine(step, 300, 0.98, 1.0) for step in run_of],
        "τt": [my_linear_warmup(step, 90, 0.04, 0.07) for step in run_of],
        "learning rate": [my_warmup_cosine(step, 300, 30, 1e-3, 1e-5) for step in run_of],
    }
    display(plot_lines({title: {title: values} for title, values in panels.items()}))

# %% [markdown]
# ## 9 · Find the bug: two averages (8 minutes, 2 points)
#
# A step of DINO ends with two averages: the teacher follows the student with momentum α, and the centre follows the batch's mean logits with its own momentum β. In pseudo-code that goes round, something has got mixed up. The code runs, and for many steps the loss looks harmless.
#
# In: the teacher's and the student's weights (D,), the centre and the mean logits of this batch (K,), and the two momenta. Out: the new teacher and the new centre. Mend it. The check calls your function again and again with the same student and mean, and looks where the averages come to rest. You can do that, too.


# %% part="answer" exercise="two_averages"
### BEGIN SOLUTION
def my_two_averages(teacher, student, center, mean, alpha, beta):
    """(D,), (D,), (K,), (K,), two numbers → the new teacher (D,), the new centre (K,)."""
    teacher = alpha * teacher + (1 - alpha) * student
    center = beta * center + (1 - beta) * mean
    return teacher, center


### END SOLUTION
### BEGIN STUB
# def my_two_averages(teacher, student, center, mean, alpha, beta):
#     """(D,), (D,), (K,), (K,), two numbers → the new teacher (D,), the new centre (K,)."""
#     teacher = alpha * teacher + (1 - alpha) * student
#     center = alpha * center + (1 - beta) * mean
#     return teacher, center
### END STUB


# %% part="test" exercise="two_averages" points=2
check.two_averages(my_two_averages)

# %% [markdown]
# ## 10 · Find the bugs: a step in the wrong order (20 minutes, 4 points)
#
# One training step of DINO. All functions that it calls are right: they are the library's. But three things are wrong with the step itself. Two lines stand in the wrong place, and one line is missing. Nothing fails, and the loss goes somewhere.
#
# The rules of a right step:
#
# - The targets are made with the centre of the steps *before* this one. This batch enters the centre for the next step.
# - The student moves by the gradient of this step alone. `backward()` *adds* to the gradients that are there.
# - The teacher follows the student that has just moved.
#
# In: student and teacher, modules that turn views (V, B, D) into logits (V, B, K); the student's optimizer; the centre (K,); views (V, B, D), the two global ones first. Out: the new centre. Leave the numbers for temperatures and momenta as they are. The check makes three steps with small networks and compares what has become of student, teacher and centre.


# %% part="answer" exercise="train_step"
### BEGIN SOLUTION
def my_train_step(student, teacher, optimizer, center, views):
    """One step; gives back the new centre (K,)."""
    t = teacher(views[:2])
    targets = teacher_probs(t, center, 0.04)
    loss = dino_loss(student(views), targets, 0.1)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    ema_update(teacher, student, 0.9)
    return update_center(center, t, 0.9)


### END SOLUTION
### BEGIN STUB
# def my_train_step(student, teacher, optimizer, center, views):
#     """One step; gives back the new centre (K,)."""
#     t = teacher(views[:2])
#     center = update_center(center, t, 0.9)
#     targets = teacher_probs(t, center, 0.04)
#     loss = dino_loss(student(views), targets, 0.1)
#     loss.backward()
#     ema_update(teacher, student, 0.9)
#     optimizer.step()
#     return center
### END STUB


# %% part="test" exercise="train_step" points=4
check.train_step(my_train_step)

# %% [markdown]
# Once it is right: your step trains the table of notebook 03. A view of a picture is half that picture, and for the rest a random mix of all four. At the start one prototype suits them all.

# %%
if check.train_step(my_train_step).ok:
    table = 0.05 * torch.randn(4, 16, generator=torch.Generator().manual_seed(0))
    table[:, 2] += 0.4
    for picture, own in enumerate((5, 8, 11, 14)):
        table[picture, own] += 0.3
    student = torch.nn.Linear(4, 16, bias=False)
    student.weight.data.copy_(table.T)
    teacher, center = dino_lite.make_teacher(student), torch.zeros(16)
    optimizer = torch.optim.SGD(student.parameters(), lr=0.1)
    generator, shown = torch.Generator().manual_seed(0), {}
    for step in range(101):
        if step in (0, 10, 100):
            shown[f"step {step}"] = teacher_probs(teacher(torch.eye(4)).expand(2, -1, -1), center, 0.04)[0]
        mix = torch.rand(3, 4, 4, generator=generator)
        views = 0.5 * torch.eye(4) + 0.5 * mix / mix.sum(-1, keepdim=True)
        center = my_train_step(student, teacher, optimizer, center, views)
    display(plot_table(shown, ["dog", "pizza", "rocket", "apple"], "mean"))

# %% [markdown]
# In the figure, at step 0 prototype 3 has nearly everything. At step 100 each picture has a prototype of its own, and the mean is even: a quarter for each of the four.
#
# ## What you now have
#
# - The teacher's update, and two numbers that say whether a momentum fits the length of a run.
# - Three schedules without an off-by-one.
# - The order of a step: targets with the old centre, gradient, student, teacher, centre.
#
# Next: [Assignment 5](5_collapse_and_evaluation.ipynb).
