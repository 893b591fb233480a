"""Sensitive text in every position of a request: it never reaches a provider.

The positions come from `positions.json`: each string, each number, each object key there, and a field that nobody knows
in each object. What matters is one thing: whatever the gateway answers, no provider has seen the value.
"""

import copy
import json
import pathlib
import re

import pytest

from raw import error_of, post

TABLE = json.loads((pathlib.Path(__file__).parent / "positions.json").read_text())
CANARIES = {
    "credit_card": "4111 1111 1111 1111",
    "email": "canary.person@corp-mail.example.com",
}
NUMBER = 4111111111111111


def walk(value, path=()):
    """Every value below, with its path: keys, indices, and "<json>" where a string holds a document."""
    yield path, value
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from walk(inner, (*path, key))
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from walk(inner, (*path, index))
    elif isinstance(value, str) and value.startswith("{"):
        for inner_path, inner in walk(json.loads(value)):
            if inner_path:
                yield (*path, "<json>", *inner_path), inner


def planted(value, path, change):
    """A copy in which `change` has replaced what lies at `path`."""
    if not path:
        return change(copy.deepcopy(value))
    step, *rest = path
    if step == "<json>":
        return json.dumps(planted(json.loads(value), rest, change))
    value = copy.copy(value)
    value[step] = planted(value[step], rest, change)
    return value


def shown(path):
    text = ""
    for step in path:
        text += f"[{step}]" if isinstance(step, int) else "" if step == "<json>" else f".{step}"
    return text.lstrip(".")


def fits(path, patterns):
    def expression(pattern):
        tail = ".*" if pattern.endswith(".*") else ""
        pattern = pattern.removesuffix(".*") if tail else pattern
        return re.escape(pattern).replace(r"\*", r"[^.\[\]]*") + (r"[.\[].*" if tail else "")

    return any(re.fullmatch(expression(pattern), shown(path)) for pattern in patterns)


def request_for(dialect, provider):
    """The richest request that this provider takes from this dialect."""
    body = copy.deepcopy(TABLE[dialect]["same_dialect" if provider == dialect else "any_dialect"])
    if provider == "ollama":
        # Ollama cannot be told which tool to use.
        del body["tool_choice"]
    return body


def plants(dialect, base):
    """(what, path, change) for every position of a body."""
    numbers = TABLE[dialect]["numbers"]
    for path, value in walk(base):
        if path == ("model",):
            continue
        if isinstance(value, str):
            for name, canary in CANARIES.items():
                yield f"{name} at", path, lambda _, c=canary: c
            # The canary among other words, where a prefix could hide it.
            yield "card within", path, lambda old: f"{old} {CANARIES['credit_card']} {old}"
        elif isinstance(value, dict):
            yield "unknown field in", path, lambda old: old | {"x_unknown": CANARIES["credit_card"]}
            yield "unknown deep field in", path, lambda old: old | {"x_unknown": {"list": [{"deep": CANARIES["email"]}]}}
            yield "key in", path, lambda old: old | {CANARIES["email"]: "x"}
            yield "number in", path, lambda old: old | {"x_unknown": NUMBER}
        elif isinstance(value, list):
            yield "item of", path, lambda old: [*old, CANARIES["credit_card"]]
        elif isinstance(value, (int, float)) and not isinstance(value, bool):
            yield "string for number at", path, lambda _: CANARIES["credit_card"]
            if not fits(path, numbers):
                yield "number at", path, lambda _: NUMBER
        else:
            yield "string at", path, lambda _: CANARIES["email"]


def told(text):
    """Everything that a body says, with every escape read and every document inside a string opened."""
    try:
        value = json.loads(text)
    except ValueError:
        return [text]
    found = []

    def visit(value):
        if isinstance(value, dict):
            for key, inner in value.items():
                found.append(key)
                visit(inner)
        elif isinstance(value, list):
            for inner in value:
                visit(inner)
        elif isinstance(value, str):
            found.append(value)
            if value[:1] in ("{", "["):
                found.extend(told(value))
        else:
            found.append(json.dumps(value))

    visit(value)
    return found


def assert_no_canary(requests):
    for request in requests:
        for said in [*told(request["body"]), request["path"], *(value for _, value in request["headers"])]:
            assert str(NUMBER) not in re.sub(r"[ -]", "", said), f"a card number reached the provider: {said}"
            assert CANARIES["email"] not in said, f"an address reached the provider: {said}"


def test_the_bodies_themselves_are_accepted(mock, gateway, dialect, provider):
    model = mock.says("ok")
    reply = post(gateway, dialect, request_for(dialect, provider) | {"model": f"{provider}:{model}"})
    assert reply.status == 200, reply.text
    assert "x-workjet-dlp" not in reply.headers, "nothing in them looks sensitive"
    mock.only_request(model)


def test_no_position_lets_sensitive_text_through(mock, gateway, dialect, provider):
    model = mock.says("ok")
    base = request_for(dialect, provider) | {"model": f"{provider}:{model}"}
    mistakes = []
    count = 0
    for what, path, change in plants(dialect, base):
        count += 1
        since = mock.count()
        reply = post(gateway, dialect, planted(base, path, change))
        where = f"{what} {shown(path) or 'the body'}"
        arrived = mock.requests(since=since)
        try:
            assert_no_canary(arrived)
            if reply.status != 200:
                assert reply.status == 400, f"status {reply.status}: {reply.text}"
                error = error_of(dialect, reply.json)
                assert not arrived, "refused, and sent all the same"
                for canary in CANARIES.values():
                    assert canary not in reply.text, "the refusal repeats the value"
                assert error["message"]
            if provider == dialect and what.endswith((" at", " within")) and "for number" not in what:
                if fits(path, TABLE[dialect]["redacted"]):
                    assert reply.status == 200, f"should have been rewritten: {reply.text}"
                    assert "[REDACTED:" in arrived[0]["body"]
                if fits(path, TABLE[dialect]["refused"]) and not fits(path, TABLE[dialect]["redacted"]):
                    assert reply.status == 400, "should have been refused"
                    assert error_of(dialect, reply.json)["code"] == "dlp_blocked", reply.text
        except (AssertionError, KeyError, IndexError, TypeError) as error:
            mistakes.append(f"{where}: {error!r}")
    assert count > 100
    assert not mistakes, f"{len(mistakes)} of {count} positions:\n" + "\n".join(mistakes)


def test_sensitive_text_as_a_models_name_goes_nowhere(mock, gateway, dialect, provider):
    since = mock.count()
    for canary in CANARIES.values():
        for name in (canary, f"{provider}:{canary}", canary.replace(" ", "")):
            reply = post(gateway, dialect, TABLE[dialect]["any_dialect"] | {"model": name})
            assert reply.status in (400, 404)
            assert canary not in reply.text
    assert_no_canary(mock.requests(since=since))


BINARY = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
UNSCANNABLE = {
    "openai": [
        {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{BINARY}"}},
        {"type": "input_audio", "input_audio": {"data": BINARY, "format": "wav"}},
        {"type": "file", "file": {"filename": "a.pdf", "file_data": f"data:application/pdf;base64,{BINARY}"}},
    ],
    "anthropic": [
        {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": BINARY}},
        {"type": "document", "source": {"type": "base64", "media_type": "application/pdf", "data": BINARY}},
    ],
}


@pytest.mark.parametrize("allow", [False, True], ids=["block", "allow"])
def test_what_cannot_be_scanned_is_refused_unless_allowed(mock, own_gateway, dialect, allow):
    gateway = own_gateway('[dlp]\nunscannable = "allow"\n' if allow else "")
    for part in UNSCANNABLE[dialect]:
        model = mock.says("ok")
        content = [{"type": "text", "text": "Look."}, part]
        reply = post(gateway, dialect, TABLE[dialect]["any_dialect"] | {
            "model": f"{dialect}:{model}", "messages": [{"role": "user", "content": content}]})
        if allow:
            assert reply.status == 200, reply.text
            assert BINARY in mock.only_request(model)["body"]
        else:
            assert reply.status == 400, part
            assert error_of(dialect, reply.json)["code"] == "dlp_blocked"
            assert mock.requests(model) == []
