"""Drive a real Label Studio: tasks in, one coder over its API, one in a browser, labels out, compared to the last sign.

python -m venv LS && LS/bin/pip install label-studio
.venv/bin/python experiments/label_studio/drive.py LS/bin/label-studio demo/tfidf experiments/runs/label_studio

Needs Chromium and its driver. OUT must not exist; the server's own files, screenshots and exports stay there.
"""

import argparse
import json
import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

from selenium import webdriver
from selenium.common.exceptions import (
    ElementClickInterceptedException,
    StaleElementReferenceException,
    WebDriverException,
)
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By
from selenium.webdriver.remote.webelement import WebElement
from selenium.webdriver.support.ui import WebDriverWait

COMMAND = [sys.executable, "-m", "ukraine_stance.cli"]
# Invented, and awkward on purpose.
STATEMENTS = [
    {
        "id": "007",
        "text": "The harbour council will pay for two more ambulances for Kyiv 🚑🇺🇦.",
        "note": "NA",
        "year": 2024,
    },
    {
        "id": "ls-2",
        "text": 'Not "one more cent",\nthe treasurer of the Veldmark League said.',
        "note": None,
        "year": 2025,
    },
    {
        "id": "ls-3",
        "text": "<b>Talks</b> & tea: the envoys met, said “nothing”, and left\tat six.",
        "note": "a;b",
        "year": None,
    },
    {"id": "ls-4", "text": "قال الوزير إن المولدات ستصل قبل الشتاء", "note": "right to left", "year": 2023},
    {"id": "ls-5", "text": "Nobody labels this one.", "note": "skipped by one, unseen by the other", "year": 2023},
]
# Choices of the coder on the API by statement; None skips it. The coder in the browser takes the first shown.
OVER_THE_API = {"007": "favor", "ls-2": "against", "ls-3": "neutral", "ls-4": "favor", "ls-5": None}
IN_THE_BROWSER = {"007": "favor", "ls-2": "neutral"}
PASSWORD = "a-password-of-this-test-only"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("label_studio", type=Path)
    parser.add_argument("model", help="whose labels are shown as suggestions")
    parser.add_argument("out", type=Path)
    given = parser.parse_args()
    given.out.mkdir(parents=True)
    out = given.out.resolve()
    pool = out / "pool.jsonl"
    pool.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in STATEMENTS), encoding="utf-8")
    stance("data", "tasks", pool, "--tool", "label-studio", "--model", given.model, "--out", out / "tasks.json")
    port = free_port()
    server = start(given.label_studio.absolute(), out / "server", port)
    try:
        use(f"http://127.0.0.1:{port}", out)
    finally:
        server.terminate()
        server.wait(30)
    stance("data", "import", out / "export.json", "--tool", "label-studio", "--out", out / "labels.jsonl")
    check(out / "labels.jsonl")
    stance("data", "agreement", out / "labels.jsonl", "--out", out / "disputed.csv")


def use(address: str, out: Path) -> None:
    wait_for(f"{address}/health")
    driver = browser(out)
    try:
        sign_in(driver, address, "first@example.org")
        api = Api(address, driver)
        project = api.post(
            "/api/projects", {"title": "Stance", "label_config": (out / "tasks.json.config.xml").read_text()}
        )
        tasks = json.loads((out / "tasks.json").read_text(encoding="utf-8"))
        print("imported:", api.post(f"/api/projects/{project['id']}/import", tasks)["task_count"], "tasks")
        for task in api.get(f"/api/tasks?project={project['id']}&page_size=100")["tasks"]:
            label = OVER_THE_API[task["data"]["statement_id"]]
            choice = {"from_name": "stance", "to_name": "text", "type": "choices", "value": {"choices": [label]}}
            answer = {"result": [choice] if label else [], "was_cancelled": label is None}
            api.post(f"/api/tasks/{task['id']}/annotations", answer)
        invite = api.get("/api/invite")["invite_url"]
        tasks_now = {
            t["data"]["statement_id"]: t["id"]
            for t in api.get(f"/api/tasks?project={project['id']}&page_size=100")["tasks"]
        }
        driver.delete_all_cookies()
        sign_up(driver, address + invite, "second@example.org")
        for statement, label in IN_THE_BROWSER.items():
            label_in_browser(
                driver,
                f"{address}/projects/{project['id']}/data?task={tasks_now[statement]}",
                label,
                out / f"{statement}.png",
            )
        driver.get(f"{address}/projects/{project['id']}/data")
        time.sleep(3)
        driver.save_screenshot(str(out / "project.png"))
        export = Api(address, driver).get(
            f"/api/projects/{project['id']}/export?exportType=JSON&download_all_tasks=true"
        )
        (out / "export.json").write_text(json.dumps(export, ensure_ascii=False, indent=1), encoding="utf-8")
    except WebDriverException:
        driver.save_screenshot(str(out / "fault.png"))
        raise
    finally:
        driver.quit()


def label_in_browser(driver: webdriver.Chrome, address: str, label: str, picture: Path) -> None:
    driver.get(address)
    wait = WebDriverWait(
        driver, 30, ignored_exceptions=(StaleElementReferenceException, ElementClickInterceptedException)
    )
    choice = f"//label[starts-with(normalize-space(), '{label}')]"
    # While the page still draws the annotation of the coder before, clicks are lost.
    wait.until(
        lambda d: (submit(d) and not chosen(d)) or pressed(d, By.CSS_SELECTOR, "[aria-label='Create an annotation']")
    )
    wait.until(lambda d: chosen(d) or pressed(d, By.XPATH, choice))
    driver.save_screenshot(str(picture))
    submit(driver)[0].click()
    wait.until(lambda d: d.find_elements(By.XPATH, "//button[contains(., 'Update')]"))


def pressed(driver: webdriver.Chrome, by: str, what: str) -> bool:
    """Click, and say that it is to be looked at again."""
    driver.find_element(by, what).click()
    time.sleep(1)
    return False


def submit(driver: webdriver.Chrome) -> list[WebElement]:
    return driver.find_elements(By.XPATH, "//button[contains(., 'Submit')]")


def chosen(driver: webdriver.Chrome) -> bool:
    ours = " or ".join(f"starts-with(normalize-space(), '{label}')" for label in ("favor", "against", "neutral"))
    return any(box.is_selected() for box in driver.find_elements(By.XPATH, f"//label[{ours}]//input"))


def check(path: Path) -> None:
    """Every statement came back as it went, with the labels given."""
    rows = {row["id"]: row for row in map(json.loads, path.read_text(encoding="utf-8").splitlines())}
    assert set(rows) == {row["id"] for row in STATEMENTS}
    for sent in STATEMENTS:
        back = rows[sent["id"]]
        assert back["text"] == sent["text"], (back["text"], sent["text"])
        assert (back.get("note"), back.get("year")) == (sent["note"], sent["year"])
        found = sorted(vote["label"] for vote in back["votes"])
        wanted = [label for given in (OVER_THE_API, IN_THE_BROWSER) if (label := given.get(sent["id"]))]
        assert found == sorted(wanted), (sent["id"], found)
    votes = sum(len(row["votes"]) for row in rows.values())
    print(f"{len(rows)} statements came back as they went, with {votes} votes of 2 coders")


class Api:
    """Label Studio's API with the session of the browser, as its own pages use it."""

    def __init__(self, address: str, driver: webdriver.Chrome) -> None:
        self._address = address
        cookies = {cookie["name"]: cookie["value"] for cookie in driver.get_cookies()}
        self._headers = {
            "Cookie": "; ".join(f"{name}={value}" for name, value in cookies.items()),
            "X-CSRFToken": cookies.get("csrftoken", ""),
            "Content-Type": "application/json",
            "Referer": address,
        }

    def get(self, path: str) -> Any:
        return self._ask(path, None)

    def post(self, path: str, value: Any) -> Any:
        return self._ask(path, json.dumps(value).encode())

    def _ask(self, path: str, body: bytes | None) -> Any:
        request = urllib.request.Request(self._address + path, data=body, headers=self._headers)
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                return json.load(answer)
        except urllib.error.HTTPError as fault:
            raise SystemExit(f"{path}: {fault.code} {fault.read()[:500]!r}") from fault


def sign_in(driver: webdriver.Chrome, address: str, user: str) -> None:
    driver.get(f"{address}/user/login")
    driver.find_element(By.NAME, "email").send_keys(user)
    driver.find_element(By.NAME, "password").send_keys(PASSWORD)
    driver.find_element(By.CSS_SELECTOR, "form [type=submit], form button").click()
    WebDriverWait(driver, 30).until(lambda d: "/user/login" not in d.current_url)


def sign_up(driver: webdriver.Chrome, address: str, user: str) -> None:
    driver.get(address)
    driver.find_element(By.NAME, "email").send_keys(user)
    driver.find_element(By.NAME, "password").send_keys(PASSWORD)
    driver.find_element(By.CSS_SELECTOR, "form [type=submit], form button").click()
    WebDriverWait(driver, 30).until(lambda d: "/user/signup" not in d.current_url)


def start(program: Path, folder: Path, port: int) -> subprocess.Popen[bytes]:
    folder.mkdir()
    command = [
        program,
        "start",
        "--no-browser",
        "--data-dir",
        folder,
        "--internal-host",
        "127.0.0.1",
        "--port",
        str(port),
    ]
    command += ["--username", "first@example.org", "--password", PASSWORD]
    environment = {
        **os.environ,
        "COLLECT_ANALYTICS": "false",
        "SENTRY_DSN": "",
        "FRONTEND_SENTRY_DSN": "",
        "LATEST_VERSION_CHECK": "false",
    }
    with (folder / "server.log").open("wb") as log:
        return subprocess.Popen(list(map(str, command)), stdout=log, stderr=log, env=environment, cwd=folder)


def browser(out: Path) -> webdriver.Chrome:
    options = webdriver.ChromeOptions()
    options.binary_location = "/usr/bin/chromium"
    for word in (
        "headless",
        "no-sandbox",
        "disable-gpu",
        "disable-quic",
        "no-first-run",
        "disable-background-networking",
    ):
        options.add_argument(f"--{word}")
    options.add_argument("--disable-component-update")
    options.add_argument("--disable-sync")
    options.add_argument("--window-size=1400,1000")
    options.add_argument(f"--user-data-dir={out / 'browser'}")
    return webdriver.Chrome(options=options, service=Service("/usr/bin/chromedriver"))


def stance(*words: object) -> None:
    print("$ stance", *(word.name if isinstance(word, Path) else word for word in words), flush=True)
    subprocess.run([*COMMAND, *map(str, words)], check=True)


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


def wait_for(address: str) -> None:
    for _ in range(240):
        try:
            with urllib.request.urlopen(address, timeout=5):
                return
        except (urllib.error.URLError, OSError):
            time.sleep(1)
    raise SystemExit(f"{address}: no answer in four minutes")


if __name__ == "__main__":
    main()
