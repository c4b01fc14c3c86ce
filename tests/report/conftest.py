"""A made-up study's report, and a browser that opens it."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from regbench.report.page import write_report
from tests.report.made import LABELS, Made, make_study

FLAGS = (
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
)  # fmt: skip
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


@pytest.fixture(scope="session")
def made(tmp_path_factory) -> Made:
    """The study."""
    return make_study(tmp_path_factory.mktemp("made") / "results" / "tiny")


@pytest.fixture(scope="session")
def page_file(made) -> Path:
    """Its report."""
    out = made.results / "report.html"
    write_report(made.study, made.results, LABELS, made.runs, out)
    return out


@pytest.fixture(scope="session")
def browser() -> Iterator:
    """Headless Chromium of this machine; skips where there is none, and nowhere else: one that does not start is a failure."""
    found = next(filter(None, map(shutil.which, BROWSERS)), None)
    if found is None:
        pytest.skip(f"needs a browser, one of {', '.join(BROWSERS)} (Debian: apt install chromium)")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as started:
        running = started.chromium.launch(
            executable_path=found, args=list(FLAGS)
        )  # with a new profile of its own
        yield running
        running.close()


@pytest.fixture
def open_page(browser, page_file) -> Iterator[Callable]:
    """Opens the report (width, colour scheme); at the end nothing may have gone wrong in it, or been asked for outside."""
    contexts, wrong = [], []

    def open_it(width: int = 1280, scheme: str = "light"):
        contexts.append(browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme))
        page = contexts[-1].new_page()
        page.on(
            "console",
            lambda message: wrong.append(message.text) if message.type in ("error", "warning") else None,
        )
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.on("dialog", lambda dialog: (wrong.append(f"dialog {dialog.message}"), dialog.dismiss()))
        ours = ("data:", page_file.as_uri())
        page.on("request", lambda asked: None if asked.url.startswith(ours) else wrong.append(asked.url))
        page.goto(page_file.as_uri())
        page.wait_for_selector(".viewer[data-drawn]")
        return page

    yield open_it
    for context in contexts:
        context.close()
    assert wrong == []
