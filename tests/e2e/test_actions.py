"""What happens to a finding, other than being taken out: masks, hashes, and tokens that become values again in the reply."""

import concurrent.futures
import json
import re
import time

import anthropic
import openai
import pytest

from callers import caller
from processes import Gateway, configuration
from raw import Stream, body, post, text_of

EMAIL = "bob.miller@corp-mail.example"
OTHER = "ann@corp-mail.example"
PHONE = "+1 415 555 2671"
IBAN = "GB82 WEST 1234 5698 7654 32"
CARD = "4111 1111 1111 1111"
# Everything that JSON must escape, and more than ASCII.
NOTE = '<<say "hi"\n\t\\ é 世界 🦀>>'
# The model's own, so that nobody has a token for it.
STRANGER = "eve@corp-mail.example"

POLICY = """
[dlp]
packs = ["european"]

[dlp.request]
email = "tokenize"
phone = "tokenize"
credit_card = "mask"
iban = "hash"

[[dlp.custom]]
name = "note"
pattern = '<<[^<>]{1,60}>>'
request = "tokenize"

[[dlp.allow]]
suffix = "@example.org"
detector = "email"
"""

TOKEN = re.compile(r"\[[A-Z0-9_]+:[0-9a-f]{6}\]")

# Fragments of so many characters, sent in chunks of so many bytes, as `\u` escapes or not.
CUTS = [
    {"every": 0},
    {"every": 1},
    {"every": 2},
    {"every": 5, "bytes": 1},
    {"every": 7, "bytes": 3, "escape": True},
    {"every": 4, "comments": True, "split_data": True},
]

TOOL = {"name": "send", "description": "Sends a note", "schema": {
    "type": "object", "properties": {"to": {"type": "string"}, "note": {"type": "string"}},
}}


@pytest.fixture(scope="module")
def gateway(mock, workers, tmp_path_factory):
    text = configuration(mock, POLICY)
    if workers:
        yield workers.worker(text, keep=True)
        return
    gateway = Gateway(tmp_path_factory.mktemp("actions"), text).start()
    yield gateway
    gateway.stop()


@pytest.fixture
def client(dialect, gateway):
    return caller(dialect, gateway)


@pytest.fixture(params=CUTS, ids=str)
def cut(request):
    wire = dict(request.param)
    return wire.pop("every"), wire


def replies(mock, parts, every=0, wire=None, **more):
    """A model whose words may be `$1`, the first token of the request, and so on."""
    return mock.script({"tokens": True, "reply": {"parts": parts, "every": every}, "wire": wire or {}} | more)


def tokens(mock, model):
    """The tokens that the provider was sent, each once."""
    return list(dict.fromkeys(TOKEN.findall(mock.only_request(model)["body"])))


def assert_unseen(text, *values):
    for value in values:
        assert value not in text and json.dumps(value)[1:-1] not in text, text


def test_a_mask_keeps_the_end(mock, client, gateway, provider):
    model = mock.says("Fine.")
    client.ask(f"{provider}:{model}", f"My card is {CARD}.")
    assert "My card is ***************1111." in mock.only_request(model)["body"]


def test_a_hash_is_the_same_in_every_request(mock, client, gateway, provider):
    models = [mock.says("Fine.") for _ in range(2)]
    for model in models:
        client.ask(f"{provider}:{model}", f"Pay {IBAN} or DE89 3704 0044 0532 0130 00.")
    found = [re.findall(r"\[HASH:iban:[0-9a-f]{16}\]", mock.only_request(model)["body"]) for model in models]
    assert found[0] == found[1]
    assert len(set(found[0])) == 2
    assert_unseen(mock.only_request(models[0])["body"], IBAN)


def test_a_token_becomes_its_value_again(mock, client, provider, stream, cut):
    model = replies(mock, [{"text": "Grüße an $1! Is $2 right, $1? 世界 $3. $1"}], *cut)
    answer = client.ask(f"{provider}:{model}", f"I am {EMAIL}, call {PHONE}. {NOTE}", stream=stream)
    assert answer.text == f"Grüße an {EMAIL}! Is {PHONE} right, {EMAIL}? 世界 {NOTE}. {EMAIL}"
    assert answer.stop == client.stops["end"]
    assert_unseen(mock.only_request(model)["body"], EMAIL, PHONE, NOTE)
    assert [token.split(":")[0] for token in tokens(mock, model)] == ["[EMAIL", "[PHONE", "[NOTE"]


def test_a_token_may_be_cut_anywhere(mock, client, provider):
    for ahead in range(20):
        model = replies(mock, [{"text": "." * ahead + "$1"}], every=20)
        answer = client.ask(f"{provider}:{model}", f"I am {EMAIL}.", stream=True)
        assert answer.text == "." * ahead + EMAIL


def test_what_begins_like_a_token_at_the_end_arrives(mock, client, provider):
    for said in ["[", "[EMAIL:", "see [EMAIL:0"]:
        model = replies(mock, [{"text": said}], every=1)
        answer = client.ask(f"{provider}:{model}", f"I am {EMAIL}.", stream=True)
        assert answer.text == said
        assert answer.stop == client.stops["end"]


def test_tools_are_called_with_values(mock, client, provider, stream, cut):
    arguments = {"to": "$1", "note": "Well: $2.", "cc": ["$1", 1, None, {"deep": "$2$2"}], "$1": True}
    model = replies(mock, [{"text": "I write to $1."}, {"tool": {"id": "c1", "name": "send", "arguments": arguments}}], *cut)
    answer = client.ask(f"{provider}:{model}", f"Tell {EMAIL} this: {NOTE}", stream=stream, tools=[TOOL])
    assert answer.text == f"I write to {EMAIL}."
    [(_, name, text)] = answer.tools
    assert name == "send"
    assert json.loads(text) == {
        "to": EMAIL, "note": f"Well: {NOTE}.", "cc": [EMAIL, 1, None, {"deep": NOTE + NOTE}], EMAIL: True,
    }
    assert answer.stop == client.stops["tool"]
    assert_unseen(mock.only_request(model)["body"], EMAIL, NOTE)


def test_a_conversation_goes_on_with_other_tokens(mock, client, provider, stream):
    text = f"Tell {EMAIL} this: {NOTE}"
    first = replies(mock, [{"tool": {"id": "c1", "name": "send", "arguments": {"to": "$1", "note": "$2"}}}], every=3)
    answer = client.ask(f"{provider}:{first}", text, stream=stream, tools=[TOOL])
    results = [f"{OTHER} reads the mail of {EMAIL}"]
    second = replies(mock, [{"text": "$1 was told $2 and $3 reads it."}], every=4)
    answer = client.ask(
        f"{provider}:{second}", stream=stream, tools=[TOOL], messages=client.tool_results(text, answer, results)
    )
    assert answer.text == f"{EMAIL} was told {NOTE} and {OTHER} reads it."
    assert_unseen(mock.only_request(second)["body"], EMAIL, OTHER, NOTE)
    sent = tokens(mock, second)
    assert len(sent) == 3
    assert not set(sent) & set(tokens(mock, first))


def test_equal_values_have_one_token(mock, client, provider):
    model = replies(mock, [{"text": "$1 $2"}])
    answer = client.ask(
        f"{provider}:{model}", f"{EMAIL} and {EMAIL}, {OTHER} and {EMAIL}", system=f"You serve {EMAIL}, not {OTHER}."
    )
    assert answer.text == f"{EMAIL} {OTHER}"
    assert len(tokens(mock, model)) == 2
    assert len(TOKEN.findall(mock.only_request(model)["body"])) == 6


def test_what_the_model_makes_up_stays(mock, client, provider, stream, cut):
    said = "[EMAIL:000000] and [EMAIL:zzzzzz], [REDACTED:email], [[$1]] [NOTE:ffffff]"
    model = replies(mock, [{"text": said}], *cut)
    answer = client.ask(f"{provider}:{model}", f"I am {EMAIL}.", stream=stream)
    assert answer.text == said.replace("$1", EMAIL)


def test_what_the_model_adds_is_redacted(mock, client, provider, stream, cut):
    parts = [
        {"text": f"$1 knows {STRANGER} and {CARD}."},
        {"tool": {"id": "c1", "name": "send", "arguments": {"to": f"$1, {STRANGER}", "note": "password: $1"}}},
    ]
    model = replies(mock, parts, *cut)
    answer = client.ask(f"{provider}:{model}", f"I am {EMAIL}.", stream=stream, tools=[TOOL])
    assert answer.text == f"{EMAIL} knows [REDACTED:email] and [REDACTED:credit_card]."
    [(_, _, text)] = answer.tools
    assert json.loads(text) == {"to": f"{EMAIL}, [REDACTED:email]", "note": f"password: {EMAIL}"}


def test_what_the_request_writes_like_a_token_is_its_own(mock, client, provider, stream):
    model = replies(mock, [{"text": "$1 is not $2."}], every=2)
    answer = client.ask(f"{provider}:{model}", f"[EMAIL:abcdef] was there before {EMAIL}.", stream=stream)
    assert answer.text == f"[EMAIL:abcdef] is not {EMAIL}."
    assert tokens(mock, model)[0] == "[EMAIL:abcdef]"


def test_tokens_of_another_request_are_nobodys(mock, client, provider, stream):
    first = replies(mock, [{"text": "$1"}])
    client.ask(f"{provider}:{first}", f"I am {OTHER}.")
    [token] = tokens(mock, first)
    second = replies(mock, [{"text": f"{token} is not $1."}], every=3)
    answer = client.ask(f"{provider}:{second}", f"I am {EMAIL}.", stream=stream)
    assert answer.text == f"{token} is not {EMAIL}."


def test_parallel_requests_do_not_see_each_others_values(mock, client, provider):
    def ask(number):
        model = replies(mock, [{"text": "You are $1, or so you say, $1."}], every=2)
        address = f"user{number}@corp-mail.example"
        return address, client.ask(f"{provider}:{model}", f"I am {address}.", stream=number % 2 == 0)

    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        for address, answer in pool.map(ask, range(24)):
            assert answer.text == f"You are {address}, or so you say, {address}."


def test_thinking_is_restored_unless_it_is_signed(mock, client, provider, stream, cut):
    model = replies(mock, [{"thinking": {"text": "Is $1 real?", "signature": "c2ln"}}, {"text": "$1 is."}], *cut)
    answer = client.ask(f"{provider}:{model}", f"I am {EMAIL}.", stream=stream)
    assert answer.text == f"{EMAIL} is."
    signed = client.name == "anthropic" and provider == "anthropic"
    [token] = tokens(mock, model)
    # Some ways between dialects leave thinking out.
    assert answer.thinking in ("", f"Is {token if signed else EMAIL} real?")


def test_refusals_are_restored(mock, gateway, stream):
    model = replies(mock, [{"refusal": "Not $1."}], every=2)
    answer = caller("openai", gateway).ask(f"openai:{model}", f"I am {EMAIL}.", stream=stream)
    assert answer.refusal == f"Not {EMAIL}."


def test_text_that_was_asked_for_as_json_stays_json(mock, gateway, provider, stream):
    model = replies(mock, [{"text": '{"to": "$1", "note": "$2"}'}], every=3)
    schema = {"type": "object", "properties": {"to": {"type": "string"}, "note": {"type": "string"}}}
    answer = caller("openai", gateway).ask(
        f"{provider}:{model}", f"I am {EMAIL}. {NOTE}", stream=stream,
        response_format={"type": "json_schema", "json_schema": {"name": "letter", "schema": schema}},
    )
    assert json.loads(answer.text) == {"to": EMAIL, "note": NOTE}


def test_an_error_keeps_the_token(mock, client, provider, stream):
    model = replies(mock, [], error={"status": 400, "message": "there is no $1 here"})
    with pytest.raises((openai.APIStatusError, anthropic.APIStatusError)) as raised:
        client.ask(f"{provider}:{model}", f"I am {EMAIL}.", stream=stream)
    assert_unseen(str(raised.value) + raised.value.response.text, EMAIL)


@pytest.mark.parametrize("after", [1, 2, 3])
def test_a_stream_that_breaks_off_shows_no_more_than_what_came(mock, gateway, dialect, provider, after):
    model = replies(mock, [{"text": "To $1"}], every=4, wire={"error_after": after})
    stream = Stream(gateway, dialect, body(dialect, f"{provider}:{model}", f"I am {EMAIL}."))
    events = "".join(json.dumps(event) for event in stream.events())
    if stream.response.status == 200:
        events += stream.buffer.decode()
    assert_unseen(events, EMAIL)


def test_a_client_that_leaves_within_a_token_leaves_no_value_behind(mock, gateway, dialect):
    model = replies(mock, [{"text": "Dear friend, $1"}], every=8, wire={"gate": True})
    # What opens the reply, and the first words: `Dear fri`, `end, [EM`.
    mock.release(model, {"openai": 1, "anthropic": 3}[dialect] + 2)
    with Stream(gateway, dialect, body(dialect, f"{dialect}:{model}", f"I am {EMAIL}.")) as reply:
        heard = ""
        while "friend" not in heard:
            heard += text_of(dialect, reply.event())
        request = reply.request_id
        time.sleep(gateway.still_before_leaving)
    mock.release(model, 100)
    assert gateway.outcome_of(request)["code"] in ("client_gone", "ok", "unknown")
    assert_unseen(json.dumps(gateway.entries()) + gateway.errors(), EMAIL, *tokens(mock, model))


def test_a_name_cannot_become_a_token(mock, gateway, dialect):
    before = mock.count()
    tool = TOOL | {"name": EMAIL}
    with pytest.raises((openai.APIStatusError, anthropic.APIStatusError)) as raised:
        caller(dialect, gateway).ask("openai:model", "Hello", tools=[tool])
    assert raised.value.status_code == 400
    assert "email" in str(raised.value)
    assert_unseen(str(raised.value), EMAIL)
    assert mock.count() == before


def test_what_is_allowed_passes(mock, client, provider):
    model = mock.says("Fine.")
    client.ask(f"{provider}:{model}", f"Ask help@example.org, not {EMAIL}.")
    sent = mock.only_request(model)["body"]
    assert "help@example.org" in sent
    assert_unseen(sent, EMAIL)


def test_the_header_and_the_log_name_the_action_and_never_the_value(mock, gateway, dialect, stream):
    model = replies(mock, [{"text": f"$1 and $1, $2 and {STRANGER}"}], every=3)
    text = f"I am {EMAIL} and {EMAIL}, call {PHONE}. Card {CARD}, account {IBAN}."
    reply = post(gateway, dialect, body(dialect, f"openai:{model}", text, stream=stream))
    assert reply.status == 200
    found = "request=email:tokenize*2, request=phone:tokenize*1, request=credit_card:mask*1, request=iban:hash*1"
    assert reply.headers["x-workjet-dlp"] == found + ("" if stream else ", response=email:redact*1")

    outcome = gateway.outcome_of(reply.headers["x-workjet-request-id"])
    request = {(f["detector"], f["action"]): f["count"] for f in outcome["findings"] if f["direction"] == "request"}
    assert request == {("email", "tokenize"): 2, ("phone", "tokenize"): 1, ("credit_card", "mask"): 1, ("iban", "hash"): 1}
    reply = [(f["detector"], f["action"], f["count"]) for f in outcome["findings"] if f["direction"] == "response"]
    assert reply == [("email", "redact", 1)]
    assert_unseen(json.dumps(gateway.entries()), EMAIL, PHONE, CARD, IBAN, NOTE, *tokens(mock, model))
    assert_unseen(gateway.errors(), EMAIL, PHONE, CARD, IBAN, NOTE, *tokens(mock, model))
