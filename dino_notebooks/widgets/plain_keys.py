"""Keys without Ctrl, Alt or Shift belong to the control that has the focus, not to the notebook around it.

In a notebook's command mode JupyterLab takes them first: an arrow on a menu goes to another cell, D D on a button
deletes this one. Number fields alone are left to themselves.
"""

import anywidget

PAGE = """
const NAME = "data-lm-suppress-shortcuts";  // JupyterLab's own; on the box alone it would stop only some shortcuts
export default {
    render({ el }) {
        el.style.display = "none";
        const mark = event => {  // on the window: before JupyterLab, which listens on the document
            const own = el.closest(".widget-vbox")?.contains(event.target);
            const plain = !(event.ctrlKey || event.altKey || event.metaKey || event.shiftKey);
            if (own) event.target.toggleAttribute(NAME, plain);
        };
        window.addEventListener("keydown", mark, true);
        return () => window.removeEventListener("keydown", mark, true);
    }
};
"""


class PlainKeys(anywidget.AnyWidget):
    """Put it into a VBox: it shows nothing, and what else is in the box can be used by keyboard."""

    _esm = PAGE
