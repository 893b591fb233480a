//! One request through every stage, in each dialect, whole and streamed.

use crate::support::{Gateway, chat, openai, openai_reply, openai_stream, settings, streamed};
use serde_json::json;
use workjet_gateway::memory::Script;

/// Assembled at run time, so that no scanner takes it for a leak.
fn card() -> String {
    ["4111", "1111", "1111", "1111"].join(" ")
}

#[tokio::test(start_paused = true)]
async fn demo_shows_what_a_provider_would_have_received() {
    let gateway = Gateway::demo().await;
    let answer = gateway.chat(&format!("my card is {}", card())).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    assert_eq!(
        answer.json()["choices"][0]["message"]["content"],
        "my card is [REDACTED:credit_card]"
    );
    assert_eq!(answer.header("x-workjet-dlp"), "request=credit_card:redact*1");
    assert_eq!(answer.header("x-workjet-model"), "demo:openai:gpt-test");
    assert!(answer.header("x-workjet-request-id").starts_with("req_"));
    assert_eq!(answer.header("cache-control"), "no-store");
    assert_eq!(gateway.story().await, ["ai.intent", "ai.outcome ok"]);
}

#[tokio::test(start_paused = true)]
async fn demo_streams_in_openais_dialect() {
    let gateway = Gateway::demo().await;
    let answer = gateway
        .post("/v1/chat/completions", &streamed(&format!("card {}", card())))
        .await;
    assert_eq!(answer.status, 200);
    assert!(answer.header("content-type").starts_with("text/event-stream"));
    assert!(answer.body.contains("[REDACTED:credit_card]"), "{}", answer.body);
    assert!(!answer.body.contains("4111"));
    assert!(answer.body.ends_with("data: [DONE]\n\n"), "{}", answer.body);
    assert_eq!(gateway.story().await, ["ai.intent", "ai.outcome ok"]);
}

#[tokio::test(start_paused = true)]
async fn demo_streams_in_anthropics_dialect() {
    let gateway = Gateway::demo().await;
    let body = json!({
        "model": "claude", "max_tokens": 100, "stream": true,
        "messages": [{ "role": "user", "content": format!("card {}", card()) }],
    });
    let answer = gateway.post("/v1/messages", &body).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    assert!(answer.body.contains("event: message_stop"), "{}", answer.body);
    assert!(answer.body.contains("[REDACTED:credit_card]"), "{}", answer.body);
    assert!(!answer.body.contains("4111"));
}

#[tokio::test(start_paused = true)]
async fn provider_sees_the_redacted_request_and_its_own_key() {
    let gateway = Gateway::with(openai("")).await;
    gateway
        .memory
        .upstream
        .script(Script::whole(200, openai_reply("hello")));
    let answer = gateway.chat(&format!("my card is {}", card())).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    assert_eq!(answer.header("x-workjet-model"), "openai:gpt-test");
    assert_eq!(answer.json()["model"], "gpt-test-2026");
    assert_eq!(
        gateway.memory.upstream.urls(),
        ["https://openai.test/v1/chat/completions"]
    );
    let sent = gateway.memory.upstream.bodies().remove(0);
    assert!(
        sent.contains("[REDACTED:credit_card]") && !sent.contains("4111"),
        "{sent}"
    );
    assert!(sent.contains("\"gpt-test\""), "{sent}");
    let headers = gateway.memory.upstream.headers().remove(0);
    assert_eq!(headers["authorization"], "Bearer provider-key");
    assert!(
        !headers
            .values()
            .any(|value| value.to_str().is_ok_and(|value| value.contains("wj_")))
    );
}

#[tokio::test(start_paused = true)]
async fn reply_is_redacted_across_frames() {
    let gateway = Gateway::with(openai("")).await;
    gateway.memory.upstream.script(Script::stream(openai_stream(&[
        "use 4111 11",
        "11 1111 11",
        "11 now",
    ])));
    let answer = gateway
        .post("/v1/chat/completions", &streamed("which card?"))
        .await;
    assert_eq!(answer.status, 200);
    assert!(answer.body.contains("[REDACTED:credit_card]"), "{}", answer.body);
    assert!(!answer.body.contains("4111"), "{}", answer.body);
    let outcome = gateway.log().await.remove(1);
    assert_eq!(outcome.findings.len(), 1, "{outcome:?}");
}

#[tokio::test(start_paused = true)]
async fn thinking_that_nobody_signed_is_redacted_like_text() {
    let ollama = "[[provider]]\nname = \"ollama\"\nkind = \"ollama\"\nbase_url = \"http://127.0.0.1:1\"\n";
    let gateway = Gateway::with(settings(ollama)).await;
    let thought = json!({"model": "m", "done": false, "message": {"role": "assistant", "content": "", "thinking": card()}});
    let text = json!({"model": "m", "done": false, "message": {"role": "assistant", "content": "Done."}});
    let last = json!({"model": "m", "done": true, "done_reason": "stop", "message": {"role": "assistant", "content": ""}});
    let lines = [thought, text, last].map(|line| format!("{line}\n"));
    gateway.memory.upstream.script(Script::stream(lines.to_vec()));
    let body = json!({
        "model": "ollama:m", "max_tokens": 2000, "stream": true,
        "thinking": {"type": "enabled", "budget_tokens": 1024},
        "messages": [{ "role": "user", "content": "think" }],
    });
    let answer = gateway.post("/v1/messages", &body).await;
    assert!(answer.body.contains("[REDACTED:credit_card]"), "{}", answer.body);
    assert!(!answer.body.contains("4111"), "{}", answer.body);
    assert!(answer.body.contains("event: message_stop"), "{}", answer.body);
}

#[tokio::test(start_paused = true)]
async fn outcome_says_what_happened() {
    let gateway = Gateway::with(openai("")).await;
    gateway
        .memory
        .upstream
        .script(Script::whole(200, openai_reply("hello")));
    gateway.post("/v1/chat/completions", &chat("hi")).await;
    let log = gateway.log().await;
    let (intent, outcome) = (&log[0], &log[1]);
    assert_eq!(intent.targets, ["openai:gpt-test"]);
    assert_eq!(intent.request, outcome.request);
    assert_eq!(intent.dialect.as_deref(), Some("openai.chat"));
    assert_eq!(outcome.status, Some(200));
    let model = outcome.model.as_ref().expect("a model");
    assert_eq!(
        (model.asked.as_str(), model.provider.as_deref()),
        ("openai:gpt-test", Some("openai"))
    );
    assert_eq!(model.answered.as_deref(), Some("gpt-test-2026"));
    let tokens = outcome.tokens.expect("tokens");
    assert_eq!((tokens.input, tokens.output), (Some(10), Some(5)));
    assert_eq!(outcome.attempts.len(), 1);
    assert_eq!(outcome.attempts[0].status, Some(200));
    let commitments = outcome.commitments.as_ref().expect("commitments");
    assert!(
        commitments
            .request
            .as_ref()
            .is_some_and(|text| text.starts_with("hmac-sha256:"))
    );
    assert!(
        commitments
            .response
            .as_ref()
            .is_some_and(|text| text.starts_with("hmac-sha256:"))
    );
}

#[tokio::test(start_paused = true)]
async fn secret_in_a_providers_model_name_reaches_no_log() {
    let gateway = Gateway::with(openai("")).await;
    for reply in [
        Script::whole(200, openai_reply("hi").replace("gpt-test-2026", &card())),
        Script::stream(
            openai_stream(&["hi"])
                .iter()
                .map(|frame| frame.replace("gpt-test-2026", &card())),
        ),
    ] {
        let body = if matches!(&reply, Script::Reply { pieces, .. } if pieces.len() > 1) {
            streamed("hi")
        } else {
            chat("hi")
        };
        gateway.memory.upstream.script(reply);
        let answer = gateway.post("/v1/chat/completions", &body).await;
        assert!(!answer.body.contains("4111"), "{}", answer.body);
    }
    for entry in gateway.log().await {
        assert!(!entry.to_canonical_json().contains("4111"));
    }
}
