//! Values that leave as tokens and come back, and what is told of them on the way.

use std::time::Duration;

use crate::support::{Gateway, chat, openai, openai_reply, openai_stream, settings, streamed};
use http::Method;
use serde_json::{Value, json};
use workjet_gateway::memory::{Piece, Script};
use workjet_gateway::{Core, CoreOptions, UpstreamError};
use workjet_tenant::Role;

const EMAIL: &str = "bob@example.com";
const TOKENS: &str = "[dlp.request]\nemail = \"tokenize\"\n";

/// What a provider was sent last, and the first token in it.
fn sent(gateway: &Gateway) -> (Value, String) {
    let body = gateway.memory.upstream.bodies().pop().expect("a request");
    let text = body.clone();
    let at = text.find("[EMAIL:").expect("a token");
    let token = text[at..at + "[EMAIL:000000]".len()].to_owned();
    assert!(token.ends_with(']'), "{token}");
    (serde_json::from_str(&body).expect("JSON"), token)
}

/// The token that the first request of a gateway like this one gets for its only address: the home in memory makes its
/// ids in the same order each time.
async fn first_token(body: &Value) -> String {
    let gateway = Gateway::with(openai(TOKENS)).await;
    gateway
        .memory
        .upstream
        .script(Script::whole(200, openai_reply("ok")));
    gateway.post("/v1/chat/completions", body).await;
    sent(&gateway).1
}

#[tokio::test(start_paused = true)]
async fn provider_gets_a_token_and_the_client_its_value() {
    for stream in [false, true] {
        let gateway = Gateway::with(settings(&format!(
            "{TOKENS}[[provider]]\nname = \"demo\"\nkind = \"demo\"\n"
        )))
        .await;
        let text = format!("Tell {EMAIL} and {EMAIL}, not [EMAIL:000000].");
        let mut body = chat(&text);
        body["model"] = json!("demo:echo");
        body["stream"] = json!(stream);
        let answer = gateway.post("/v1/chat/completions", &body).await;
        assert_eq!(answer.header("x-workjet-dlp"), "request=email:tokenize*2");
        let said: String = if stream {
            let events = answer
                .body
                .lines()
                .filter_map(|line| line.strip_prefix("data: {"));
            let content = |event: &str| {
                let event: Value = serde_json::from_str(&format!("{{{event}")).expect("JSON");
                event["choices"][0]["delta"]["content"]
                    .as_str()
                    .unwrap_or_default()
                    .to_owned()
            };
            events.map(content).collect()
        } else {
            answer.json()["choices"][0]["message"]["content"]
                .as_str()
                .expect("text")
                .to_owned()
        };
        assert_eq!(said, text);
        gateway.assert_unlogged(&["bob@"]).await;
        let entries = gateway.log().await;
        assert_eq!(entries[0].findings[0].action, "tokenize");
        assert!(
            entries[1]
                .findings
                .iter()
                .all(|finding| finding.action == "tokenize")
        );
    }
}

#[tokio::test(start_paused = true)]
async fn equal_values_have_one_token_and_each_request_its_own() {
    let gateway = Gateway::with(openai(TOKENS)).await;
    let body = json!({
        "model": "openai:gpt-test", "user": EMAIL,
        "messages": [
            { "role": "system", "content": format!("You help {EMAIL}.") },
            { "role": "user", "content": [{ "type": "text", "text": "eve@example.com" }] },
            { "role": "assistant", "content": null, "tool_calls": [
                { "id": "c", "type": "function", "function": { "name": "f", "arguments": json!({ "to": EMAIL }).to_string() } },
            ] },
            { "role": "tool", "tool_call_id": "c", "content": format!("sent to {EMAIL}") },
        ],
    });
    let mut seen = Vec::new();
    for _ in 0..2 {
        gateway
            .memory
            .upstream
            .script(Script::whole(200, openai_reply("ok")));
        gateway.post("/v1/chat/completions", &body).await;
        let (sent, token) = sent(&gateway);
        let text = sent.to_string();
        assert_eq!(text.matches(&token).count(), 4, "{text}");
        assert_eq!(text.matches("[EMAIL:").count(), 5, "{text}");
        assert!(!text.contains("@example.com"), "{text}");
        let arguments = sent["messages"][2]["tool_calls"][0]["function"]["arguments"].as_str();
        let arguments: Value = serde_json::from_str(arguments.expect("text")).expect("JSON");
        assert_eq!(arguments["to"], token);
        seen.push(token);
    }
    assert_ne!(seen[0], seen[1]);
}

#[tokio::test(start_paused = true)]
async fn token_that_the_request_holds_already_is_nobodys() {
    // What the gateway would give to the address, the client has written itself.
    let token = first_token(&chat(EMAIL)).await;
    let gateway = Gateway::with(openai(TOKENS)).await;
    let reply = openai_reply(&format!("{token} it is"));
    gateway.memory.upstream.script(Script::whole(200, reply));
    let answer = gateway.chat(&format!("{EMAIL} {token}")).await;
    let body = gateway.memory.upstream.bodies().pop().expect("a request");
    assert_eq!(body.matches(&token).count(), 1, "{body}");
    assert_eq!(body.matches("[EMAIL:").count(), 2, "{body}");
    assert_eq!(
        answer.json()["choices"][0]["message"]["content"],
        format!("{token} it is")
    );
}

#[tokio::test(start_paused = true)]
async fn token_is_the_requests_own_wherever_and_however_it_is_written_there() {
    let token = first_token(&chat(EMAIL)).await;
    let escaped = token.replace('[', "\\u005b").replace('E', "\\u0045");
    let twice = escaped.replace('\\', "\\\\");
    for message in [
        format!(r#"{{"role": "user", "content": "{token}"}}"#),
        format!(r#"{{"role": "user", "content": "{escaped}"}}"#),
        format!(r#"{{"role": "user", "content": "hi", "{escaped}": 1}}"#),
        format!(
            r#"{{"role": "assistant", "tool_calls": [{{"id": "c", "type": "function", "function": {{"name": "f", "arguments": "{{\"a\": \"{twice}\"}}"}}}}]}}"#
        ),
    ] {
        let gateway = Gateway::with(openai(TOKENS)).await;
        gateway
            .memory
            .upstream
            .script(Script::whole(200, openai_reply(&token)));
        let body = format!(
            r#"{{"model": "openai:gpt-test", "messages": [{{"role": "user", "content": "{EMAIL}"}}, {message}]}}"#
        );
        let answer = gateway
            .ask(gateway.request("/v1/chat/completions", body.clone()))
            .await;
        assert_eq!(answer.json()["choices"][0]["message"]["content"], token, "{body}");
    }
}

#[tokio::test(start_paused = true)]
async fn streamed_value_waits_for_no_more_than_its_token() {
    let body = streamed(&format!("Hello, {EMAIL}"));
    let token = first_token(&chat(&format!("Hello, {EMAIL}"))).await;
    let gateway = Gateway::with(openai(TOKENS)).await;
    let (first, second) = token.split_at(5);
    let frames = openai_stream(&["Dear ", first, second, ", [EMAIL:0", "00000] and eve@example.com"]);
    gateway.memory.upstream.script(Script::stream(frames));
    let answer = gateway.post("/v1/chat/completions", &body).await;
    assert!(answer.body.contains(&format!("\"{EMAIL}\"")), "{}", answer.body);
    assert!(answer.body.contains("[REDACTED:email]"), "{}", answer.body);
    assert!(!answer.body.contains(&token), "{}", answer.body);
    assert!(answer.body.ends_with("data: [DONE]\n\n"), "{}", answer.body);
}

#[tokio::test(start_paused = true)]
async fn every_target_that_is_tried_gets_the_same_token() {
    let tier = "[[tier]]\nname = \"fast\"\ntargets = [\"openai:a\", \"openai:b\"]\n";
    let gateway = Gateway::with(openai(&format!("{TOKENS}{tier}"))).await;
    let upstream = &gateway.memory.upstream;
    for _ in 0..8 {
        upstream.script(Script::Fail(UpstreamError::Closed));
    }
    let mut body = chat(EMAIL);
    body["model"] = json!("fast");
    gateway.post("/v1/chat/completions", &body).await;
    let bodies = upstream.bodies();
    let token = sent(&gateway).1;
    assert!(bodies.len() > 1);
    assert!(bodies.iter().all(|body| body.contains(&token)), "{bodies:?}");
}

#[tokio::test(start_paused = true)]
async fn error_of_a_provider_keeps_the_token() {
    let token = first_token(&chat(EMAIL)).await;
    let error =
        json!({ "error": { "message": format!("{token} is no user"), "type": "invalid_request_error" } });
    let gateway = Gateway::with(openai(TOKENS)).await;
    gateway
        .memory
        .upstream
        .script(Script::whole(400, error.to_string()));
    let answer = gateway.chat(EMAIL).await;
    assert_eq!(answer.status, 400);
    assert!(!answer.body.contains(EMAIL), "{}", answer.body);

    let gateway = Gateway::with(openai(TOKENS)).await;
    let mut frames = openai_stream(&["One ", "two "]);
    frames.truncate(2);
    frames.push(format!("data: {error}\n\n"));
    gateway.memory.upstream.script(Script::stream(frames));
    let answer = gateway.post("/v1/chat/completions", &streamed(EMAIL)).await;
    assert!(!answer.body.contains(EMAIL), "{}", answer.body);
    gateway.assert_unlogged(&["bob@"]).await;
}

#[tokio::test(start_paused = true)]
async fn stream_that_breaks_off_within_a_token_shows_no_value() {
    let token = first_token(&chat(EMAIL)).await;
    for piece in [
        Piece::Fail(UpstreamError::Closed),
        Piece::Late(Duration::from_secs(1), "".into()),
    ] {
        let gateway = Gateway::with(openai(TOKENS)).await;
        let mut frames = openai_stream(&["Dear ", &token[..10]]);
        frames.truncate(3);
        gateway.memory.upstream.script(Script::stream(frames).then(piece));
        let answer = gateway.post("/v1/chat/completions", &streamed(EMAIL)).await;
        assert!(
            answer.body.contains(&token[..10]) && !answer.body.contains(EMAIL),
            "{}",
            answer.body
        );
        assert!(
            answer.body.contains("\"error\"") && !answer.body.contains("[DONE]"),
            "{}",
            answer.body
        );
    }
}

#[tokio::test(start_paused = true)]
async fn what_would_be_a_token_in_a_name_refuses_the_request() {
    let gateway = Gateway::with(openai(TOKENS)).await;
    let mut body = chat("hi");
    body["tools"] = json!([{ "type": "function", "function": { "name": EMAIL, "parameters": {} } }]);
    let answer = gateway.post("/v1/chat/completions", &body).await;
    assert_eq!(
        (answer.status.as_u16(), answer.code().as_str()),
        (400, "dlp_blocked")
    );
    assert!(gateway.memory.upstream.bodies().is_empty());
}

#[tokio::test(start_paused = true)]
async fn probabilities_are_refused_where_a_token_would_be_spelt_in_them() {
    let lenient = "[dlp.response]\ncredit_card = \"off\"\nus_ssn = \"off\"\nemail = \"off\"\nphone = \"off\"\naws_key = \"off\"\napi_secret = \"off\"\n";
    let gateway = Gateway::with(openai(&format!("{TOKENS}{lenient}"))).await;
    for (text, status) in [(EMAIL, 400), ("hi", 200)] {
        gateway
            .memory
            .upstream
            .script(Script::whole(200, openai_reply("ok")));
        let mut body = chat(text);
        body["logprobs"] = json!(true);
        let answer = gateway.post("/v1/chat/completions", &body).await;
        assert_eq!(answer.status.as_u16(), status, "{}", answer.body);
    }
}

#[tokio::test(start_paused = true)]
async fn hash_of_a_value_is_the_same_in_every_request_of_a_tenant_and_in_no_other() {
    let hashes = |settings| async move {
        let gateway = Gateway::with_core(settings).await;
        let other = gateway.caller("other", "eve@example.com", Role::Member).await;
        for _ in 0..2 {
            gateway
                .memory
                .upstream
                .script(Script::whole(200, openai_reply(EMAIL)));
            gateway.chat(EMAIL).await;
        }
        gateway
            .memory
            .upstream
            .script(Script::whole(200, openai_reply(EMAIL)));
        let request = gateway.request_as(other.key(), "/v1/chat/completions", chat(EMAIL).to_string());
        let answer = gateway.ask(request).await;
        let hash = |text: &str| {
            let at = text.find("[HASH:email:").expect("a hash");
            text[at..at + "[HASH:email:0123456789abcdef]".len()].to_owned()
        };
        let mut hashes: Vec<String> = gateway
            .memory
            .upstream
            .bodies()
            .iter()
            .map(|body| hash(body))
            .collect();
        hashes.push(hash(&answer.body));
        hashes
    };
    let core = |key| {
        let settings = || openai("[dlp.request]\nemail = \"hash\"\n[dlp.response]\nemail = \"hash\"\n");
        Core::new(CoreOptions::new(settings(), key)).with_tenant("other".parse().expect("an id"), settings())
    };
    let [first, again, other, answer] = &hashes(core([3; 32])).await[..] else {
        panic!("four hashes")
    };
    assert_eq!(first, again);
    assert_ne!(first, other);
    assert_eq!(other, answer, "both directions have one key");
    assert_ne!(
        &hashes(core([4; 32])).await[0],
        first,
        "another log key makes others"
    );
}

#[tokio::test(start_paused = true)]
async fn metrics_name_the_action_and_no_token() {
    let mut options = CoreOptions::new(openai(TOKENS), [3; 32]);
    options.metrics_token = Some("metrics-token".to_owned().into());
    let gateway = Gateway::with_options(options).await;
    let upstream = &gateway.memory.upstream;
    upstream.script(Script::whole(200, openai_reply("ok")));
    gateway.chat(EMAIL).await;
    let headers = [("authorization", "Bearer metrics-token")];
    let text = gateway.call(Method::GET, "/metrics", &headers, None).await.body;
    assert!(text.contains("action=\"tokenize\""), "{text}");
    assert!(!text.contains("[EMAIL:") && !text.contains(EMAIL), "{text}");
}

#[tokio::test(start_paused = true)]
async fn masked_value_keeps_its_end() {
    let gateway = Gateway::with(openai("[dlp.request]\ncredit_card = \"mask\"\n")).await;
    gateway
        .memory
        .upstream
        .script(Script::whole(200, openai_reply("ok")));
    let card = ["4111", "1111", "1111", "1234"].join(" ").replace("1234", "1111");
    let answer = gateway.chat(&format!("Card {card}.")).await;
    assert_eq!(answer.header("x-workjet-dlp"), "request=credit_card:mask*1");
    let body = gateway.memory.upstream.bodies().pop().expect("a request");
    assert!(body.contains("Card ***************1111."), "{body}");
}
