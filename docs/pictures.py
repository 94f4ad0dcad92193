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
#: Of each picture: the page, from which heading on, how high in pixels.
SHOWN = {"front": ("index.html", "", 900), "speed": ("speed.html", "", 900), "gates": ("shapes.html", "gates", 700)}
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
    for name, (page, heading, height) in SHOWN.items():
        if not (REPORTS / page).is_file():
            sys.exit(f"error: no {REPORTS / page}; run a study first: python run_all.py")
        address = (REPORTS / page).absolute().as_uri() + f"#{heading}" * bool(heading)
        for theme, flag in THEMES.items():
            with tempfile.TemporaryDirectory(prefix="rnn-twins-") as profile:
                window = (f"--window-size={WIDTH},{height}", f"--screenshot={PICTURES / f'{name}-{theme}.png'}")
                subprocess.run(
                    [browser, *FLAGS, flag, *window, f"--user-data-dir={profile}", address],
                    check=True,
                    capture_output=True,
                )


if __name__ == "__main__":
    main()
