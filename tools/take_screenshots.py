"""Take the README's pictures from a demonstration of its own: python -m tools.take_screenshots."""

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from playwright.sync_api import Browser, Page, sync_playwright

from tests.served import ROOT, free_port, manage, new_environment, wait_until_up

FOLDER = ROOT / "docs" / "screenshots"
NAME = "ann"
# For the overview to have something to show.
_RUNS = 4


def main() -> None:
    """Serve a demonstration, visit the pages and write one PNG for each."""
    FOLDER.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        environment = new_environment(Path(folder) / "data", None)
        manage(environment, "migrate", "--verbosity", "0")
        manage(environment, "demo")
        for _ in range(_RUNS):
            manage(environment, "cleanup")
        password = manage(environment, "create_operator", NAME, "--role", "privacy_officer").strip()
        url = f"http://127.0.0.1:{free_port()}"
        command = ["manage.py", "serve", "--no-cleanup", "--bind", url.removeprefix("http://")]
        server = subprocess.Popen(  # noqa: S603
            [sys.executable, *command], cwd=ROOT, env=environment
        )
        try:
            wait_until_up(url, server)
            with sync_playwright() as playwright:
                browser = playwright.chromium.launch(
                    executable_path=shutil.which("chromium"), args=["--no-sandbox", "--disable-gpu"]
                )
                _visit(browser, url, password)
        finally:
            server.terminate()
            server.wait()


def _visit(browser: Browser, url: str, password: str) -> None:
    light = _sign_in(browser, url, password, "light", 1440)
    _picture(light, "overview")
    light.goto(f"{url}/sessions/")
    _picture(light, "sessions")
    light.goto(f"{url}/sessions/?q=tag:coffee")
    light.locator("table tbody tr a").first.click()
    light.wait_for_selector("h1")
    _picture(light, "transcript")
    dark = _sign_in(browser, url, password, "dark", 1440)
    dark.goto(light.url)
    dark.locator("#purge-button").click()
    dark.wait_for_selector("dialog[open]")
    _picture(dark, "purge")
    phone = _sign_in(browser, url, password, "dark", 390)
    phone.goto(light.url)
    _picture(phone, "phone")


def _sign_in(browser: Browser, url: str, password: str, scheme: str, width: int) -> Page:
    page = browser.new_context(
        viewport={"width": width, "height": 900},
        color_scheme=scheme,  # type: ignore[arg-type]
    ).new_page()
    page.goto(url)
    page.fill("input[name=username]", NAME)
    page.fill("input[name=password]", password)
    page.keyboard.press("Enter")
    page.wait_for_url("**/overview/**")
    return page


def _picture(page: Page, name: str) -> None:
    page.wait_for_load_state("networkidle")
    page.screenshot(path=FOLDER / f"{name}.png")


if __name__ == "__main__":
    os.chdir(ROOT)
    main()
