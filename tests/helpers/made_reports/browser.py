"""Pages in a headless Chromium, by its command line."""

import re
import shutil
import subprocess
from html import unescape
from pathlib import Path

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
FLAGS = "--headless --no-sandbox --disable-gpu --disable-background-networking --no-first-run --enable-logging=stderr"


def browse(page: Path, profile: Path, *more: str, at: str = "") -> tuple[str, str]:
    """The page's elements after its scripts ran, and what the console said.

    Args:
        page: the file.
        profile: a folder for the browser.
        more: flags.
        at: what follows the ``#`` of its address.
    """
    address = page.as_uri() + f"#{at}" * bool(at)
    command = [CHROMIUM, *FLAGS.split(), *more, "--v=0", f"--user-data-dir={profile}", "--dump-dom", address]
    ran = subprocess.run(command, capture_output=True, text=True, timeout=480, check=True)
    return ran.stdout, "\n".join(line for line in ran.stderr.splitlines() if "CONSOLE" in line)


def acted(html: str, script: str, folder: Path, at: str = "") -> tuple[str, str]:
    """The page's elements after a script, and what that script gave ``say``; the console must have said nothing."""
    page = folder / "acted.html"
    shown = "const say = (text) => { document.title = text; };"
    page.write_text(html.replace("</body>", f"<script>{{{shown}{script}}}</script></body>"), encoding="utf-8")
    dom, console = browse(page, folder / "profile", "--virtual-time-budget=5000", at=at)
    assert console == ""
    return dom, unescape(re.search("<title>(.*?)</title>", dom, re.S)[1])
