"""A minimal WebDriver client with a private ChromeDriver."""

import base64
import os
import re
import subprocess
import time

import requests

ELEMENT = "element-6066-11e4-a52e-4f735466cecf"
PATIENCE = 120


class Browser:
    """Headless Chromium with a new profile."""

    def __init__(self, folder):
        self._log = open(os.path.join(folder, "chromedriver.log"), "w+")
        self._driver = subprocess.Popen(
            [os.environ.get("CHROMEDRIVER", "chromedriver"), "--port=0"],
            stdout=self._log,
            stderr=subprocess.STDOUT,
            env={**os.environ, "HOME": str(folder)},
        )
        try:
            self._driver_url = f"http://127.0.0.1:{self._port()}"
            self._session = self._start(folder)
        except BaseException:
            self._driver.kill()
            raise

    def _port(self):
        found = self.wait(lambda: re.search(r"started successfully on port (\d+)", self._driver_log()), "ChromeDriver to start")
        return found.group(1)

    def _driver_log(self):
        self._log.seek(0)
        return self._log.read()

    def _start(self, folder):
        arguments = [
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-dev-shm-usage",
            "--disable-quic",
            "--no-first-run",
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
            "--no-proxy-server",
            "--window-size=1400,2000",
            f"--user-data-dir={folder}/profile",
        ]
        options = {"args": arguments}
        if "CHROMIUM" in os.environ:
            options["binary"] = os.environ["CHROMIUM"]
        wanted = {
            "browserName": "chrome",
            "goog:chromeOptions": options,
            "goog:loggingPrefs": {"browser": "ALL", "performance": "ALL"},
        }
        answer = self._ask("POST", "/session", {"capabilities": {"alwaysMatch": wanted}})
        return f"/session/{answer['sessionId']}"

    def _ask(self, method, path, body=None):
        answer = requests.request(method, self._driver_url + path, json=body, timeout=120).json()["value"]
        if isinstance(answer, dict) and "error" in answer:
            raise LookupError(f"{answer['error']}: {answer['message']}")
        return answer

    def open(self, url):
        self._ask("POST", f"{self._session}/url", {"url": url})

    def script(self, code, *arguments):
        body = {"script": code, "args": list(arguments)}
        return self._ask("POST", f"{self._session}/execute/sync", body)

    def find(self, selector):
        """Waits for the first visible element that matches a CSS selector or, after `//`, an XPath. Returns it."""
        using = "xpath" if selector.startswith(("//", "(//")) else "css selector"

        def look():
            found = self._ask("POST", f"{self._session}/elements", {"using": using, "value": selector})
            for element in found:
                if self._ask("GET", f"{self._session}/element/{element[ELEMENT]}/displayed"):
                    return element[ELEMENT]
            return None

        return self.wait(lambda: self._unless_replaced(look), selector)

    def click(self, selector):
        def click(element):
            self.script("arguments[0].scrollIntoView({block: 'center'})", {ELEMENT: element})
            self._ask("POST", f"{self._session}/element/{element}/click", {})

        self._act(selector, click)

    def type(self, selector, text):
        self._act(selector, lambda element: self._ask("POST", f"{self._session}/element/{element}/value", {"text": text}))

    def text(self, selector):
        return self._act(selector, lambda element: self._ask("GET", f"{self._session}/element/{element}/text"))

    def _act(self, selector, act):
        """Returns the result of an action on an element. Retries if the page replaces the element in the meantime."""
        # A list, because `wait` would retry after a false result.
        return self.wait(lambda: self._unless_replaced(lambda: [act(self.find(selector))]), selector)[0]

    @staticmethod
    def _unless_replaced(act):
        """Runs an action on an element. Returns `None` if the page has replaced or covered the element meanwhile."""
        try:
            return act()
        except LookupError as error:
            if str(error).startswith(("stale element", "element click intercepted", "element not interactable")):
                return None
            raise

    def view(self, width, height, scheme):
        """Sets the preferred colour scheme and the viewport size, which may be smaller than the smallest window."""
        size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
        self._devtools("Emulation.setDeviceMetricsOverride", size)
        self._devtools("Emulation.setScrollbarsHidden", {"hidden": True})
        feature = {"name": "prefers-color-scheme", "value": scheme}
        self._devtools("Emulation.setEmulatedMedia", {"features": [feature]})

    def without_script(self):
        """Disables scripts on pages that are opened after this call."""
        self._devtools("Emulation.setScriptExecutionDisabled", {"value": True})

    def _devtools(self, command, parameters):
        """Sends a command of the Chrome DevTools protocol."""
        self._ask("POST", f"{self._session}/goog/cdp/execute", {"cmd": command, "params": parameters})

    def picture(self):
        """Returns a screenshot of the viewport as the bytes of a PNG."""
        return base64.b64decode(self._ask("GET", f"{self._session}/screenshot"))

    def log(self, kind):
        """Returns the log entries since the last call. `browser` is the console, `performance` the network."""
        return self._ask("POST", f"{self._session}/se/log", {"type": kind})

    @staticmethod
    def wait(look, what):
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            found = look()
            if found:
                return found
            time.sleep(0.05)
        raise TimeoutError(f"waited {PATIENCE} s for {what}")

    def close(self):
        try:
            self._ask("DELETE", self._session)
        finally:
            self._driver.terminate()
            self._driver.wait(timeout=60)
            self._log.close()
