"""A small drawing for each diagnosis: what its targets look like, as bars over prototypes."""

BARS = {
    "uniform": (22, 22, 22, 22, 22),  # all alike
    "dominant": (4, 4, 42, 4, 4),  # one takes all
    "not_learning": (20, 30, 16, 34, 24),  # no clear favourite
}


def icon(diagnosis: str) -> str:
    """The drawing as an <svg> in the current colour; a tick for a healthy run, a question mark for an unknown word."""
    if diagnosis == "healthy":
        return _svg(
            '<circle cx="26" cy="26" r="23" fill="none" stroke="currentColor" stroke-width="4"/>'
            '<path d="M15 27l8 8l14 -17" fill="none" stroke="currentColor" stroke-width="5"/>'
        )
    if diagnosis not in BARS:
        return _svg('<text x="26" y="40" font-size="40" text-anchor="middle" fill="currentColor">?</text>')
    bars = "".join(
        f'<rect x="{3 + 9.5 * i:g}" y="{44 - height}" width="7" height="{height}" rx="1.5"/>'
        for i, height in enumerate(BARS[diagnosis])
    )
    return _svg(f'<g fill="currentColor">{bars}</g><path d="M1 48H51" stroke="currentColor" stroke-width="2.5"/>')


def _svg(body: str) -> str:
    return f'<svg viewBox="0 0 52 52" aria-hidden="true">{body}</svg>'
