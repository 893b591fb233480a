//! Translates a provider's stream on standard input into a client's dialect on standard output.
//!
//! ```sh
//! cargo run -p workjet-router --example translate -- google anthropic request.json < stream.sse
//! ```
//! With `--request` instead of a stream it prints what would be sent to the provider; with `--whole` it takes a whole
//! reply.
#![allow(
    clippy::disallowed_methods,
    reason = "a program of its own, which reads a file"
)]

use std::error::Error;
use std::io::{Read, Write};

use workjet_router::{Inbound, Outbound, ReplyTranslator, Stamp, StreamTranslator};

fn main() -> Result<(), Box<dyn Error>> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let [outbound, inbound, request, flags @ ..] = args.as_slice() else {
        return Err("usage: translate PROVIDER CLIENT REQUEST.json [--request | --whole]".into());
    };
    let outbound = match outbound.as_str() {
        "openai" => Outbound::OpenAi,
        "anthropic" => Outbound::Anthropic,
        "google" => Outbound::Google,
        "ollama" => Outbound::Ollama,
        other => return Err(format!("no provider speaks {other}").into()),
    };
    let inbound = match inbound.as_str() {
        "openai" => Inbound::OpenAiChat,
        "anthropic" => Inbound::AnthropicMessages,
        other => return Err(format!("no client speaks {other}").into()),
    };
    let request = inbound.parse(serde_json::from_slice(&std::fs::read(request)?)?)?;
    let stamp = Stamp {
        id: "example".to_owned(),
        created: 1_763_900_000,
    };
    let mut out = std::io::stdout().lock();

    if flags.iter().any(|flag| flag == "--request") {
        let sent = request.encode(outbound, request.model())?;
        writeln!(out, "POST {}\ndropped: {:?}", sent.path, sent.dropped)?;
        out.write_all(&sent.body)?;
        return Ok(());
    }
    if flags.iter().any(|flag| flag == "--whole") {
        let mut body = Vec::new();
        std::io::stdin().read_to_end(&mut body)?;
        let reply = ReplyTranslator::new(outbound, inbound, &request, stamp).reply(&body)?;
        writeln!(out, "{}", reply.body)?;
        return Ok(());
    }

    let mut stream = StreamTranslator::new(outbound, inbound, &request, stamp);
    let mut chunk = [0; 1024];
    loop {
        let length = std::io::stdin().read(&mut chunk)?;
        let frames = if length == 0 {
            stream.finish()?
        } else {
            stream.push(&chunk[..length])?
        };
        let mut bytes = Vec::new();
        frames.iter().for_each(|frame| frame.encode(&mut bytes));
        out.write_all(&bytes)?;
        if length == 0 {
            eprintln!("{:?}", stream.usage());
            return Ok(());
        }
    }
}
