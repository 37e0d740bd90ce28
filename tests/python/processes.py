"""Programs that run beside a test, from their first line to their end."""

import re
import signal
import socket
import subprocess
import threading

START_SECONDS = 60


class Listener:
    """A process that says where it listens. `url` is that address, `log` has all its lines."""

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
        """Asks the process to end, and waits for it; gives its exit code."""
        self._process.send_signal(signal.SIGTERM)
        return self._process.wait(timeout=30)

    def kill(self):
        self._process.kill()
        self._process.wait(timeout=30)


def free_port():
    """A port that nobody listens on at the moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]
