"""Starts and stops programs that run during a test."""

import random
import re
import signal
import socket
import subprocess
import threading
import time

# Long timeouts, for slow machines and short stalls.
START_SECONDS = 120
STOP_SECONDS = 120


class Listener:
    """A process that prints the address on which it listens. `url` is that address, `log` has all output lines."""

    def __init__(self, command, folder, environment):
        self.log = []
        self.url = None
        self._listening = threading.Event()
        self._process = subprocess.Popen(
            command, cwd=folder, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        threading.Thread(target=self._follow, daemon=True).start()

    def wait_until_ready(self):
        if not self._listening.wait(START_SECONDS) or self.url is None:
            self.kill()
            raise RuntimeError("the program did not start:\n" + "".join(self.log))

    def _follow(self):
        for line in self._process.stdout:
            self.log.append(line)
            found = re.search(r"(?:listening|running) on (http://[0-9.:]+)", line)
            if found:
                self.url = found.group(1)
                self._listening.set()
        self._listening.set()

    def stop(self):
        """Sends SIGTERM and waits for the process to exit. Returns its exit code."""
        self._process.send_signal(signal.SIGTERM)
        return self._process.wait(timeout=STOP_SECONDS)

    def kill(self):
        self._process.kill()
        self._process.wait(timeout=STOP_SECONDS)


def wait_for(what, happened):
    """Waits until a condition holds, such as a line in a log. Fails after `START_SECONDS`."""
    end = time.monotonic() + START_SECONDS
    while not happened():
        assert time.monotonic() < end, f"waited in vain until {what}"
        time.sleep(0.02)


def free_port():
    """Returns a free port below the ephemeral range (Linux: from 32768), so no outgoing connection takes it."""
    while True:
        port = random.randrange(10_000, 19_900)
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) != 0:
                return port
