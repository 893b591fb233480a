//! Every intent gets exactly one outcome, whatever happens, and nothing goes out before its entry is written.

use std::time::Duration;

use crate::support::{Gateway, chat, openai, openai_reply, openai_stream, settings, streamed};
use futures_util::{FutureExt, StreamExt};
use http_body_util::BodyExt;
use serde_json::json;
use workjet_audit::{Kind, Quality};
use workjet_gateway::memory::{Piece, Script};
use workjet_gateway::{CoreOptions, UpstreamError};

fn card() -> String {
    ["4111", "1111", "1111", "1111"].join("")
}

async fn assert_one_outcome(gateway: &Gateway, code: &str) {
    gateway.rest().await;
    assert_eq!(
        gateway.story().await,
        ["ai.intent".to_owned(), format!("ai.outcome {code}")]
    );
}

#[tokio::test(start_paused = true)]
async fn dropped_stream_still_gets_an_outcome_at_every_frame_boundary() {
    let frames = openai_stream(&["one ", "two ", "three ", "four"]);
    for read in 0..=frames.len() {
        let gateway = Gateway::with(openai("")).await;
        let pieces = frames
            .iter()
            .map(|frame| Piece::Late(Duration::from_millis(100), frame.clone().into()));
        let script = Script::Reply {
            status: 200,
            headers: Vec::new(),
            pieces: pieces.collect(),
        };
        gateway.memory.upstream.script(script);
        let request = gateway.request("/v1/chat/completions", streamed("hi").to_string());
        let response = gateway.send(request).await;
        let mut body = response.into_body().into_data_stream();
        let mut seen = Vec::new();
        for _ in 0..read {
            match body.next().await {
                Some(piece) => seen.extend(piece.expect("bodies do not fail")),
                None => break,
            }
        }
        drop(body);
        // The rest of the reply takes less than the drain time.
        tokio::time::sleep(Duration::from_secs(5)).await;
        let complete = String::from_utf8_lossy(&seen).contains("[DONE]");
        let story = gateway.story().await;
        assert_eq!(story.len(), 2, "{read}: {story:?}");
        let outcome = gateway.log().await.remove(1);
        let code = outcome.code.as_deref().expect("a code");
        assert!(
            if complete {
                code == "ok"
            } else {
                matches!(code, "client_gone" | "ok")
            },
            "{read}: {code}"
        );
        assert_eq!(
            outcome.tokens.and_then(|tokens| tokens.output),
            Some(5),
            "{read}: the pump settles"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn client_that_leaves_before_the_head_gets_an_outcome() {
    for stream in [false, true] {
        let gateway = Gateway::with(openai("")).await;
        let reply = Script::Reply {
            status: 200,
            headers: Vec::new(),
            pieces: vec![Piece::Late(Duration::from_secs(3), openai_reply("late").into())],
        };
        gateway.memory.upstream.script(reply);
        let mut body = chat("hi");
        body["stream"] = json!(stream);
        let request = gateway.request("/v1/chat/completions", body.to_string());
        let left = tokio::time::timeout(Duration::from_secs(1), gateway.send(request)).await;
        assert!(left.is_err());
        tokio::time::sleep(Duration::from_secs(30)).await;
        assert_one_outcome(&gateway, "client_gone").await;
    }
}

#[tokio::test(start_paused = true)]
async fn nobody_waits_longer_than_the_drain_time_for_a_reply_that_nobody_reads() {
    let gateway = Gateway::with(openai("")).await;
    gateway
        .memory
        .upstream
        .script(Script::stream(["data: {}\n\n"; 0]).then(Piece::Hang));
    let request = gateway.request("/v1/chat/completions", streamed("hi").to_string());
    assert!(
        tokio::time::timeout(Duration::from_secs(1), gateway.send(request))
            .await
            .is_err()
    );
    tokio::time::sleep(Duration::from_secs(19)).await;
    gateway.rest().await;
    assert_eq!(gateway.story().await, ["ai.intent"]);
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert_one_outcome(&gateway, "client_gone").await;
}

#[tokio::test(start_paused = true)]
async fn client_that_stays_and_reads_nothing_counts_as_gone_before_the_runtime_ends_the_work() {
    let grace = Duration::from_secs(30);
    let mut options = CoreOptions::new(openai(""), [3; 32]);
    options.timeouts = options.timeouts.within(grace);
    let gateway = Gateway::with_options(options).await;
    let words: Vec<String> = (0..20).map(|n| format!("word{n} ")).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    gateway
        .memory
        .upstream
        .script(Script::stream(openai_stream(&words)).then(Piece::Hang));
    let request = gateway.request("/v1/chat/completions", streamed("hi").to_string());
    let response = gateway.send(request).await;
    tokio::time::sleep(grace - Duration::from_secs(5)).await;
    assert_one_outcome(&gateway, "client_gone").await;
    drop(response);
}

#[tokio::test(start_paused = true)]
async fn nothing_is_forwarded_when_the_intent_cannot_be_written() {
    let limited = "[limits.user]\nrequests = 60\nper = \"1m\"\nburst = 1\n";
    for path in ["/v1/chat/completions", "/v1/messages"] {
        let gateway = Gateway::with(openai(limited)).await;
        gateway.memory.audit.refuse(Kind::AiIntent);
        let mut body = chat("hi");
        body["max_tokens"] = json!(5);
        for _ in 0..3 {
            let answer = gateway.post(path, &body).await;
            assert_eq!(answer.status, 503, "{}", answer.body);
            assert!(answer.body.contains("audit"), "{}", answer.body);
        }
        assert!(gateway.memory.upstream.urls().is_empty());
        gateway.memory.audit.recover();
        gateway
            .memory
            .upstream
            .script(Script::whole(200, openai_reply("hi")));
        assert_eq!(
            gateway.post(path, &body).await.status,
            200,
            "the reservations were given back"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn whole_reply_is_withheld_when_its_outcome_cannot_be_written() {
    let gateway = Gateway::with(openai("")).await;
    gateway.memory.audit.refuse(Kind::AiOutcome);
    gateway
        .memory
        .upstream
        .script(Script::whole(200, openai_reply("the answer")));
    let answer = gateway.chat("hi").await;
    assert_eq!(
        (answer.status.as_u16(), answer.code().as_str()),
        (503, "audit_unavailable")
    );
    assert!(!answer.body.contains("the answer"));
}

#[tokio::test(start_paused = true)]
async fn stream_ends_in_an_error_without_terminator_when_its_outcome_cannot_be_written() {
    let gateway = Gateway::with(openai("")).await;
    gateway.memory.audit.refuse(Kind::AiOutcome);
    gateway
        .memory
        .upstream
        .script(Script::stream(openai_stream(&["hello"])));
    let answer = gateway.post("/v1/chat/completions", &streamed("hi")).await;
    assert_eq!(answer.status, 200);
    assert!(answer.body.contains("hello"));
    assert!(answer.body.contains("audit_unavailable"), "{}", answer.body);
    assert!(!answer.body.contains("[DONE]"), "{}", answer.body);

    let gateway = Gateway::demo().await;
    gateway.memory.audit.refuse(Kind::AiOutcome);
    let body = json!({ "model": "m", "max_tokens": 9, "stream": true, "messages": [{ "role": "user", "content": "hi" }] });
    let answer = gateway.post("/v1/messages", &body).await;
    assert!(answer.body.contains("event: error"), "{}", answer.body);
    assert!(!answer.body.contains("message_stop"), "{}", answer.body);
}

#[tokio::test(start_paused = true)]
async fn refusal_is_not_told_before_it_is_written() {
    let gateway = Gateway::with(openai("")).await;
    gateway.memory.audit.refuse(Kind::AiRefused);
    let answer = gateway.ask(gateway.request("/v1/chat/completions", "{")).await;
    assert_eq!(
        (answer.status.as_u16(), answer.code().as_str()),
        (503, "audit_unavailable")
    );
}

#[tokio::test(start_paused = true)]
async fn outcome_is_in_the_log_before_the_terminator_is_out() {
    let gateway = Gateway::with(openai("")).await;
    gateway
        .memory
        .upstream
        .script(Script::stream(openai_stream(&["hello"])));
    let request = gateway.request("/v1/chat/completions", streamed("hi").to_string());
    let mut body = gateway.send(request).await.into_body();
    while let Some(frame) = body.frame().await {
        let data = frame.expect("bodies do not fail").into_data().expect("data");
        if String::from_utf8_lossy(&data).contains("[DONE]") {
            assert_eq!(gateway.story().await, ["ai.intent", "ai.outcome ok"]);
            return;
        }
    }
    panic!("no terminator");
}

#[tokio::test(start_paused = true)]
async fn defect_in_the_middle_leaves_no_intent_open() {
    let gateway = Gateway::with(openai("")).await;
    gateway.memory.upstream.script(Script::Panic);
    let answer = gateway.chat("hi").await;
    assert_eq!(
        (answer.status.as_u16(), answer.code().as_str()),
        (500, "internal")
    );
    assert_one_outcome(&gateway, "internal").await;
}

#[tokio::test(start_paused = true)]
async fn stream_that_breaks_off_ends_in_an_error_event() {
    let frames = openai_stream(&["one ", "two "]);
    let cut = |script: Script| async move {
        let gateway = Gateway::with(openai("")).await;
        gateway.memory.upstream.script(script);
        let answer = gateway.post("/v1/chat/completions", &streamed("hi")).await;
        assert_eq!(answer.status, 200);
        assert!(answer.body.contains("one "), "{}", answer.body);
        assert!(answer.body.contains("\"error\""), "{}", answer.body);
        assert!(!answer.body.contains("[DONE]"));
        let story = gateway.story().await;
        assert_eq!(story.len(), 2, "{story:?}");
        story[1].clone()
    };
    let begun = || Script::stream(frames[..3].to_vec());
    assert_eq!(cut(begun()).await, "ai.outcome provider_error");
    assert_eq!(
        cut(begun().then(Piece::Fail(UpstreamError::Closed))).await,
        "ai.outcome provider_error"
    );
    assert_eq!(
        cut(begun().then(Piece::Bytes("data: {gar".into()))).await,
        "ai.outcome provider_error"
    );
    assert_eq!(
        cut(begun().then(Piece::Bytes("data: garbage\n\n".into()))).await,
        "ai.outcome provider_error"
    );
    assert_eq!(
        cut(begun().then(Piece::Hang)).await,
        "ai.outcome provider_timeout"
    );
}

#[tokio::test(start_paused = true)]
async fn blocked_reply_is_not_delivered() {
    let blocking = "[dlp.response]\ncredit_card = \"block\"\n";
    let gateway = Gateway::with(openai(blocking)).await;
    gateway
        .memory
        .upstream
        .script(Script::whole(200, openai_reply(&format!("use {}", card()))));
    let answer = gateway.chat("hi").await;
    assert_eq!(
        (answer.status.as_u16(), answer.code().as_str()),
        (400, "dlp_blocked"),
        "{}",
        answer.body
    );
    assert!(
        answer.body.contains("choices[0].message.content") && answer.body.contains("reply"),
        "{}",
        answer.body
    );
    assert!(!answer.body.contains("4111"));
    assert_one_outcome(&gateway, "dlp_blocked").await;

    let gateway = Gateway::with(openai(blocking)).await;
    gateway
        .memory
        .upstream
        .script(Script::stream(openai_stream(&["fine so far ", &card(), " more"])));
    let answer = gateway.post("/v1/chat/completions", &streamed("hi")).await;
    assert!(answer.body.contains("fine so far"), "{}", answer.body);
    assert!(answer.body.contains("dlp_blocked"), "{}", answer.body);
    assert!(
        !answer.body.contains("4111") && !answer.body.contains("more") && !answer.body.contains("[DONE]")
    );
    assert_one_outcome(&gateway, "dlp_blocked").await;
}

#[tokio::test(start_paused = true)]
async fn slow_client_slows_the_provider_down_and_is_given_up_at_the_deadline() {
    let mut options = CoreOptions::new(openai(""), [3; 32]);
    options.timeouts.total = Duration::from_secs(60);
    let gateway = Gateway::with_options(options).await;
    let words: Vec<String> = (0..100).map(|n| format!("word {n} ")).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    gateway
        .memory
        .upstream
        .script(Script::stream(openai_stream(&words)));
    let request = gateway.request("/v1/chat/completions", streamed("hi").to_string());
    let response = gateway.send(request).await;
    tokio::time::sleep(Duration::from_secs(30)).await;
    assert_eq!(
        gateway.story().await,
        ["ai.intent"],
        "the task waits for the reader"
    );
    tokio::time::sleep(Duration::from_secs(31)).await;
    assert_one_outcome(&gateway, "client_gone").await;
    drop(response);
}

#[tokio::test(start_paused = true)]
async fn nothing_is_sent_for_a_client_that_left_before_dispatch() {
    let gateway = Gateway::with(openai("")).await;
    gateway
        .memory
        .upstream
        .script(Script::whole(200, openai_reply("hi")));
    let request = gateway.request("/v1/chat/completions", chat("hi").to_string());
    assert!(gateway.send(request).now_or_never().is_none());
    assert_one_outcome(&gateway, "client_gone").await;
    assert!(gateway.memory.upstream.urls().is_empty());
}

#[tokio::test(start_paused = true)]
async fn cost_is_exact_when_the_provider_counted_and_a_guess_when_it_could_not() {
    let priced =
        || settings("[[provider]]\nname = \"openai\"\nkind = \"openai\"\napi_key = { env = \"X\" }\n");
    let mut body = streamed("hi");
    body["model"] = json!("openai:gpt-5-mini");
    let as_mini = |frames: Vec<String>| {
        frames
            .into_iter()
            .map(|frame| frame.replace("gpt-test-2026", "gpt-5-mini"))
    };

    let gateway = Gateway::with(priced()).await;
    gateway
        .memory
        .upstream
        .script(Script::stream(as_mini(openai_stream(&["hello"]))));
    gateway.post("/v1/chat/completions", &body).await;
    let cost = gateway.log().await[1].cost.clone().expect("a cost");
    // 10 tokens at $0.25 and 5 at $2.00 per million.
    assert_eq!((cost.nano_usd, cost.quality), (2_500 + 10_000, Quality::Exact));

    let gateway = Gateway::with(priced()).await;
    let cut: Vec<String> = as_mini(openai_stream(&["hello", "hello"])).take(3).collect();
    gateway.memory.upstream.script(Script::stream(cut));
    gateway.post("/v1/chat/completions", &body).await;
    let outcome = gateway.log().await.remove(1);
    assert_eq!(outcome.tokens, None, "nobody counted");
    let cost = outcome.cost.expect("a cost");
    assert_eq!(cost.quality, Quality::Estimated);
    assert!(
        cost.nano_usd > 3 * 2_000,
        "ten letters are three tokens: {}",
        cost.nano_usd
    );
}

#[tokio::test(start_paused = true)]
async fn error_event_ends_the_stream_although_the_provider_keeps_it_open() {
    let gateway = Gateway::with(openai("")).await;
    let frames = openai_stream(&["one "]);
    let error = "data: {\"error\":{\"type\":\"server_error\",\"message\":\"no\"}}\n\n";
    let together = format!("{}{}{error}", frames[0], frames[1]);
    gateway
        .memory
        .upstream
        .script(Script::stream([together]).then(Piece::Hang));
    let began = tokio::time::Instant::now();
    let answer = gateway.post("/v1/chat/completions", &streamed("hi")).await;
    assert!(
        answer.body.contains("one ") && answer.body.contains("error"),
        "{}",
        answer.body
    );
    assert!(
        began.elapsed() < Duration::from_secs(1),
        "nobody waits for what cannot come"
    );
}
