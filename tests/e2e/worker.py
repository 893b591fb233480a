"""The Worker under `workerd`: the same face as the server's, with nothing behind it but HTTP.

Workers are shared by all tests that need the same configuration, since each takes a process and a second. So that such
tests do not see each other, each gets a view: a user of its own, and the log from where it stood.
"""

import collections
import itertools
import json
import os
import pathlib
import subprocess
import tempfile
import types
import urllib.request

from processes import PATIENCE, Home, provider_secrets

BOOTSTRAP_TOKEN = "bootstrap-token-of-the-end-to-end-tests"
# More would only take memory; those in use longest ago end first.
MOST = 6


def command():
    """What starts a Worker, as `cargo xtask test` says."""
    text = os.environ.get("WORKJET_WORKER")
    assert text, "WORKJET_WORKER does not say how to start the Worker: run `cargo xtask test --only e2e-worker`"
    return text.split("\n")


class Process:
    """One Worker, with a scratch folder for its state. `adapters/cloudflare/node/start.mjs` says how to talk to it."""

    def __init__(self, text):
        self.folder = tempfile.TemporaryDirectory(prefix="workjet-worker-")
        self.data = pathlib.Path(self.folder.name) / "state"
        self.stderr = pathlib.Path(self.folder.name) / "stderr.txt"
        with open(self.stderr, "wb") as stderr:
            self.process = subprocess.Popen(
                command(), stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=stderr, text=True
            )
        secrets = {"WORKJET_KEK": "11" * 32, "WORKJET_LOG_KEY": "22" * 32, "BOOTSTRAP_TOKEN": BOOTSTRAP_TOKEN}
        options = {"state": str(self.data), "config": text, "vars": secrets | provider_secrets()}
        self.process.stdin.write(json.dumps(options) + "\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        assert line, f"the Worker did not start: {self.stderr.read_text()}"
        self.url = json.loads(line)["url"].rstrip("/")
        self.owner = self.call("POST", "/admin/v1/bootstrap", {}, key=BOOTSTRAP_TOKEN)["key"]
        self.log = []
        self.next = 0
        self.keep = False

    def call(self, method, path, body=None, key=None):
        data = None if body is None else json.dumps(body).encode()
        headers = {"authorization": f"Bearer {key or self.owner}", "content-type": "application/json"}
        request = urllib.request.Request(self.url + path, data, headers, method=method)
        with urllib.request.urlopen(request, timeout=PATIENCE) as reply:
            return json.load(reply)

    def entries(self):
        """All entries so far but those about reading them; each is fetched once."""
        while True:
            request = urllib.request.Request(
                f"{self.url}/audit/v1/entries?from={self.next}", headers={"authorization": f"Bearer {self.owner}"}
            )
            with urllib.request.urlopen(request, timeout=PATIENCE) as reply:
                lines = reply.read().decode().splitlines()
                next = int(reply.headers["x-workjet-next"])
            self.log += [entry for entry in map(json.loads, lines) if entry["kind"] != "system.exported"]
            if next == self.next:
                return self.log
            self.next = next

    def stop(self):
        if self.process.poll() is None:
            self.process.stdin.close()
            self.process.wait(PATIENCE)
        self.process.stdout.close()
        self.folder.cleanup()


class Pool:
    """The Workers that run, by their configuration."""

    def __init__(self):
        self.running = collections.OrderedDict()

    def worker(self, text, keep=False):
        """A view of the Worker with this configuration; `keep` for one that is used until the end."""
        process = self.running.pop(text, None) or Process(text)
        process.keep = process.keep or keep
        self.running[text] = process
        idle = [text for text, process in self.running.items() if not process.keep]
        for text in idle[:-MOST]:
            self.running.pop(text).stop()
        return Worker(process)

    def stop(self):
        for process in self.running.values():
            process.stop()


class Worker(Home):
    """A Worker as one test sees it."""

    _numbers = itertools.count(1)
    # workerd does not always notice a client that leaves while the Worker is in the middle of writing; the log then closes
    # the request as `unknown`, once no request lives that long.
    still_before_leaving = 0.7

    def __init__(self, process):
        self.process = process
        self.url = process.url
        self.data = process.data
        login = {"email": f"test-{next(self._numbers)}@example.com", "role": "owner"}
        user = process.call("POST", "/admin/v1/users", login)["user"]["id"]
        self.key = process.call("POST", "/admin/v1/keys", {"name": "test", "user": user})["key"]
        self.announced = {"key": self.key, "url": self.url}
        self.began = len(process.entries())

    def entries(self):
        return self.process.entries()[self.began:]

    def errors(self):
        return self.process.stderr.read_text(errors="replace")

    def verify(self):
        """Without the files there is only this to check: entries are numbered without a gap, and none came before."""
        numbers = [entry["log"]["index"] for entry in self.process.entries()]
        return types.SimpleNamespace(returncode=0 if numbers == sorted(set(numbers)) else 1, stdout=str(numbers))

    def stop(self):
        """Others may use it."""
