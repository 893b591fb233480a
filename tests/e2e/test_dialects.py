"""Each client against each provider, whole and streamed: what one says must mean the same to the other."""

import json

import pytest

from callers import caller
from conftest import CLIENTS
from raw import Stream, body, call, post

USAGE = {"input": 100, "cache_read": 20, "output": 30, "reasoning": 10}
WEATHER = {
    "name": "get_weather",
    "description": "Tells the weather.",
    "schema": {"type": "object", "properties": {"city": {"type": "string"}, "days": {"type": "integer"}},
               "required": ["city"]},
}


def test_text_arrives(mock, client, provider, stream):
    text = "Grüße aus Köln, 世界! 😀\n\tA tab, \"quotes\" and a \\ backslash."
    model = mock.says(text, every=3, bytes=5)
    answer = client.ask(f"{provider}:{model}", stream=stream)
    assert answer.text == text
    assert answer.stop == client.stops["end"]
    # The reply's model is the provider's own.
    assert answer.model == model
    request = mock.only_request(model)
    assert "Hello" in request["body"]


def test_an_empty_reply_is_a_reply(mock, client, provider, stream):
    answer = client.ask(f"{provider}:{mock.script({})}", stream=stream)
    assert (answer.text, answer.tools) == ("", [])
    assert answer.stop == client.stops["end"]


def test_system_prompt_arrives(mock, client, provider, stream):
    model = mock.says("ok")
    client.ask(f"{provider}:{model}", text="The question", system="Answer like a pirate", stream=stream)
    sent = json.loads(mock.only_request(model)["body"])
    system = {
        "openai": lambda: sent["messages"][0],
        "anthropic": lambda: sent["system"],
        "google": lambda: sent["systemInstruction"],
        "ollama": lambda: sent["messages"][0],
    }[provider]()
    assert "Answer like a pirate" in json.dumps(system)
    if isinstance(system, dict) and "role" in system and provider != "google":
        assert system["role"] in ("system", "developer")
    assert "The question" in json.dumps(sent)


def test_length_stop_is_told(mock, client, provider, stream):
    model = mock.script({"reply": {"parts": [{"text": "cut o"}], "stop": "length"}})
    assert client.ask(f"{provider}:{model}", stream=stream).stop == client.stops["length"]


def test_usage_is_counted_as_the_client_counts(mock, client, provider, stream):
    usage = {"input": 100, "output": 30} if provider == "ollama" else USAGE
    model = mock.script({"reply": {"parts": [{"text": "ok"}], "usage": usage}})
    answer = client.ask(f"{provider}:{model}", stream=stream)
    assert answer.input == 100
    assert answer.cached == usage.get("cache_read", 0)
    # Reasoning is output, also where the provider counts it apart.
    assert answer.output == 30


def test_cache_writes_are_input_to_an_openai_client_once(mock, gateway, stream):
    usage = {"input": 100, "cache_read": 20, "cache_write_5m": 40, "cache_write_1h": 8, "output": 30}
    model = mock.script({"reply": {"parts": [{"text": "ok"}], "usage": usage}})
    answer = caller("openai", gateway).ask(f"anthropic:{model}", stream=stream)
    assert answer.input + answer.cached == 168
    assert (answer.cached, answer.output) == (20, 30)


def test_cache_writes_pass_between_anthropic_and_its_clients(mock, gateway, stream):
    usage = {"input": 100, "cache_read": 20, "cache_write_5m": 40, "cache_write_1h": 8, "output": 30}
    model = mock.script({"reply": {"parts": [{"text": "ok"}], "usage": usage}})
    answer = caller("anthropic", gateway).ask(f"anthropic:{model}", stream=stream)
    assert answer.raw.usage.cache_creation_input_tokens == 48
    assert answer.raw.usage.cache_creation.ephemeral_1h_input_tokens == 8
    assert (answer.input, answer.cached, answer.output) == (100, 20, 30)


def test_a_tool_is_called_and_its_result_arrives(mock, client, provider, stream):
    arguments = {"city": "Bonn \"am\" Rhein é", "days": 3}
    call = {"reply": {"parts": [{"tool": {"id": "call_1", "name": "get_weather", "arguments": arguments}}], "every": 1}}
    model = mock.script(call, {"reply": {"parts": [{"text": "It rains."}]}})
    answer = client.ask(f"{provider}:{model}", text="Weather?", tools=[WEATHER], stream=stream)
    assert answer.stop == client.stops["tool"]
    [(id, name, text)] = answer.tools
    assert (name, json.loads(text)) == ("get_weather", arguments)
    assert id

    messages = client.tool_results("Weather?", answer, ['{"sky": "grey é"}'])
    again = client.ask(f"{provider}:{model}", messages=messages, tools=[WEATHER], stream=stream)
    assert again.text == "It rains."
    first, second = (json.loads(request["body"]) for request in mock.requests(model))
    assert "Tells the weather." in json.dumps(first["tools"]), "the description"
    assert "integer" in json.dumps(first["tools"]), "the schema"
    sent = json.dumps(second["contents" if provider == "google" else "messages"])
    assert "am" in sent and "sky" in sent and "get_weather" in sent
    if provider == "google":
        parts = [part for content in second["contents"] for part in content["parts"]]
        [call] = [part["functionCall"] for part in parts if "functionCall" in part]
        [result] = [part["functionResponse"] for part in parts if "functionResponse" in part]
        assert call["args"] == arguments and result["name"] == "get_weather"
        assert isinstance(result["response"], dict)
    if provider == "ollama":
        [call] = [c for m in second["messages"] for c in m.get("tool_calls", [])]
        assert call["function"]["arguments"] == arguments
    if provider in ("openai", "anthropic"):
        assert sent.count(id) == 2, "the call and its result name each other"


def test_parallel_tools_keep_their_order_and_their_results(mock, client, provider, stream):
    cities = ["Bonn", "Rome", "Oslo"]
    parts = [{"text": "Let me look."}] + [
        {"tool": {"id": f"call_{city}", "name": "get_weather", "arguments": {"city": city}}} for city in cities
    ]
    model = mock.script({"reply": {"parts": parts, "every": 2}}, {})
    answer = client.ask(f"{provider}:{model}", text="Weather?", tools=[WEATHER], stream=stream)
    assert answer.text == "Let me look."
    assert [json.loads(arguments)["city"] for _, _, arguments in answer.tools] == cities
    assert len({id for id, _, _ in answer.tools}) == 3, "each call has an id of its own"

    client.ask(f"{provider}:{model}", messages=client.tool_results("Weather?", answer, ["12 C", "25 C", "3 C"]),
               tools=[WEATHER])
    second = json.loads(mock.requests(model)[1]["body"])
    sent = json.dumps(second)
    places = [sent.index(result) for result in ("12 C", "25 C", "3 C")]
    assert places == sorted(places)
    if provider == "anthropic":
        last = second["messages"][-1]["content"]
        assert [block["type"] for block in last] == ["tool_result"] * 3, "results go in one message"


def test_a_call_without_arguments_has_an_empty_object(mock, client, provider, stream):
    model = mock.script({"reply": {"parts": [{"tool": {"id": "call_1", "name": "now", "arguments": {}}}]}})
    answer = client.ask(f"{provider}:{model}", stream=stream)
    assert json.loads(answer.tools[0][2]) == {}


def test_thinking_is_shown_apart_from_the_text(mock, client, provider, stream):
    parts = [{"thinking": {"text": "Let me see.", "signature": "c2lnbmF0dXJl"}}, {"text": "42"}]
    model = mock.script({"reply": {"parts": parts, "every": 3}})
    answer = client.ask(f"{provider}:{model}", stream=stream)
    assert answer.text == "42", "thoughts are no part of the answer"
    if provider == client.name:
        assert answer.thinking == "Let me see."
    if (provider, client.name) == ("anthropic", "anthropic"):
        assert answer.raw.content[0].signature == "c2lnbmF0dXJl", "signed thinking passes as it was signed"


def test_refusal_reaches_the_client(mock, client, provider, stream):
    model = mock.script({"reply": {"parts": [{"refusal": "I cannot help."}], "every": 4}})
    answer = client.ask(f"{provider}:{model}", stream=stream)
    assert "I cannot help." in answer.text + answer.refusal
    if (client.name, provider) == ("openai", "openai"):
        assert answer.refusal == "I cannot help."


@pytest.mark.parametrize("wire", [
    {"bytes": 1},
    {"bytes": 2, "crlf": True},
    {"bytes": 3, "escape": True},
    {"comments": True},
    {"split_data": True, "crlf": True},
], ids=str)
def test_a_stream_may_be_cut_anywhere(mock, client, provider, wire):
    text = "né 世界 😀 end"
    parts = [{"text": text}, {"tool": {"id": "c1", "name": "f", "arguments": {"a": "ü \" \\ 😀", "b": [1, 2.5, None]}}}]
    model = mock.script({"reply": {"parts": parts, "every": 1}, "wire": wire})
    answer = client.ask(f"{provider}:{model}", stream=True)
    assert answer.text == text
    assert json.loads(answer.tools[0][2]) == {"a": "ü \" \\ 😀", "b": [1, 2.5, None]}


def test_unknown_fields_pass_between_the_same_dialect(mock, gateway, dialect, stream):
    model = mock.script({"reply": {"parts": [{"text": "ok"}], "extra": {"x_new": {"deep": [1, "two"]}}}})
    sent = body(dialect, f"{dialect}:{model}", x_future={"kept": True}, temperature=0.25, stream=stream)
    if stream:
        with Stream(gateway, dialect, sent) as reply:
            first = reply.event()[1]
    else:
        first = post(gateway, dialect, sent).json
    assert first["x_new"] == {"deep": [1, "two"]}
    arrived = json.loads(mock.only_request(model)["body"])
    assert arrived["x_future"] == {"kept": True}
    assert arrived["temperature"] == 0.25
    assert arrived["messages"] == sent["messages"]


def test_usage_is_asked_for_but_shown_only_to_who_asked(mock, gateway):
    model = mock.says("ok")
    with Stream(gateway, "openai", body("openai", f"openai:{model}")) as reply:
        chunks = [data for _, data in reply.events()]
    assert chunks[-1] == "[DONE]"
    assert all(chunk["choices"] and not chunk.get("usage") for chunk in chunks[:-1])
    assert json.loads(mock.only_request(model)["body"])["stream_options"]["include_usage"] is True


def test_the_usage_chunk_precedes_the_end(mock, gateway, provider):
    model = mock.says("ok", every=1)
    asked = body("openai", f"{provider}:{model}", stream_options={"include_usage": True})
    with Stream(gateway, "openai", asked) as reply:
        chunks = [data for _, data in reply.events()]
    assert chunks[-1] == "[DONE]"
    assert chunks[-2]["choices"] == [] and chunks[-2]["usage"]["completion_tokens"] == 7
    assert all(not chunk.get("usage") for chunk in chunks[:-2])


def test_an_anthropic_stream_has_its_order(mock, gateway, provider):
    parts = [{"text": "Hi"}, {"tool": {"id": "c1", "name": "f", "arguments": {"a": 1}}}]
    model = mock.script({"reply": {"parts": parts, "every": 1}})
    with Stream(gateway, "anthropic", body("anthropic", f"{provider}:{model}")) as reply:
        events = [event for event in reply.events() if event[0] != "ping"]
    assert all(name == data["type"] for name, data in events), "the event's name is its type"
    names = [name for name, _ in events]
    assert names[0] == "message_start" and names[-2:] == ["message_delta", "message_stop"]
    start = events[0][1]["message"]
    assert start["role"] == "assistant" and start["content"] == [] and start["usage"]["output_tokens"] >= 0
    open_block, seen = None, []
    for name, data in events[1:-2]:
        if name == "content_block_start":
            assert open_block is None
            open_block = data["index"]
            seen.append(open_block)
        else:
            assert data["index"] == open_block, "one block at a time"
            if name == "content_block_stop":
                open_block = None
    assert open_block is None and seen == [0, 1]


def test_both_credentials_headers_work(mock, gateway, dialect):
    model = mock.says("ok")
    sent = body(dialect, f"{dialect}:{model}")
    assert post(gateway, dialect, sent).status == 200
    assert post(gateway, dialect, sent, key=None, headers={"x-api-key": gateway.key}).status == 200


def test_a_provider_gets_its_own_key_and_nothing_of_the_clients(mock, gateway, client, provider):
    model = mock.says("ok")
    client.ask(f"{provider}:{model}", extra_headers={"x-secret-note": "internal", "cookie": "a=b"})
    request = mock.only_request(model)
    headers = {name: value for name, value in request["headers"]}
    expected = {
        "openai": ("authorization", "Bearer mock-key-for-openai"),
        "anthropic": ("x-api-key", "mock-key-for-anthropic"),
        "google": ("x-goog-api-key", "mock-key-for-google"),
        "ollama": None,
    }[provider]
    if expected:
        assert headers[expected[0]] == expected[1]
    if provider == "anthropic":
        assert headers["anthropic-version"]
    assert gateway.key not in json.dumps(request), "the caller's key stays here"
    assert "x-secret-note" not in headers and "cookie" not in headers


def test_reply_headers(mock, gateway, dialect, provider, stream):
    model = mock.says("ok")
    sent = body(dialect, f"{provider}:{model}", text="Card 4111 1111 1111 1111 and 4111 1111 1111 1111")
    if stream:
        with Stream(gateway, dialect, sent) as reply:
            headers, status = reply.headers, reply.status
            list(reply.events())
        assert headers["content-type"].startswith("text/event-stream")
    else:
        reply = post(gateway, dialect, sent)
        headers, status = reply.headers, reply.status
    assert status == 200
    assert headers["x-workjet-request-id"]
    assert headers["x-workjet-model"] == f"{provider}:{model}"
    assert headers["x-workjet-dlp"] == "request=credit_card:redact*2"
    assert "set-cookie" not in headers, "providers set no cookies here"


def test_advisory_fields_are_dropped_and_named_across_dialects(mock, gateway):
    model = mock.says("ok")
    reply = post(gateway, "openai", body("openai", f"anthropic:{model}", user="u-1", store=True))
    assert reply.status == 200
    assert {"user", "store"} <= set(reply.headers["x-workjet-dropped"].replace(" ", "").split(","))
    reply = post(gateway, "openai", body("openai", f"openai:{model}", user="u-1", store=True))
    assert "x-workjet-dropped" not in reply.headers, "the same dialect keeps them"


@pytest.mark.parametrize("field", [{"n": 2}, {"logit_bias": {"50256": -100}}, {"response_format": {"type": "json_object"}}],
                         ids=lambda field: next(iter(field)))
def test_a_field_without_a_counterpart_is_refused_and_named(mock, gateway, field):
    model = mock.says("ok")
    reply = post(gateway, "openai", body("openai", f"anthropic:{model}") | field)
    assert reply.status == 400
    assert next(iter(field)) in reply.json["error"]["message"]
    assert mock.requests(model) == []


def test_tiers_and_aliases(mock, own_gateway, dialect):
    model = mock.says("ok")
    gateway = own_gateway(f"""
[[tier]]
name = "fast"
targets = ["openai:{model}", "ollama:llama3.2:3b"]

[alias]
"gpt-5" = "fast"
"claude-x" = "anthropic:{model}"
""")
    client = caller(dialect, gateway)
    for name, target in [("fast", f"openai:{model}"), ("gpt-5", f"openai:{model}"), ("claude-x", f"anthropic:{model}")]:
        reply = post(gateway, dialect, body(dialect, name))
        assert (reply.status, reply.headers["x-workjet-model"]) == (200, target)
        assert reply.json["model"] == model
    names = {model.id for model in client.client.models.list()}
    assert {"fast", "gpt-5", "claude-x"} <= names


def test_a_model_name_is_split_at_its_first_colon(mock, gateway, dialect):
    model = mock.script({}, name="llama3.2:3b")
    assert post(gateway, dialect, body(dialect, f"ollama:{model}")).status == 200
    assert mock.only_request(model)["path"] == "/api/chat"


def test_count_tokens(mock, gateway):
    model = mock.script({"reply": {"usage": {"input": 14}}})
    count = gateway.anthropic().messages.count_tokens(
        model=f"anthropic:{model}", messages=[{"role": "user", "content": "Card 4111 1111 1111 1111"}]
    )
    assert count.input_tokens == 14
    request = mock.only_request(model)
    assert request["path"] == "/v1/messages/count_tokens"
    assert "4111" not in request["body"], "what is only counted is inspected, too"


def test_a_model_name_cannot_bend_the_address(mock, gateway, dialect, provider):
    since = mock.count()
    for name in ["../../__script", "x#y", "a@b", "..", "x?alt=json", "%2e%2e/x", "a b", "http://127.0.0.1:1/x"]:
        post(gateway, dialect, body(dialect, f"{provider}:{name}"))
    paths = {"openai": "/v1/chat/completions", "anthropic": "/v1/messages", "ollama": "/api/chat"}
    for request in mock.requests(since=since):
        if provider == "google":
            assert request["path"].startswith("/v1beta/models/") and request["path"].endswith(":generateContent")
        else:
            assert request["path"] == paths[provider]


@pytest.mark.parametrize("client_dialect", CLIENTS)
def test_demo_provider_shows_what_a_provider_would_get(configured_gateway, client_dialect, stream):
    gateway = configured_gateway("")
    answer = caller(client_dialect, gateway).ask("any-name", "Card 4111 1111 1111 1111, please.", stream=stream)
    assert answer.text == "Card [REDACTED:credit_card], please."


def test_models_are_listed_only_to_callers_with_a_key(gateway):
    assert call(gateway, "GET", "/v1/models", key=None).status == 401
    assert call(gateway, "GET", "/v1/models").json["object"] == "list"
