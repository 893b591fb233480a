//! Whole replies and errors, in all eight pairs.

use std::time::Duration;

use serde_json::{Value, json};
use workjet_router::{ApiError, ErrorClass, Inbound, Outbound, ReplyError, ReplyTranslator, Translated};

use crate::fixtures::{OUTBOUNDS, pairs, parsed, stamp, whole};

fn translator(outbound: Outbound, inbound: Inbound) -> ReplyTranslator {
    ReplyTranslator::new(outbound, inbound, &parsed(inbound, json!({})), stamp())
}

fn translate(outbound: Outbound, inbound: Inbound, name: &str) -> Translated {
    translator(outbound, inbound)
        .reply(&whole(outbound, name))
        .unwrap()
}

#[test]
fn a_text_arrives_in_every_pair() {
    for (inbound, outbound) in pairs() {
        let Translated { body, usage, model } = translate(outbound, inbound, "text");
        assert_eq!(body["model"].as_str(), model.as_deref());
        assert_eq!((usage.input, usage.output), (Some(99), Some(120)), "{outbound}");
        match inbound {
            Inbound::OpenAiChat => {
                assert_eq!(body["object"], "chat.completion");
                let choice = &body["choices"][0];
                assert_eq!(choice["message"]["content"], "Grüß Gott, 世界! 🌍", "{outbound}");
                assert_eq!(choice["message"]["role"], "assistant");
                assert_eq!(choice["finish_reason"], "stop");
            }
            _ => {
                assert_eq!(
                    (&body["type"], &body["role"]),
                    (&json!("message"), &json!("assistant"))
                );
                let blocks = body["content"].as_array().unwrap();
                assert_eq!(
                    blocks.last().unwrap()["text"],
                    "Grüß Gott, 世界! 🌍",
                    "{outbound}"
                );
                assert_eq!(body["stop_reason"], "end_turn");
                assert_eq!(body["usage"]["input_tokens"], 99);
            }
        }
    }
}

#[test]
fn tool_calls_arrive_in_every_pair() {
    for (inbound, outbound) in pairs() {
        let body = translate(outbound, inbound, "tools").body;
        let second = if outbound == Outbound::OpenAi {
            json!({"zone": "CET"})
        } else {
            json!({})
        };
        let calls: Vec<(Value, Value)> = match inbound {
            Inbound::OpenAiChat => {
                assert_eq!(body["choices"][0]["finish_reason"], "tool_calls");
                let calls = body["choices"][0]["message"]["tool_calls"].as_array().unwrap();
                let arguments = |call: &Value| call["function"]["arguments"].as_str().unwrap().to_owned();
                let read = |call: &Value| serde_json::from_str(&arguments(call)).unwrap();
                calls
                    .iter()
                    .map(|call| (call["function"]["name"].clone(), read(call)))
                    .collect()
            }
            _ => {
                assert_eq!(body["stop_reason"], "tool_use");
                let blocks = body["content"].as_array().unwrap();
                let calls = blocks.iter().filter(|block| block["type"] == "tool_use");
                calls
                    .map(|call| (call["name"].clone(), call["input"].clone()))
                    .collect()
            }
        };
        let expected = [
            (json!("get_weather"), json!({"city": "Zürich"})),
            (json!("get_time"), second),
        ];
        assert_eq!(calls, expected, "{outbound} to {inbound}");
    }
}

#[test]
fn the_same_dialect_passes_as_the_provider_wrote_it() {
    for (inbound, outbound) in pairs().filter(|(inbound, outbound)| inbound.is_same_as(*outbound)) {
        let written: Value = serde_json::from_slice(&whole(outbound, "tools")).unwrap();
        assert_eq!(
            translate(outbound, inbound, "tools").body.to_string(),
            written.to_string()
        );
    }
}

#[test]
fn arguments_that_are_no_object_are_wrapped_for_anthropics_clients() {
    let call =
        json!({"id": "call_1", "type": "function", "function": {"name": "f", "arguments": "{\"cut\": \"of"}});
    let choice =
        json!({"index": 0, "message": {"content": null, "tool_calls": [call]}, "finish_reason": "length"});
    let body = json!({"id": "c", "model": "m", "choices": [choice]}).to_string();
    let reply = translator(Outbound::OpenAi, Inbound::AnthropicMessages)
        .reply(body.as_bytes())
        .unwrap();
    assert_eq!(
        reply.body["content"][0]["input"],
        json!({"INVALID_JSON": "{\"cut\": \"of"})
    );
    assert_eq!(reply.body["stop_reason"], "max_tokens");
}

#[test]
fn a_refusal_is_told_as_such() {
    let choice =
        json!({"index": 0, "message": {"content": null, "refusal": "I can't."}, "finish_reason": "stop"});
    let body = json!({"id": "c", "model": "m", "choices": [choice]}).to_string();
    let reply = translator(Outbound::OpenAi, Inbound::AnthropicMessages)
        .reply(body.as_bytes())
        .unwrap();
    assert_eq!(reply.body["content"][0]["text"], "I can't.");
    assert_eq!(reply.body["stop_reason"], "refusal");
}

#[test]
fn garbage_is_no_reply() {
    for (inbound, outbound) in pairs() {
        for garbage in ["", "<html>", "[]", "{}", "7"] {
            let reply = translator(outbound, inbound).reply(garbage.as_bytes());
            assert_eq!(
                reply,
                Err(ReplyError::Garbage),
                "{outbound} to {inbound}: {garbage}"
            );
        }
    }
}

#[test]
fn errors_keep_their_class_and_lose_their_prose() {
    for outbound in OUTBOUNDS {
        let translator = translator(outbound, Inbound::OpenAiChat);
        let status = if outbound == Outbound::Ollama { 404 } else { 429 };
        let error = translator.error(status, &whole(outbound, "error"));
        assert_eq!(error.status(), status);
        let (class, kind, code) = match outbound {
            Outbound::OpenAi => (
                ErrorClass::RateLimited,
                Some("tokens"),
                Some("rate_limit_exceeded"),
            ),
            Outbound::Anthropic => (ErrorClass::RateLimited, Some("rate_limit_error"), None),
            Outbound::Google => (ErrorClass::RateLimited, Some("RESOURCE_EXHAUSTED"), None),
            _ => (ErrorClass::NotFound, None, None),
        };
        assert_eq!(
            (error.class(), error.error_type(), error.error_code()),
            (class, kind, code)
        );
        let told = error.to_api_error();
        for inbound in crate::fixtures::INBOUNDS {
            assert!(!inbound.error_body(&told).to_string().contains("secret"));
        }
        assert!(!format!("{error} {error:?}").contains("secret"));
        // The body may be a proxy's page.
        assert_eq!(
            translator.error(502, b"<html>secret</html>").class(),
            ErrorClass::Server
        );
    }
}

#[test]
fn googles_body_says_when_to_come_back_and_which_key_is_bad() {
    let translator = translator(Outbound::Google, Inbound::OpenAiChat);
    let error = translator.error(429, &whole(Outbound::Google, "error"));
    assert_eq!(error.retry_after(), Some(Duration::from_millis(34_500)));
    let bad_key = json!([{"error": {"code": 400, "status": "INVALID_ARGUMENT", "details": [{"reason": "API_KEY_INVALID"}]}}]);
    assert_eq!(
        translator.error(400, bad_key.to_string().as_bytes()).class(),
        ErrorClass::Credentials
    );
}

#[test]
fn statuses_mean_what_the_fallback_needs() {
    let translator = translator(Outbound::Anthropic, Inbound::AnthropicMessages);
    for (status, class, told) in [
        (400, ErrorClass::BadRequest, 400),
        (401, ErrorClass::Credentials, 502),
        (403, ErrorClass::Credentials, 502),
        (404, ErrorClass::NotFound, 404),
        (408, ErrorClass::Timeout, 504),
        (409, ErrorClass::BadRequest, 400),
        (413, ErrorClass::TooLarge, 413),
        (422, ErrorClass::BadRequest, 400),
        (429, ErrorClass::RateLimited, 429),
        (500, ErrorClass::Server, 502),
        (503, ErrorClass::Overloaded, 503),
        (504, ErrorClass::Timeout, 504),
        (529, ErrorClass::Overloaded, 503),
    ] {
        let error = translator.error(status, b"");
        assert_eq!(
            (error.class(), error.to_api_error().status),
            (class, told),
            "{status}"
        );
    }
}

#[test]
fn an_error_under_a_status_of_success_is_an_error() {
    for outbound in OUTBOUNDS {
        let reply = translator(outbound, Inbound::OpenAiChat).reply(&whole(outbound, "error"));
        assert!(
            matches!(reply, Err(ReplyError::Provider(_))),
            "{outbound}: {reply:?}"
        );
    }
}

#[test]
fn errors_take_the_shape_of_the_clients_dialect() {
    let error = ApiError {
        status: 429,
        code: "rate_limited",
        message: "Slow down.".to_owned(),
        retry_after: None,
        param: None,
    };
    assert_eq!(
        Inbound::OpenAiChat.error_body(&error),
        json!({"error": {"message": "Slow down.", "type": "rate_limit_error", "param": null, "code": "rate_limited"}})
    );
    let body = Inbound::AnthropicMessages.error_body(&error);
    assert_eq!(
        (&body["type"], &body["error"]["type"]),
        (&json!("error"), &json!("rate_limit_error"))
    );
    assert_eq!(body["error"]["message"], "Slow down.");
    assert_eq!(
        Inbound::AnthropicMessages.error_frame(&error).event.as_deref(),
        Some("error")
    );
}
