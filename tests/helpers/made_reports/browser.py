"""Pages in a headless Chromium, by its command line."""

import json
import re
import shutil
import subprocess
from html import unescape
from pathlib import Path
from typing import NamedTuple

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


class Act(NamedTuple):
    """A script on a page: its HTML, what the script does, and what follows the ``#`` of its address."""

    html: str
    script: str
    at: str = ""


#: Shows one page after the other in a frame, until its script has said something.
STAGE = """<body><script>
const acts = %s, said = {}, wait = (ms) => new Promise((done) => setTimeout(done, ms));
addEventListener("load", async () => {
  for (const [name, address] of Object.entries(acts)) {
    const frame = document.createElement("iframe");
    Object.assign(frame.style, { width: "800px", height: "600px", border: 0 });
    frame.src = address;
    document.body.append(frame);
    await new Promise((done) => { frame.onload = done; });
    for (let turn = 0; turn < 50 && frame.contentWindow.said === undefined; turn++) await wait(20);
    said[name] = frame.contentWindow.said ?? null;
    frame.remove();
  }
  document.title = JSON.stringify(said);
});
</script></body>"""


def acted(acts: dict[str, Act], folder: Path) -> dict[str, str]:
    """What each act's script gave ``say``, in one start of the browser; the console must have said nothing."""
    addresses = {}
    for place, (name, act) in enumerate(acts.items()):
        page, say = f"act-{place}.html", "const say = (text) => { window.said = text; };"
        html = act.html.replace("</body>", f"<script>{{{say}{act.script}}}</script></body>")
        (folder / page).write_text(html, encoding="utf-8")
        addresses[name] = page + f"#{act.at}" * bool(act.at)
    stage = folder / "stage.html"
    stage.write_text(STAGE % json.dumps(addresses), encoding="utf-8")
    flags = ("--allow-file-access-from-files", "--window-size=1000,800", "--virtual-time-budget=60000")
    dom, console = browse(stage, folder / "profile", *flags)
    assert console == ""
    return json.loads(unescape(re.search("<title>(.*?)</title>", dom, re.S)[1]))
