"""The log: every intent has an outcome, whatever dies; nothing is forwarded that cannot be recorded; nothing can be
changed unseen."""

import json
import resource
import shutil

import pytest

from callers import caller
from conftest import PROVIDERS
from raw import Stream, body, call, error_of, post
from test_streaming import assert_every_intent_has_one_outcome

CARD = "4111 1111 1111 1111"


def test_a_request_leaves_an_intent_and_an_outcome(mock, gateway, dialect, provider, stream):
    usage = {"input": 100, "output": 30} if provider == "ollama" else {"input": 100, "cache_read": 20, "output": 30}
    model = mock.script({"reply": {"parts": [{"text": "ok"}], "usage": usage}})
    sent = body(dialect, f"{provider}:{model}", f"Card {CARD}")
    if stream:
        with Stream(gateway, dialect, sent) as reply:
            list(reply.events())
            request_id = reply.request_id
    else:
        request_id = post(gateway, dialect, sent).headers["x-workjet-request-id"]
    entries = [e for e in gateway.entries() if e.get("request") == request_id]
    assert [e["kind"] for e in entries] == ["ai.intent", "ai.outcome"]
    intent, outcome = entries
    assert intent["v"] == 1 and intent["tenant"] == "default"
    assert intent["targets"] == [f"{provider}:{model}"]
    assert intent["findings"][0]["path"] == "messages[0].content"
    assert intent["findings"][0]["detector"] == "credit_card"
    assert outcome["code"] == "ok" and outcome["status"] == 200
    assert outcome["model"]["answered"] == model
    assert outcome["tokens"]["input"] == 100 and outcome["tokens"]["output"] == 30
    if provider != "ollama":
        assert outcome["tokens"]["cache_read"] == 20
    assert intent["log"]["index"] < outcome["log"]["index"]
    for secret in ("1111", gateway.key, "mock-key"):
        assert secret not in json.dumps(entries)


@pytest.mark.parametrize("provider, model, nano_usd", [
    # Per million tokens: input, cached input, output; from the providers' published prices.
    ("openai", "gpt-4o-mini", 100 * 150 + 20 * 75 + 30 * 600),
    ("anthropic", "claude-3-5-haiku-20241022", 100 * 800 + 20 * 80 + 30 * 4000),
])
def test_the_cost_is_recorded_in_whole_billionths(mock, gateway, provider, model, nano_usd):
    mock.rescript(model, {"reply": {"parts": [{"text": "ok"}], "usage": {"input": 100, "cache_read": 20, "output": 30}}})
    reply = post(gateway, provider, body(provider, f"{provider}:{model}"))
    cost = gateway.outcome_of(reply.headers["x-workjet-request-id"])["cost"]
    assert cost["nano_usd"] == nano_usd
    assert cost["quality"] in ("exact", "estimated")
    assert cost["prices"].startswith("sha256:")


def test_no_prompt_and_no_reply_is_in_the_log_or_the_output(mock, gateway, dialect):
    model = mock.says("an unmistakable zebra answered")
    post(gateway, dialect, body(dialect, f"{dialect}:{model}", "an unmistakable giraffe asked"))
    found = [
        path for path in gateway.data.rglob("*") if path.is_file()
        and any(word in path.read_bytes() for word in (b"unmistakable zebra", b"unmistakable giraffe"))
    ]
    assert found == []
    assert "unmistakable" not in gateway.errors()


def test_raw_secrets_lie_nowhere_in_the_data_folder(mock, gateway, dialect):
    post(gateway, dialect, body(dialect, f"{dialect}:{mock.says('ok')}"))
    secrets = [gateway.key, "mock-key-for-openai", "mock-key-for-anthropic"]
    # A Worker has no passwords.
    secrets += [gateway.announced["password"]] if "password" in gateway.announced else []
    for path in gateway.data.rglob("*"):
        if path.is_file():
            content = path.read_bytes()
            assert not any(secret.encode() in content for secret in secrets), path
    assert not any(secret in gateway.errors() for secret in secrets)


def test_a_killed_gateway_closes_its_intents_as_unknown(mock, own_gateway):
    gateway = own_gateway()
    open_streams, ids = [], {}
    for provider in PROVIDERS:
        for dialect in ("openai", "anthropic"):
            model = mock.script({"reply": {"parts": [{"text": "some words " * 20}], "every": 5}, "wire": {"gate": True}})
            mock.release(model, 8)
            stream = Stream(gateway, dialect, body(dialect, f"{provider}:{model}"))
            assert stream.event() is not None
            open_streams.append(stream)
            ids[stream.request_id] = model
    finished = post(gateway, "openai", body("openai", f"openai:{mock.says('ok')}")).headers["x-workjet-request-id"]
    gateway.kill()
    for stream in open_streams:
        stream.hang_up()
    gateway.start()
    assert "key" not in gateway.announced and "password" not in gateway.announced, "shown once"
    outcomes = {e["request"]: e["code"] for e in gateway.entries() if e["kind"] == "ai.outcome"}
    assert {request_id: outcomes.get(request_id) for request_id in ids} == dict.fromkeys(ids, "unknown")
    assert outcomes[finished] == "ok"
    assert_every_intent_has_one_outcome(gateway)
    assert gateway.verify().returncode == 0
    # The key outlives the crash, and so does the certificate's pin.
    assert post(gateway, "openai", body("openai", f"openai:{mock.says('ok')}")).status == 200


def test_what_was_answered_is_in_the_log_after_a_kill(mock, own_gateway):
    gateway = own_gateway()
    model = mock.says("ok")
    pin = gateway.announced["pin"]
    for _ in range(3):
        ids = [
            post(gateway, "openai", body("openai", f"openai:{model}")).headers["x-workjet-request-id"] for _ in range(5)
        ]
        gateway.kill()
        gateway.start()
        outcomes = {e["request"]: e["code"] for e in gateway.entries() if e["kind"] == "ai.outcome"}
        assert [outcomes.get(request_id) for request_id in ids] == ["ok"] * 5
    assert gateway.announced["pin"] == pin
    assert_every_intent_has_one_outcome(gateway)


def test_a_stopped_gateway_finishes_what_it_has_begun(mock, own_gateway, dialect):
    gateway = own_gateway()
    model = mock.says("ok")
    client = caller(dialect, gateway)
    for _ in range(3):
        client.ask(f"{dialect}:{model}")
    gateway.stop()
    assert_every_intent_has_one_outcome(gateway)
    assert gateway.verify().returncode == 0


def test_a_sound_log_verifies_while_the_gateway_runs(mock, gateway, dialect):
    for _ in range(5):
        post(gateway, dialect, body(dialect, f"{dialect}:{mock.says('ok')}"))
        done = gateway.verify()
        assert done.returncode == 0, done.stdout + done.stderr


def log_files(folder):
    return sorted(path for path in folder.rglob("*") if path.is_file() and path.stat().st_size > 0)


def filled(own_gateway, mock):
    gateway = own_gateway()
    for _ in range(4):
        post(gateway, "openai", body("openai", f"openai:{mock.says('ok')}"))
    gateway.stop()
    assert gateway.verify().returncode == 0
    return gateway


def test_a_changed_byte_anywhere_is_seen(mock, own_gateway, tmp_path):
    gateway = filled(own_gateway, mock)
    files = log_files(gateway.log_folder())
    assert files
    unseen = []
    for path in files:
        content = path.read_bytes()
        for place in {0, len(content) // 3, len(content) // 2, len(content) - 2}:
            if not 0 <= place < len(content):
                continue
            copy = tmp_path / "copy"
            shutil.copytree(gateway.log_folder(), copy)
            changed = copy / path.relative_to(gateway.log_folder())
            altered = bytearray(content)
            altered[place] ^= 1
            changed.write_bytes(altered)
            done = gateway.run("audit", "verify", copy, check=False)
            if done.returncode != 1:
                unseen.append((str(path.relative_to(gateway.log_folder())), place, done.returncode, done.stdout + done.stderr))
            else:
                assert done.stdout + done.stderr, "it says what and where"
            shutil.rmtree(copy)
    assert unseen == []


def test_a_changed_or_missing_entry_is_seen(mock, own_gateway, tmp_path):
    gateway = filled(own_gateway, mock)
    request_id = next(e["request"] for e in gateway.entries() if e["kind"] == "ai.outcome")
    replaced = 0
    for path in log_files(gateway.log_folder()):
        content = path.read_bytes()
        if request_id.encode() in content:
            copy = tmp_path / f"copy-{replaced}"
            shutil.copytree(gateway.log_folder(), copy)
            other = request_id[:-1] + ("0" if request_id[-1] != "0" else "1")
            (copy / path.relative_to(gateway.log_folder())).write_bytes(content.replace(request_id.encode(), other.encode()))
            assert gateway.run("audit", "verify", copy, check=False).returncode == 1
            replaced += 1
    for number, path in enumerate(log_files(gateway.log_folder())):
        copy = tmp_path / f"without-{number}"
        shutil.copytree(gateway.log_folder(), copy)
        (copy / path.relative_to(gateway.log_folder())).unlink()
        assert gateway.run("audit", "verify", copy, check=False).returncode in (1, 2), path


def test_a_shortened_log_is_seen(mock, own_gateway, tmp_path):
    gateway = filled(own_gateway, mock)
    for path in log_files(gateway.log_folder()):
        copy = tmp_path / "copy"
        shutil.copytree(gateway.log_folder(), copy)
        content = path.read_bytes()
        (copy / path.relative_to(gateway.log_folder())).write_bytes(content[: len(content) * 2 // 3])
        assert gateway.run("audit", "verify", copy, check=False).returncode == 1, path
        shutil.rmtree(copy)


def test_verify_of_something_else_is_an_error(gateway, tmp_path):
    assert gateway.run("audit", "verify", tmp_path / "nowhere", check=False).returncode == 2


def test_exports_can_be_cut_by_time_and_have_formats(mock, gateway):
    post(gateway, "openai", body("openai", f"openai:{mock.says('ok')}"))
    entries = gateway.entries()
    middle = entries[-1]["time"]
    text = gateway.run("audit", "export", "--data", gateway.data, "--format", "jsonl", "--to", middle).stdout
    assert all(json.loads(line)["time"] <= middle for line in text.splitlines())
    # An export is itself recorded.
    assert any(e["kind"].startswith("system.export") for e in gateway.entries())
    assert gateway.run("audit", "export", "--data", gateway.data, "--format", "papyrus", check=False).returncode == 2


@pytest.mark.xfail(reason="these formats are announced in the command's help and come later", strict=True)
@pytest.mark.parametrize("format", ["ocsf", "cef"])
def test_other_formats_say_one_thing_an_entry(mock, gateway, format):
    post(gateway, "openai", body("openai", f"openai:{mock.says('ok')}"))
    text = gateway.run("audit", "export", "--data", gateway.data, "--format", format).stdout
    lines = text.splitlines()
    assert len(lines) >= 2
    if format == "cef":
        assert all(line.startswith("CEF:") for line in lines)
    else:
        assert all("class_uid" in json.loads(line) for line in lines)


def test_nothing_is_forwarded_that_cannot_be_recorded(mock, own_gateway, dialect, stream):
    """A full disk, by a limit on the size of files: from here on no write of the gateway succeeds."""
    gateway = own_gateway()
    model = mock.says("ok")
    sent = body(dialect, f"{dialect}:{model}", stream=stream)
    assert post(gateway, dialect, sent).status == 200
    since = mock.count()
    pid = gateway.process.pid
    resource.prlimit(pid, resource.RLIMIT_FSIZE, (0, resource.RLIM_INFINITY))
    for _ in range(3):
        reply = post(gateway, dialect, sent)
        assert reply.status == 503, reply.text
        assert error_of(dialect, reply.json)["code"] == "audit_unavailable"
    assert mock.count() == since, "no provider was asked"
    assert call(gateway, "GET", "/readyz", key=None).status == 503
    assert gateway.process.poll() is None
    gateway.kill()
    gateway.start()
    assert post(gateway, dialect, sent).status == 200
    assert gateway.verify().returncode == 0
    assert_every_intent_has_one_outcome(gateway)


def test_a_reply_whose_outcome_cannot_be_written_is_an_error(mock, own_gateway, dialect, stream):
    gateway = own_gateway()
    script = {"reply": {"parts": [{"text": "Some text that is long enough to be streamed out at once. " * 4}], "every": 10},
              "wire": {"gate": True}}
    model = mock.script(script)
    if stream:
        mock.release(model, 12)
        with Stream(gateway, dialect, body(dialect, f"{dialect}:{model}")) as reply:
            assert reply.event() is not None
            resource.prlimit(gateway.process.pid, resource.RLIMIT_FSIZE, (0, resource.RLIM_INFINITY))
            mock.release(model, 1000)
            events = list(reply.events())
        assert error_of(dialect, events[-1][1])["code"] == "audit_unavailable"
        assert all(data != "[DONE]" and name != "message_stop" for name, data in events)
    else:
        import threading

        from processes import eventually

        replies = []
        thread = threading.Thread(target=lambda: replies.append(post(gateway, dialect, body(dialect, f"{dialect}:{model}"))))
        thread.start()
        eventually("the provider is asked", lambda: mock.requests(model))
        resource.prlimit(gateway.process.pid, resource.RLIMIT_FSIZE, (0, resource.RLIM_INFINITY))
        mock.release(model, 1000)
        thread.join()
        assert replies[0].status == 503
        assert error_of(dialect, replies[0].json)["code"] == "audit_unavailable"
        assert "Some text" not in replies[0].text
    gateway.kill()
    gateway.start()
    assert_every_intent_has_one_outcome(gateway)
    assert gateway.verify().returncode == 0
