"""Work that takes its time, beside the notebook: one task at a time, and of those that wait only the newest."""

import threading
import traceback
from collections.abc import Callable

Task = Callable[[], None]


class Background:
    """A thread that lives while there is something to do. `failed` gets the sentence of an error."""

    def __init__(self, failed: Callable[[str], None]) -> None:
        self._failed, self._changing = failed, threading.Lock()
        self._waiting: Task | None = None
        self._idle = threading.Event()
        self._idle.set()
        self.trace = ""  # of the last error

    @property
    def busy(self) -> bool:
        """Whether something is being done, or waits."""
        return not self._idle.is_set()

    def do(self, task: Task) -> None:
        """Do it as soon as what is being done now is done; it takes the place of another one that waits."""
        with self._changing:
            self._waiting = task
            if self.busy:
                return
            self._idle.clear()
        threading.Thread(target=self._work, name="dino-explorer", daemon=True).start()

    def drop(self) -> None:
        """Forget the task that waits."""
        with self._changing:
            self._waiting = None

    def wait(self, seconds: float | None = None) -> bool:
        """Wait until nothing is left to do; whether that is so."""
        return self._idle.wait(seconds)

    def _work(self) -> None:
        while True:
            with self._changing:
                task, self._waiting = self._waiting, None
                if task is None:
                    self._idle.set()
                    return
            try:
                task()
            except Exception as error:  # in a thread nobody else would see it
                self.trace = traceback.format_exc()
                self._failed(str(error) or type(error).__name__)
