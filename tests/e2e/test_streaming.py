"""Streams in time: the mock sends only what a test has released, so "while it still sends" needs no clock."""

import json
import threading
import time

import pytest

from callers import caller
from processes import eventually
from raw import PATHS, Connection, Stream, body, call, post, text_of

ENGLISH = (
    "The quick brown fox jumps over the lazy dog, and nobody minds. A gateway that inspects every word should still feel "
    "as though it were not there: what is harmless goes out at once, and only what could yet turn into something "
    "sensitive waits for the next few letters. "
) * 3


def gated(mock, text, every, **wire):
    return mock.script({"reply": {"parts": [{"text": text}], "every": every}, "wire": {"gate": True} | wire})


def chunks_before_text(provider, dialect):
    """How many events a provider sends before its first text."""
    return {"openai": 1, "anthropic": 3, "google": 0, "ollama": 0}[provider]


@pytest.mark.parametrize("every", [1, 4, 8, 30])
def test_text_leaves_while_the_provider_still_sends(mock, gateway, dialect, provider, every):
    """After n bytes of harmless text, all but the last 64 are with the client, before the provider says more."""
    model = gated(mock, ENGLISH, every)
    before = chunks_before_text(provider, dialect)
    mock.release(model, before + 1)
    received = ""
    with Stream(gateway, dialect, body(dialect, f"{provider}:{model}")) as reply:
        sent = every
        while sent < len(ENGLISH):
            while len(received) < sent - 64:
                event = reply.event()
                assert event is not None, "the stream ended early"
                received += text_of(dialect, event)
                assert ENGLISH.startswith(received)
            mock.release(model)
            sent += every
        mock.release(model, 1000)
        received += "".join(text_of(dialect, event) for event in reply.events())
    assert received == ENGLISH


def arguments_of(dialect, event):
    """What an event adds to the arguments of a tool call."""
    if dialect == "anthropic":
        return event[1].get("delta", {}).get("partial_json", "")
    if event[1] == "[DONE]":
        return ""
    calls = [call for choice in event[1]["choices"] for call in choice["delta"].get("tool_calls") or []]
    return "".join(call["function"].get("arguments", "") for call in calls)


@pytest.mark.parametrize("every", [3, 20])
@pytest.mark.parametrize("provider", ["openai", "anthropic"])
def test_tool_arguments_leave_while_the_provider_still_sends(mock, gateway, dialect, provider, every):
    """Where no detector blocks, arguments flow like text, redacted, and are JSON in the end."""
    said = {"to": "b\u00e9b\u00e9", "text": ENGLISH, "n": [1, -2.5], "card": "4111 1111 1111 1111", "id": 4111111111111111}
    written = json.dumps(said)
    script = {"parts": [{"tool": {"id": "c1", "name": "f", "arguments": written}}], "every": every}
    model = mock.script({"reply": script, "wire": {"gate": True}})
    harmless = written[: written.index("4111")]
    # What comes before the arguments: the head of the reply and that of the call.
    before = 4
    mock.release(model, before)
    received, sent = "", 0
    with Stream(gateway, dialect, body(dialect, f"{provider}:{model}")) as reply:
        while sent < len(harmless):
            while len(received) < sent - 64:
                event = reply.event()
                assert event is not None, "the stream ended early"
                received += arguments_of(dialect, event)
                assert harmless.startswith(received)
            mock.release(model)
            sent += every
        mock.release(model, 1000)
        received += "".join(arguments_of(dialect, event) for event in reply.events())
    hidden = "[REDACTED:credit_card]"
    assert received.startswith(harmless)
    assert json.loads(received) == said | {"card": hidden, "id": hidden}


def test_the_head_arrives_before_any_text(mock, gateway, dialect, provider):
    """An SDK waits for the head; it comes with the provider's first event, not with the whole reply."""
    model = gated(mock, "Hello there, this is a longer answer. " * 10, 10)
    mock.release(model, chunks_before_text(provider, dialect) + 12)
    with Stream(gateway, dialect, body(dialect, f"{provider}:{model}")) as reply:
        assert reply.status == 200
        assert reply.event() is not None
        mock.release(model, 1000)
        list(reply.events())


def test_the_rest_arrives_with_the_end(mock, gateway, dialect, provider):
    """What was held back since it could have become a card leaves before the stop."""
    model = mock.says("My card begins with 4111 1111", every=1)
    answer = caller(dialect, gateway).ask(f"{provider}:{model}", stream=True)
    assert answer.text == "My card begins with 4111 1111"


def number_of_events(mock, gateway, dialect, provider, script):
    with Stream(gateway, dialect, body(dialect, f"{provider}:{mock.script(script)}")) as reply:
        return len(list(reply.events()))


KILLED = {"reply": {"parts": [
    {"text": "A short answer, please"},
    {"tool": {"id": "c1", "name": "f", "arguments": {"a": "some words", "b": 2}}},
], "every": 8}}


# A runtime that ends the work for a client which has gone, and tells nobody, leaves the outcome to the log's alarm. It rings
# when no request can live any more, so here that is soon.
SOON = '[timeouts]\nrequest = "15s"\n'
UNTIL_THE_ALARM = 180


@pytest.mark.timeout(300)
def test_a_client_that_leaves_at_any_event_leaves_an_outcome(mock, own_gateway, dialect, provider):
    gateway = own_gateway(SOON)
    events = number_of_events(mock, gateway, dialect, provider, KILLED)
    assert events > 5
    ids = []
    for boundary in range(events):
        model = mock.script(KILLED | {"wire": {"gate": True}})
        # Enough for the head, which may wait for the first text.
        mock.release(model, chunks_before_text(provider, dialect) + 1)
        with Stream(gateway, dialect, body(dialect, f"{provider}:{model}")) as reply:
            for _ in range(boundary):
                # The provider goes on only where this client has nothing left to read.
                while not reply.ready():
                    mock.release(model)
                assert next_event(reply, mock, model) is not None
            ids.append(reply.request_id)
            time.sleep(gateway.still_before_leaving)
        mock.release(model, 1000)
    eventually("an outcome of each", lambda: set(ids) <= {
        e["request"] for e in gateway.entries() if e["kind"] == "ai.outcome" and e["code"]}, UNTIL_THE_ALARM)
    assert_every_intent_has_one_outcome(gateway)
    assert gateway.verify().returncode == 0


def next_event(reply, mock, model):
    """What there is to read may be less than an event, in whichever pieces it comes: then the provider goes on."""
    read = threading.Event()

    def go_on():
        while not read.wait(0.3):
            mock.release(model)

    provider = threading.Thread(target=go_on)
    provider.start()
    try:
        return reply.event()
    finally:
        read.set()
        provider.join()


def assert_every_intent_has_one_outcome(gateway):
    entries = gateway.entries()
    intents = [e["request"] for e in entries if e["kind"] == "ai.intent"]
    outcomes = [e["request"] for e in entries if e["kind"] == "ai.outcome"]
    assert sorted(intents) == sorted(outcomes)
    assert len(set(outcomes)) == len(outcomes)
    where = {e["request"]: e["log"]["index"] for e in entries if e["kind"] == "ai.intent"}
    for entry in entries:
        if entry["kind"] == "ai.outcome":
            assert where[entry["request"]] < entry["log"]["index"], "an intent precedes its outcome"


def leaves_before_the_head(mock, gateway, dialect, target, model, **more):
    """Sends a request and hangs up as soon as the provider has it."""
    connection = Connection(gateway)
    wire = connection.connection
    wire.connect()
    text = json.dumps(body(dialect, target, **more))
    wire.putrequest("POST", PATHS[dialect])
    wire.putheader("authorization", f"Bearer {gateway.key}")
    wire.putheader("content-type", "application/json")
    wire.putheader("content-length", str(len(text)))
    wire.endheaders(text.encode())
    eventually("the provider is asked", lambda: mock.requests(model))
    time.sleep(gateway.still_before_leaving)
    connection.close()


@pytest.mark.timeout(300)
def test_a_client_that_leaves_before_the_head_leaves_an_outcome(mock, own_gateway, dialect, provider, stream):
    gateway = own_gateway(SOON)
    model = gated(mock, "An answer that nobody hears.", 5)
    known = {e["request"] for e in gateway.entries() if e["kind"] == "ai.intent"}
    leaves_before_the_head(mock, gateway, dialect, f"{provider}:{model}", model, stream=stream)
    mock.release(model, 1000)
    [intent] = [e for e in gateway.entries() if e["kind"] == "ai.intent" and e["request"] not in known]
    [outcome] = eventually("an outcome", lambda: [
        e for e in gateway.entries() if e["kind"] == "ai.outcome" and e["request"] == intent["request"]
    ], UNTIL_THE_ALARM)
    assert outcome["code"]


def test_nobody_waits_for_ever_for_a_provider_that_hangs(mock, gateway):
    """A client that left still pays, so the gateway reads on for a while; then it lets the provider go."""
    model = mock.script({"wire": {"hang": True}})
    leaves_before_the_head(mock, gateway, "openai", f"openai:{model}", model)
    eventually("the provider is let go", lambda: mock.requests(model)[0]["ended"] == "closed by the client")


def test_the_outcome_is_durable_before_the_end_of_a_reply(mock, own_gateway, dialect, provider, stream):
    """When a client has its last byte, the log already knows: no waiting here."""
    gateway = own_gateway()
    for _ in range(3):
        model = mock.says("ok")
        sent = body(dialect, f"{provider}:{model}")
        if stream:
            with Stream(gateway, dialect, sent) as reply:
                while (event := reply.event()) is not None:
                    if event[1] == "[DONE]" or event[0] == "message_stop":
                        break
                request_id = reply.request_id
        else:
            request_id = post(gateway, dialect, sent).headers["x-workjet-request-id"]
        outcomes = [e for e in gateway.entries() if e["kind"] == "ai.outcome" and e["request"] == request_id]
        assert len(outcomes) == 1
        assert outcomes[0]["code"] == "ok"


def test_a_slow_client_does_not_hold_up_the_others(mock, gateway, dialect):
    text = "word " * 200_000
    slow = mock.says(text, every=1000)
    with Stream(gateway, dialect, body(dialect, f"{dialect}:{slow}")) as reply:
        assert reply.event() is not None
        for _ in range(3):
            assert post(gateway, dialect, body(dialect, f"{dialect}:{mock.says('ok')}")).status == 200
        assert call(gateway, "GET", "/healthz", key=None).status == 200
        received = "".join(text_of(dialect, event) for event in reply.events())
    assert text.startswith(received)
    assert len(received) > len(text) - 100
