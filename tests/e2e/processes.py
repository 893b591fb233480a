"""Starts the mock providers and the server, and stops them again. The other home is in `worker.py`."""

import itertools
import json
import os
import pathlib
import signal
import ssl
import subprocess
import threading
import time
import urllib.request
from urllib.parse import quote

PROVIDER_KEYS = {
    "openai": "mock-key-for-openai",
    "anthropic": "mock-key-for-anthropic",
    "google": "mock-key-for-google",
}
# Long enough for a debug build on a busy machine.
PATIENCE = 60


def provider_secrets():
    """The mock providers' keys, by the names that configurations have for them."""
    return {f"MOCK_{provider.upper()}_KEY": key for provider, key in PROVIDER_KEYS.items()}


def binary(name):
    """A program built from this workspace; `cargo xtask test` says where."""
    folder = pathlib.Path(os.environ.get("WORKJET_BIN_DIR", pathlib.Path(__file__).parents[2] / "target" / "debug"))
    path = folder / name
    assert path.exists(), f"{path} is not built: run `cargo xtask test --only e2e`"
    return str(path)


def eventually(what, condition):
    """Waits until `condition()` is true, and returns what it returned."""
    end = time.monotonic() + PATIENCE
    while True:
        result = condition()
        if result:
            return result
        assert time.monotonic() < end, f"it never happened: {what}"
        time.sleep(0.02)


class Mock:
    """The mock providers: tells them what to reply, asks them what they received."""

    _numbers = itertools.count(1)

    def __init__(self):
        self.process = subprocess.Popen(
            [binary("workjet-mock-providers")], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        self.url = json.loads(self.process.stdout.readline())["url"]

    def stop(self):
        self.process.stdin.close()
        self.process.wait(PATIENCE)

    def script(self, *scripts, name="model"):
        """Makes up a model that answers by `scripts`: one each, the last one for all that follow."""
        model = f"{name}-{next(self._numbers)}"
        self.rescript(model, *scripts)
        return model

    def rescript(self, model, *scripts):
        self._call("/__script", {"model": model, "scripts": list(scripts)})

    def says(self, text, **wire):
        """A model that replies `text`."""
        every = wire.pop("every", 0)
        return self.script({"reply": {"parts": [{"text": text}], "every": every}, "wire": wire})

    def release(self, model, count=1):
        self._call("/__release", {"model": model, "count": count})

    def requests(self, model=None, since=0):
        query = f"?since={since}" + (f"&model={quote(model, safe=':')}" if model else "")
        return self._call("/__requests" + query)["requests"]

    def count(self):
        return self._call("/__requests?since=1000000000")["count"]

    def only_request(self, model):
        requests = self.requests(model)
        assert len(requests) == 1, f"{model} was asked {len(requests)} times"
        return requests[0]

    def _call(self, path, body=None):
        data = None if body is None else json.dumps(body).encode()
        with urllib.request.urlopen(urllib.request.Request(self.url + path, data=data), timeout=PATIENCE) as reply:
            return json.load(reply)


class Home:
    """What tests ask of a gateway, wherever it lives: its `url`, an owner's `key`, and what follows from these."""

    url = None
    key = None
    # None without TLS.
    ca = None
    # How long a client is still before it leaves, in seconds.
    still_before_leaving = 0

    def tls(self):
        return ssl.create_default_context(cafile=self.ca) if self.ca else None

    def entries(self):
        """The audit log, entry by entry."""
        raise NotImplementedError

    def outcome_of(self, request_id):
        """Waits for the outcome of a request, and returns it."""

        def found():
            return [e for e in self.entries() if e["kind"] == "ai.outcome" and e.get("request") == request_id]

        outcomes = eventually(f"an outcome of {request_id}", found)
        assert len(outcomes) == 1, outcomes
        return outcomes[0]

    def openai(self, **options):
        import openai

        options = {"api_key": self.key, "max_retries": 0, "timeout": PATIENCE} | options
        return openai.OpenAI(base_url=f"{self.url}/v1", http_client=openai.DefaultHttpxClient(**self._verify()), **options)

    def anthropic(self, **options):
        import anthropic

        options = {"api_key": self.key, "max_retries": 0, "timeout": PATIENCE} | options
        return anthropic.Anthropic(base_url=self.url, http_client=anthropic.DefaultHttpxClient(**self._verify()), **options)

    def _verify(self):
        return {"verify": self.tls()} if self.ca else {}


class Gateway(Home):
    """The server: one data folder, and the binary that serves it."""

    def __init__(self, folder, text):
        self.folder = pathlib.Path(folder)
        self.data = self.folder / "data"
        self.config = self.folder / "workjet.toml"
        self.folder.mkdir(parents=True, exist_ok=True)
        self.config.write_text(f'listen = "127.0.0.1:0"\ndata = {json.dumps(str(self.data))}\n{text}')
        self.process = None
        self.key = None

    def start(self, *arguments):
        environment = os.environ | provider_secrets()
        self.process = subprocess.Popen(
            [binary("workjet"), "serve", "--config", self.config, "--data", self.data, "--listen", "127.0.0.1:0"]
            + ["--announce", "json", *arguments],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=environment,
            # SIGXFSZ stays ignored, as Python has it: a full disk must be an error that the gateway sees.
            restore_signals=False,
        )
        # By way of a pipe: limits that a test sets on the gateway's files must not silence it.
        self.listener = threading.Thread(target=self._listen, args=[self.process.stderr])
        self.listener.start()
        line = self.process.stdout.readline()
        assert line, f"the gateway did not start: {self.errors()}"
        self.announced = json.loads(line)
        self.url = self.announced["url"].rstrip("/")
        self.ca = self.announced["ca"]
        # Raw secrets are shown on the first start alone.
        self.key = self.announced.get("key", self.key)
        return self

    def _listen(self, stderr):
        with open(self.folder / "stderr.txt", "ab", buffering=0) as file:
            while piece := stderr.read1(65536):
                file.write(piece)

    def errors(self):
        return (self.folder / "stderr.txt").read_text(errors="replace")

    def stop(self):
        """Stops it as a service manager would."""
        if self.process and self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            self.process.wait(PATIENCE)
        self._close()

    def kill(self):
        """Stops it as a power failure would."""
        self.process.kill()
        self.process.wait(PATIENCE)
        self._close()

    def _close(self):
        if self.process:
            self.listener.join(PATIENCE)
            self.process.stdout.close()
            self.process.stderr.close()
            self.process = None

    def run(self, *arguments, check=True, stdin=None):
        """Runs a command of the binary; the data folder and the running gateway are shared."""
        done = subprocess.run(
            [binary("workjet"), *map(str, arguments)],
            input=stdin, capture_output=True, text=True, timeout=PATIENCE, cwd=self.folder,
        )
        if check:
            assert done.returncode == 0, f"{arguments}: exit {done.returncode}\n{done.stdout}\n{done.stderr}"
        return done

    def log_folder(self, tenant="default"):
        return self.data / "audit" / tenant

    def entries(self):
        """The audit log, as the command line exports it."""
        text = self.run("audit", "export", "--data", self.data, "--tenant", "default", "--format", "jsonl").stdout
        return [json.loads(line) for line in text.splitlines() if line.strip()]

    def verify(self):
        return self.run("audit", "verify", self.log_folder(), check=False)


def configuration(mock, extra="", top=""):
    """Four mock providers, and what a test adds."""
    return f"""
{top}

[[provider]]
name = "openai"
kind = "openai"
base_url = "{mock.url}/v1"
api_key = {{ env = "MOCK_OPENAI_KEY" }}

[[provider]]
name = "anthropic"
kind = "anthropic"
base_url = "{mock.url}"
api_key = {{ env = "MOCK_ANTHROPIC_KEY" }}

[[provider]]
name = "google"
kind = "google"
base_url = "{mock.url}"
api_key = {{ env = "MOCK_GOOGLE_KEY" }}

[[provider]]
name = "ollama"
kind = "ollama"
base_url = "{mock.url}"

{extra}
"""
