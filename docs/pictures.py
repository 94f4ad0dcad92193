"""Make the README's pictures from the reports of a finished study: ``python docs/pictures.py``. It needs Chromium."""

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

REPORTS, PICTURES = Path("reports"), Path(__file__).parent / "pictures"
BROWSERS = ("chromium", "chromium-browser", "google-chrome")
FLAGS = ("--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--hide-scrollbars")
WIDTH = 1100  # pixels
#: Of each picture: the page, which of its sections (all if none is named), what its filter shows, how high in pixels.
SHOWN = {
    "front": ("index.html", "", "", 1220),
    "speed": ("speed.html", "", "", 900),
    "gates": ("shapes.html", "kernels", "cell=gru", 900),
}
THEMES = {"light": "--blink-settings=preferredColorScheme=1", "dark": "--blink-settings=preferredColorScheme=0"}


def main() -> None:
    """Write ``docs/pictures/<name>-<theme>.png`` for each picture in both themes.

    Raises:
        SystemExit: no browser, or no page.
    """
    browser = next(filter(None, map(shutil.which, BROWSERS)), None)
    if browser is None:
        sys.exit(f"error: no browser; one of {', '.join(BROWSERS)} must be installed")
    PICTURES.mkdir(exist_ok=True)
    for name, (page, section, shown, height) in SHOWN.items():
        if not (REPORTS / page).is_file():
            sys.exit(f"error: no {REPORTS / page}; run a study first: python run_all.py")
        html = (REPORTS / page).read_text(encoding="utf-8")
        if section:
            html = html.replace("</head>", f"<style>section:not(#{section}) {{ display: none }}</style></head>")
        for theme, flag in THEMES.items():
            shoot(browser, html, shown, flag, height, PICTURES / f"{name}-{theme}.png")


def shoot(browser: str, html: str, shown: str, theme: str, height: int, picture: Path) -> None:
    """Show a page in the browser and write what is seen."""
    with tempfile.TemporaryDirectory(prefix="rnn-twins-") as folder:
        page = Path(folder, "page.html")
        page.write_text(html, encoding="utf-8")
        window = (f"--window-size={WIDTH},{height}", f"--screenshot={picture}", f"--user-data-dir={folder}/profile")
        subprocess.run([browser, *FLAGS, theme, *window, f"{page.as_uri()}#?{shown}"], check=True, capture_output=True)


if __name__ == "__main__":
    main()
