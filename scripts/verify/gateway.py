"""The gateway under test as a process."""
import json
import os
import pathlib
import re
import signal
import subprocess
import tempfile
import time
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parents[2]
BINARY = os.environ.get("HOLDFAST_BINARY", str(ROOT / "Server/.build/debug/holdfast"))


class Gateway:
    """Starts the binary with a configuration and waits until it listens; `with` stops it."""

    def __init__(self, configuration):
        self._folder = tempfile.TemporaryDirectory(prefix="holdfast-verify-")
        folder = pathlib.Path(self._folder.name)
        (folder / "holdfast.yaml").write_text(configuration)
        self._log = folder / "log"
        with open(self._log, "wb") as log:
            self._process = subprocess.Popen(
                [BINARY, "serve", "--port", "0", "--config", str(folder / "holdfast.yaml")],
                stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT,
                env={"PATH": "/usr/bin:/bin", "HOME": str(folder)})
        self.port = self._wait_for_port()
        self.url = f"http://127.0.0.1:{self.port}/v1"

    def _wait_for_port(self):
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline:
            text = self._log.read_text()
            match = re.search(r"listens on http://[^ \n]*:(\d+)", text)
            if match and "try it" in text:
                return int(match[1])
            if self._process.poll() is not None:
                raise SystemExit(f"the gateway ended with {self._process.returncode}: {text}")
            time.sleep(0.01)
        self._process.kill()
        raise SystemExit("the gateway did not listen within 20 s")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._process.send_signal(signal.SIGKILL)
        self._process.wait()
        self._folder.cleanup()

    def get(self, path):
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}", timeout=10) as reply:
                return reply.read().decode()
        except urllib.error.HTTPError as error:
            # /health answers with 503 while no target can be asked.
            return error.read().decode()

    def breaker(self, target):
        """The state of a target's breaker at /health."""
        targets = json.loads(self.get("/health"))["targets"]
        return next((each["breaker"] for each in targets if each["target"].startswith(target)), "unknown")

    def count(self, metric, target=None):
        """The sum of a counter over its labels, or over those of one target.

        An attempt that the gateway gave up, or that no connection was made for, is an attempt like others.
        """
        total = 0.0
        for line in self.get("/metrics").splitlines():
            match = re.match(r"(\w+)(?:\{(.*)\})? (\S+)$", line)
            if match and match[1] == metric and (target is None or f'target="{target}"' in (match[2] or "")):
                total += float(match[3])
        return int(total)
