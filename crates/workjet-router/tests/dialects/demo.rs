//! The demo provider, heard through the translators as any other.

use serde_json::{Value, json};
use workjet_router::{Inbound, Outbound, ReplyTranslator, StreamTranslator, demo};

use crate::assemble::assemble;
use crate::fixtures::{INBOUNDS, parsed, run, stamp};

const SAID: &str = "My card is [REDACTED:credit_card], grüß dich 🌍";

fn messages() -> Value {
    json!({"messages": [
        {"role": "user", "content": "earlier"},
        {"role": "assistant", "content": "reply"},
        {"role": "user", "content": [{"type": "text", "text": "My card is "}, {"type": "text", "text": &SAID[11..]}]},
    ]})
}

#[test]
fn the_last_user_message_comes_back_whole_and_streamed() {
    for inbound in INBOUNDS {
        for stream in [false, true] {
            let mut more = messages();
            more["stream"] = stream.into();
            let request = parsed(inbound, more);
            let sent = request.encode(Outbound::OpenAi, "anything").unwrap();
            let answer = demo::answer(&sent.body, &stamp());
            assert_eq!(answer, demo::answer(&sent.body, &stamp()));
            assert_eq!(answer.status, 200);
            if stream {
                assert_eq!(answer.content_type, "text/event-stream");
                let mut translator = StreamTranslator::new(Outbound::OpenAi, inbound, &request, stamp());
                let (frames, end) = run(&mut translator, answer.chunks.iter().map(Vec::as_slice));
                assert_eq!(end, Ok(()));
                assert!(frames.len() > 10, "small deltas");
                assert_eq!(assemble(inbound, &frames).text, SAID);
                assert!(translator.usage().is_complete());
            } else {
                let reply = ReplyTranslator::new(Outbound::OpenAi, inbound, &request, stamp());
                let reply = reply.reply(&answer.chunks.concat()).unwrap();
                let text = match inbound {
                    Inbound::OpenAiChat => &reply.body["choices"][0]["message"]["content"],
                    _ => &reply.body["content"][0]["text"],
                };
                assert_eq!(text, SAID);
                assert_eq!(reply.body["model"], "anything");
                assert!(reply.usage.is_complete());
            }
        }
    }
}

#[test]
fn a_body_that_is_no_json_is_refused() {
    assert_eq!(demo::answer(b"{", &stamp()).status, 400);
}
