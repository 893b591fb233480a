//! Which target answers, and what a client is told when none does.

use std::time::Duration;

use crate::support::{Gateway, openai, openai_reply, openai_stream, settings, streamed};
use axum::body::Body;
use http::Request;
use serde_json::json;
use workjet_gateway::memory::{Piece, Script};
use workjet_gateway::{Settings, UpstreamError};

/// A tier of two OpenAI-like providers.
fn two() -> Settings {
    settings(
        r#"
        [[provider]]
        name = "first"
        kind = "openai"
        base_url = "https://first.test/v1"
        [[provider]]
        name = "second"
        kind = "openai"
        base_url = "https://second.test/v1"
        [[tier]]
        name = "fast"
        targets = ["first:a", "second:b"]
        "#,
    )
}

fn error(status: u16) -> Script {
    let body = json!({ "error": { "message": "secret words of the provider", "type": "some_error" } });
    Script::whole(status, body.to_string())
}

async fn ask(gateway: &Gateway, stream: bool) -> crate::support::Answer {
    let mut body = streamed("hi");
    body["model"] = json!("fast");
    body["stream"] = json!(stream);
    gateway.post("/v1/chat/completions", &body).await
}

/// Hosts that were asked, in order.
fn hosts(gateway: &Gateway) -> Vec<String> {
    let host = |url: String| {
        url.split('/')
            .nth(2)
            .unwrap_or_default()
            .trim_end_matches(".test")
            .to_owned()
    };
    gateway.memory.upstream.urls().into_iter().map(host).collect()
}

#[tokio::test(start_paused = true)]
async fn second_target_answers_when_the_first_fails() {
    for (failure, tries) in [
        (error(429), 1),
        (error(500), 2),
        (error(503), 2),
        (error(529), 2),
        (Script::Fail(UpstreamError::Connect), 2),
        (Script::Fail(UpstreamError::Closed), 2),
        (Script::whole(200, "garbage"), 2),
        (Script::stream(["data: gar"]), 2),
        (
            Script::stream(["data: {}\n\n"; 0]).then(Piece::Fail(UpstreamError::Closed)),
            2,
        ),
    ] {
        for stream in [false, true] {
            let gateway = Gateway::with(two()).await;
            for _ in 0..tries {
                gateway.memory.upstream.script(failure.clone());
            }
            let reply = if stream {
                Script::stream(openai_stream(&["here"]))
            } else {
                Script::whole(200, openai_reply("here"))
            };
            gateway.memory.upstream.script(reply);
            let answer = ask(&gateway, stream).await;
            assert_eq!(answer.status, 200, "{failure:?} {}", answer.body);
            assert!(answer.body.contains("here"));
            assert_eq!(answer.header("x-workjet-model"), "second:b");
            assert_eq!(
                hosts(&gateway).last().map(String::as_str),
                Some("second"),
                "{failure:?}"
            );
            assert_eq!(
                hosts(&gateway).iter().filter(|host| *host == "first").count(),
                tries,
                "{failure:?}"
            );
            let log = gateway.log().await;
            assert_eq!(log[0].targets, ["first:a", "second:b"]);
            assert_eq!(log[0].tier.as_deref(), Some("fast"));
            assert_eq!(log[1].attempts.len(), tries + 1);
            assert!(log[1].attempts[0].error.is_some());
            assert!(!log[1].to_canonical_json().contains("secret words"));
        }
    }
}

#[tokio::test(start_paused = true)]
async fn first_event_may_still_be_an_error() {
    let gateway = Gateway::with(two()).await;
    let frames = openai_stream(&["never"]);
    let late_error = "data: {\"error\":{\"type\":\"server_error\",\"message\":\"no\"}}\n\n".to_owned();
    for _ in 0..2 {
        gateway
            .memory
            .upstream
            .script(Script::stream([frames[0].clone(), late_error.clone()]));
    }
    gateway
        .memory
        .upstream
        .script(Script::stream(openai_stream(&["here"])));
    let answer = ask(&gateway, true).await;
    assert!(
        answer.body.contains("here") && !answer.body.contains("error"),
        "{}",
        answer.body
    );
    assert_eq!(
        answer.body.matches("\"role\"").count(),
        1,
        "the first opening was never shown: {}",
        answer.body
    );
}

#[tokio::test(start_paused = true)]
async fn no_other_target_once_the_client_has_seen_content() {
    let gateway = Gateway::with(two()).await;
    gateway
        .memory
        .upstream
        .script(Script::stream(openai_stream(&["one "])[..2].to_vec()));
    let answer = ask(&gateway, true).await;
    assert!(answer.body.contains("one "), "{}", answer.body);
    assert!(!answer.body.contains("[DONE]"));
    assert_eq!(hosts(&gateway), ["first"]);
}

#[tokio::test(start_paused = true)]
async fn request_that_is_wrong_is_wrong_everywhere() {
    for (status, told) in [
        (400, 400),
        (404, 404),
        (413, 413),
        (422, 400),
        (401, 502),
        (403, 502),
    ] {
        let gateway = Gateway::with(two()).await;
        gateway.memory.upstream.script(error(status));
        let answer = ask(&gateway, false).await;
        assert_eq!(answer.status, told, "{status}: {}", answer.body);
        assert!(!answer.body.contains("secret words"), "{}", answer.body);
        assert_eq!(hosts(&gateway), ["first"]);
        assert_eq!(gateway.log().await[1].attempts[0].status, Some(status));
    }
}

#[tokio::test(start_paused = true)]
async fn last_error_is_the_clients_when_all_fail() {
    for (status, told, code) in [
        (429, 429, "rate_limited"),
        (500, 502, "provider_error"),
        (503, 503, "provider_overloaded"),
        (529, 503, "provider_overloaded"),
    ] {
        let gateway = Gateway::with(openai("")).await;
        for _ in 0..8 {
            gateway.memory.upstream.script(error(status));
        }
        let answer = gateway.chat("hi").await;
        assert_eq!(
            (answer.status.as_u16(), answer.code().as_str()),
            (told, code),
            "{}",
            answer.body
        );
        let mut body = crate::support::chat("hi");
        body["max_tokens"] = json!(5);
        let answer = gateway.post("/v1/messages", &body).await;
        assert_eq!(
            (answer.status.as_u16(), answer.json()["type"].as_str()),
            (told, Some("error")),
            "{}",
            answer.body
        );
    }
}

#[tokio::test(start_paused = true)]
async fn provider_that_asks_to_wait_is_passed_on_as_retry_after() {
    let gateway = Gateway::with(openai("")).await;
    gateway
        .memory
        .upstream
        .script(error(429).header("retry-after", "120"));
    let answer = gateway.chat("hi").await;
    assert_eq!(
        (answer.status.as_u16(), answer.header("retry-after")),
        (429, "120")
    );
}

#[tokio::test(start_paused = true)]
async fn provider_that_hangs_is_given_up() {
    for script in [
        Script::Hang,
        Script::stream(["data: {}\n\n"; 0]).then(Piece::Hang),
    ] {
        for stream in [false, true] {
            let gateway = Gateway::with(openai("")).await;
            gateway.memory.upstream.script(script.clone());
            gateway.memory.upstream.script(script.clone());
            let mut body = streamed("hi");
            body["stream"] = json!(stream);
            let answer = gateway.post("/v1/chat/completions", &body).await;
            assert_eq!(
                (answer.status.as_u16(), answer.code().as_str()),
                (504, "provider_timeout"),
                "{}",
                answer.body
            );
            assert_eq!(
                gateway.story().await,
                ["ai.intent", "ai.outcome provider_timeout"]
            );
        }
    }
}

#[tokio::test(start_paused = true)]
async fn target_that_keeps_failing_is_left_alone_for_a_while() {
    let gateway = Gateway::with(openai("")).await;
    for _ in 0..20 {
        gateway.memory.upstream.script(error(500));
    }
    for _ in 0..4 {
        gateway.chat("hi").await;
    }
    let before = hosts(&gateway).len();
    let answer = gateway.chat("hi").await;
    assert_eq!(
        (answer.status.as_u16(), answer.code().as_str()),
        (503, "provider_unavailable"),
        "{}",
        answer.body
    );
    assert!(!answer.header("retry-after").is_empty());
    assert_eq!(hosts(&gateway).len(), before, "nothing was sent");
    assert_eq!(gateway.story().await.len(), 10, "and yet there is an outcome");
    tokio::time::sleep(Duration::from_secs(3600)).await;
    gateway.chat("hi").await;
    assert!(hosts(&gateway).len() > before);
}

#[tokio::test(start_paused = true)]
async fn model_name_cannot_bend_the_address() {
    let gateway = Gateway::with(settings(
        "[[provider]]\nname = \"google\"\nkind = \"google\"\nbase_url = \"https://google.test\"\n",
    ))
    .await;
    for model in [
        "../../x",
        "a/../../b",
        "@evil.test/",
        "x#y",
        "x?key=1",
        "%2e%2e/x",
        "http://evil.test/",
    ] {
        let mut body = crate::support::chat("hi");
        body["model"] = json!(format!("google:{model}"));
        gateway.post("/v1/chat/completions", &body).await;
    }
    for url in gateway.memory.upstream.urls() {
        assert!(url.starts_with("https://google.test/v1beta/models/"), "{url}");
        assert!(url.ends_with(":generateContent"), "{url}");
    }
}

#[tokio::test(start_paused = true)]
async fn provider_headers_pass_by_name_alone() {
    let gateway = Gateway::with(openai("")).await;
    let reply = Script::whole(200, openai_reply("hi"))
        .header("set-cookie", "provider=1")
        .header("openai-organization", "acme-inc")
        .header("openai-processing-ms", "42");
    gateway.memory.upstream.script(reply);
    let answer = gateway.chat("hi").await;
    assert_eq!(answer.header("openai-processing-ms"), "42");
    assert!(
        answer.headers.get("set-cookie").is_none() && answer.headers.get("openai-organization").is_none()
    );
}

#[tokio::test(start_paused = true)]
async fn clients_headers_stay_here_but_for_the_dialects_own() {
    let anthropic = settings(
        "[[provider]]\nname = \"anthropic\"\nkind = \"anthropic\"\nbase_url = \"https://anthropic.test\"\n",
    );
    let gateway = Gateway::with(anthropic).await;
    let reply = json!({
        "id": "msg_1", "type": "message", "role": "assistant", "model": "claude-test",
        "content": [{ "type": "text", "text": "hi" }], "stop_reason": "end_turn", "stop_sequence": null,
        "usage": { "input_tokens": 3, "output_tokens": 1 },
    });
    gateway
        .memory
        .upstream
        .script(Script::whole(200, reply.to_string()));
    let body = json!({
        "model": "anthropic:claude-test", "max_tokens": 5, "messages": [{ "role": "user", "content": "hi" }],
    });
    let request = Request::post("/v1/messages")
        .header("x-api-key", &gateway.key)
        .header("anthropic-beta", "context-1m-2025-08-07")
        .header("cookie", "a=b")
        .header("x-forwarded-for", "10.0.0.1")
        .body(Body::from(body.to_string()))
        .expect("a request");
    let answer = gateway.ask(request).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    let sent = gateway.memory.upstream.headers().remove(0);
    assert_eq!(sent["anthropic-beta"], "context-1m-2025-08-07");
    assert_eq!(sent["anthropic-version"], "2023-06-01");
    assert_eq!(sent["x-api-key"], "provider-key");
    assert!(
        sent.get("cookie").is_none()
            && sent.get("x-forwarded-for").is_none()
            && sent.get("authorization").is_none()
    );

    gateway
        .memory
        .upstream
        .script(Script::whole(200, "{\"input_tokens\": 42}"));
    let answer = gateway.post("/v1/messages/count_tokens", &json!({
        "model": "anthropic:claude-test", "messages": [{ "role": "user", "content": "mail ada@example.com" }],
    })).await;
    assert_eq!(
        (answer.status.as_u16(), answer.body.as_str()),
        (200, "{\"input_tokens\":42}")
    );
    assert_eq!(
        gateway.memory.upstream.urls()[1],
        "https://anthropic.test/v1/messages/count_tokens"
    );
    let sent = gateway.memory.upstream.bodies().remove(1);
    assert!(
        sent.contains("[REDACTED:email]") && !sent.contains("max_tokens"),
        "{sent}"
    );
}

#[tokio::test(start_paused = true)]
async fn field_without_counterpart_is_named_and_advisory_ones_are_dropped() {
    let ollama = settings("[[provider]]\nname = \"ollama\"\nkind = \"ollama\"\n");
    let gateway = Gateway::with(ollama).await;
    let mut body = crate::support::chat("hi");
    body["model"] = json!("ollama:llama");
    body["n"] = json!(3);
    let answer = gateway.post("/v1/chat/completions", &body).await;
    assert_eq!(answer.status, 400, "{}", answer.body);
    assert!(
        answer.body.contains("\"n\"") || answer.body.contains("n has"),
        "{}",
        answer.body
    );
    assert_eq!(
        gateway.story().await,
        ["ai.intent", "ai.outcome unsupported_field"]
    );

    let reply = json!({ "model": "llama", "message": { "role": "assistant", "content": "hi" }, "done": true, "done_reason": "stop" });
    gateway
        .memory
        .upstream
        .script(Script::whole(200, reply.to_string()));
    body["n"] = json!(1);
    body["user"] = json!("ada");
    let answer = gateway.post("/v1/chat/completions", &body).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    assert!(
        answer.header("x-workjet-dropped").contains("user"),
        "{:?}",
        answer.headers
    );
}

#[tokio::test(start_paused = true)]
async fn clients_that_leave_open_no_circuit_and_streams_that_break_do() {
    let slow = || Script::stream(["data: {}\n\n"; 0]).then(Piece::Hang);
    let gateway = Gateway::with(openai("")).await;
    for _ in 0..10 {
        gateway.memory.upstream.script(slow());
        let request = gateway.request("/v1/chat/completions", streamed("hi").to_string());
        assert!(
            tokio::time::timeout(Duration::from_secs(1), gateway.send(request))
                .await
                .is_err()
        );
        tokio::time::sleep(Duration::from_secs(21)).await;
    }
    gateway
        .memory
        .upstream
        .script(Script::whole(200, openai_reply("hi")));
    assert_eq!(gateway.chat("hi").await.status, 200);

    for _ in 0..5 {
        gateway
            .memory
            .upstream
            .script(Script::stream(openai_stream(&["one "])[..2].to_vec()));
        gateway.post("/v1/chat/completions", &streamed("hi")).await;
    }
    assert_circuit_is_open(&gateway).await;
}

#[tokio::test(start_paused = true)]
async fn client_that_leaves_does_not_make_a_failing_provider_look_well() {
    let gateway = Gateway::with(openai("")).await;
    let fail = async || {
        gateway
            .memory
            .upstream
            .script(Script::stream(openai_stream(&["one "])[..2].to_vec()));
        gateway.post("/v1/chat/completions", &streamed("hi")).await;
    };
    for _ in 0..4 {
        fail().await;
    }
    gateway.memory.upstream.script(Script::Hang);
    let request = gateway.request("/v1/chat/completions", streamed("hi").to_string());
    assert!(
        tokio::time::timeout(Duration::from_secs(1), gateway.send(request))
            .await
            .is_err()
    );
    tokio::time::sleep(Duration::from_secs(21)).await;
    fail().await;
    assert_circuit_is_open(&gateway).await;
}

/// A provider that would answer is not asked.
async fn assert_circuit_is_open(gateway: &Gateway) {
    let calls = gateway.memory.upstream.urls().len();
    gateway
        .memory
        .upstream
        .script(Script::whole(200, openai_reply("hi")));
    assert_eq!(gateway.chat("hi").await.code(), "provider_unavailable");
    assert_eq!(gateway.memory.upstream.urls().len(), calls);
}

#[tokio::test(start_paused = true)]
async fn target_that_lacks_a_field_is_passed_over_for_one_that_has_it() {
    let gateway = Gateway::with(settings(
        r#"
        [[provider]]
        name = "ollama"
        kind = "ollama"
        [[provider]]
        name = "second"
        kind = "openai"
        base_url = "https://second.test/v1"
        [[tier]]
        name = "fast"
        targets = ["ollama:a", "second:b"]
        "#,
    ))
    .await;
    gateway
        .memory
        .upstream
        .script(Script::whole(200, openai_reply("here")));
    let mut body = crate::support::chat("hi");
    body["model"] = json!("fast");
    body["n"] = json!(2);
    let answer = gateway.post("/v1/chat/completions", &body).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    assert_eq!(hosts(&gateway), ["second"]);
}

#[tokio::test(start_paused = true)]
async fn whether_a_target_fits_is_its_own_and_not_its_kinds() {
    let google = settings(
        r#"
        [[provider]]
        name = "google"
        kind = "google"
        base_url = "https://google.test"
        [[tier]]
        name = "fast"
        targets = ["google:..", "google:gemini-test"]
        "#,
    );
    let mut bad_key = two();
    bad_key.providers[0].key = Some("a\nb".to_owned().into());
    for (settings, reply, answered) in [
        (
            google,
            json!({ "candidates": [{ "content": { "role": "model", "parts": [{ "text": "here" }] }, "finishReason": "STOP" }] })
                .to_string(),
            "google:gemini-test",
        ),
        (bad_key, openai_reply("here"), "second:b"),
    ] {
        let gateway = Gateway::with(settings).await;
        gateway.memory.upstream.script(Script::whole(200, reply));
        let answer = ask(&gateway, false).await;
        assert_eq!(answer.status, 200, "{}", answer.body);
        assert_eq!(answer.header("x-workjet-model"), answered);
        assert_eq!(gateway.log().await[1].attempts.len(), 1);
    }
}

#[tokio::test(start_paused = true)]
async fn field_that_no_target_has_is_named() {
    let gateway = Gateway::with(settings(
        r#"
        [[provider]]
        name = "ollama"
        kind = "ollama"
        [[tier]]
        name = "fast"
        targets = ["ollama:a", "ollama:b"]
        "#,
    ))
    .await;
    let mut body = crate::support::chat("hi");
    body["model"] = json!("fast");
    body["n"] = json!(2);
    let answer = gateway.post("/v1/chat/completions", &body).await;
    assert_eq!(
        (answer.status.as_u16(), answer.code().as_str()),
        (400, "unsupported_field")
    );
    assert_eq!(answer.json()["error"]["param"], "n", "{}", answer.body);
    assert!(gateway.memory.upstream.urls().is_empty());
}

#[tokio::test(start_paused = true)]
async fn findings_of_a_reply_that_the_client_never_got_are_not_reported() {
    let gateway = Gateway::with(two()).await;
    let opening = openai_stream(&[])[0].replacen('{', "{\"system_fingerprint\":\"ada@example.com\",", 1);
    for _ in 0..2 {
        let broken = Script::stream([opening.clone()]).then(Piece::Fail(UpstreamError::Closed));
        gateway.memory.upstream.script(broken);
    }
    gateway
        .memory
        .upstream
        .script(Script::stream(openai_stream(&["here"])));
    let answer = ask(&gateway, true).await;
    assert!(answer.body.contains("here"), "{}", answer.body);
    assert_eq!(answer.header("x-workjet-dlp"), "");
    let log = gateway.log().await;
    assert_eq!(log[1].attempts.len(), 3);
    assert!(log[1].findings.is_empty(), "{:?}", log[1].findings);
}

#[tokio::test(start_paused = true)]
async fn tokens_are_not_counted_where_the_provider_cannot() {
    let gateway = Gateway::with(openai("")).await;
    let body = json!({ "model": "openai:gpt-test", "messages": [{ "role": "user", "content": "hi" }] });
    let answer = gateway.post("/v1/messages/count_tokens", &body).await;
    assert_eq!(
        (answer.status.as_u16(), answer.json()["type"].as_str()),
        (404, Some("error")),
        "{}",
        answer.body
    );
    assert!(gateway.memory.upstream.urls().is_empty());
    assert_eq!(gateway.story().await, ["ai.intent", "ai.outcome not_found"]);
}
