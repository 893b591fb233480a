//! One provider's reply, on its way to the client: read, translate, clear, send.

use std::pin::pin;

use bytes::{Bytes, BytesMut};
use futures_util::future::{Either, select};
use futures_util::stream::BoxStream;
use futures_util::{FutureExt, StreamExt};
use serde_json::{Value, json};
use workjet_router::{
    ApiError, AttemptEnd, Data, Frame, Outbound, ReplyError, ReplyTranslator, StreamError, StreamTranslator,
    Usage,
};

use super::served::{Ended, Last};
use super::{Failure, Run};
use crate::Refusal;
use crate::admit::Purpose;
use crate::cleared::{Clearance, Cleared};
use crate::host::UpstreamError;
use crate::outlet::{Encoded, Gone};
use crate::time::until;

/// The largest whole reply that is read.
const MAX_REPLY: usize = 64 * 1024 * 1024;

/// A piece of a provider's body.
type Piece = Result<Bytes, UpstreamError>;

impl Run<'_> {
    /// A whole reply.
    pub(super) async fn whole(
        &mut self,
        outbound: Outbound,
        body: BoxStream<'static, Piece>,
    ) -> Result<Ended, Failure> {
        let body = self.read(body, MAX_REPLY).await?;
        let chat = self.inspected().chat();
        let clearance = Clearance::new(self.inspected(), outbound);
        let reply = if self.inspected().ticket().purpose == Purpose::CountTokens {
            counted(&body).ok_or_else(Failure::garbage)?
        } else {
            let translator = ReplyTranslator::new(outbound, chat.inbound(), chat, self.stamp());
            let translated = translator.reply(&body).map_err(|error| match &error {
                ReplyError::Provider(provider) => Failure::inside(provider.status(), ApiError::from(&error)),
                _ => Failure::garbage(),
            })?;
            // Its frame of JSON is counted as text too: only a provider that counts nothing makes us guess by it.
            self.learn(translated.usage, translated.model.as_deref(), body.len());
            translated.body
        };
        if self.client_gone {
            return Ok(Ended::ClientGone);
        }
        Ok(match clearance.reply(reply, &mut self.served.findings) {
            Ok(reply) => Ended::Whole(Last(Encoded::reply(&reply))),
            Err(refusal) => Ended::Refused(refusal),
        })
    }

    /// A stream: each piece is sent as it comes, all but the terminator.
    pub(super) async fn stream(
        &mut self,
        outbound: Outbound,
        mut body: BoxStream<'static, Piece>,
    ) -> Result<Ended, Failure> {
        let chat = self.inspected().chat();
        let inbound = chat.inbound();
        let mut translator = StreamTranslator::new(outbound, inbound, chat, self.stamp());
        let mut clearance = Clearance::new(self.inspected(), outbound);
        let mut out = Outgoing::default();
        loop {
            let next = self.wait(self.core.timeouts.idle, body.next()).await;
            let (frames, broken) = translate(&mut translator, next);
            let said = frames.iter().map(|frame| inbound.said_bytes(frame)).sum();
            self.learn(translator.usage().clone(), translator.answered_model(), said);
            if self.client_gone {
                if broken.is_some() || translator.is_complete() {
                    return Ok(Ended::ClientGone);
                }
                continue;
            }

            let mut refusal = None;
            for frame in frames {
                let ends = frame.is_terminator();
                out.has_content |= is_content(&frame);
                refusal = out.take(clearance.frame(frame, &mut self.served.findings));
                if ends && refusal.is_none() {
                    refusal = out.take(clearance.finish(&mut self.served.findings));
                }
                if refusal.is_some() {
                    break;
                }
            }
            if broken.is_some() && refusal.is_none() && out.has_content && self.outlet.has_begun() {
                // What had come was scanned and may still be read.
                refusal = out.take(clearance.finish(&mut self.served.findings));
            }
            if out.has_content {
                self.send(&mut out.piece).await;
            }
            match (refusal, broken) {
                (Some(refusal), _) => return Ok(Ended::Refused(refusal)),
                (None, Some(broken)) if self.outlet.has_begun() => {
                    let failure = broken.into_failure();
                    self.broke = Some(failure.end);
                    return Ok(Ended::Refused(failure.refusal));
                }
                (None, Some(broken)) => return Err(broken.into_failure()),
                (None, None) if translator.is_complete() => {
                    // One look at what follows lets the connection be used again if it is nothing.
                    let _ = body.next().now_or_never();
                    return Ok(if self.client_gone {
                        Ended::ClientGone
                    } else {
                        Ended::Streamed(Last(out.last))
                    });
                }
                (None, None) => {}
            }
        }
    }

    /// Sends what has gathered, if there is anything and anybody to read it.
    async fn send(&mut self, piece: &mut Encoded) {
        if piece.is_empty() || self.client_gone {
            return;
        }
        let piece = std::mem::take(piece);
        let (served, inspected, headers) = (&*self.served, self.recorded.get(), self.headers);
        let now = self.host.clock.now();
        let limit = until(now, self.deadline).min(self.core.timeouts.stall);
        let sent = {
            let mut sending = pin!(
                self.outlet
                    .send(|| served.headers(headers.clone(), inspected, false), piece)
            );
            // Nearly always there is room, and no need for a timer.
            match sending.as_mut().now_or_never() {
                Some(sent) => Some(sent),
                None => match select(sending, self.host.clock.sleep(limit)).await {
                    Either::Left((sent, _)) => Some(sent),
                    Either::Right(_) => None,
                },
            }
        };
        match sent {
            Some(Ok(())) => {}
            Some(Err(Gone)) => self.hang_up(),
            // It has read nothing for so long that what is left of its time goes to writing down how it ended.
            None => {
                self.hang_up();
                self.deadline = self.host.clock.now();
            }
        }
    }

    /// Reads a whole body.
    pub(super) async fn read(
        &mut self,
        mut body: BoxStream<'static, Piece>,
        limit: usize,
    ) -> Result<Bytes, Failure> {
        let mut read = BytesMut::new();
        loop {
            match self.wait(self.core.timeouts.idle, body.next()).await {
                None => return Err(UpstreamError::Timeout.into()),
                Some(None) => return Ok(read.freeze()),
                Some(Some(piece)) => {
                    let piece = piece?;
                    if read.len() + piece.len() > limit {
                        return Err(Failure::garbage());
                    }
                    read.extend_from_slice(&piece);
                }
            }
        }
    }

    /// Keeps what the log wants to know.
    fn learn(&mut self, usage: Usage, model: Option<&str>, said_bytes: usize) {
        // The name is the provider's, and goes into the log: it is looked at like everything else that a provider says.
        let engine = &self.recorded.get().settings().engine;
        let Some(answered) = &mut self.served.answered else {
            return;
        };
        answered.usage = usage;
        answered.said_bytes += said_bytes as u64;
        if answered.model.is_none() {
            answered.model = model
                .filter(|model| engine.find_iter(model).next().is_none())
                .map(str::to_owned);
        }
    }
}

/// What was cleared and is not sent yet.
#[derive(Default)]
struct Outgoing {
    piece: Encoded,
    /// The terminator, which waits for the outcome.
    last: Encoded,
    /// What opens a reply waits until the reply says something, so that a provider that fails first can be replaced.
    has_content: bool,
}

impl Outgoing {
    fn take(&mut self, (frames, refusal): (Vec<Cleared<Frame>>, Option<Refusal>)) -> Option<Refusal> {
        for frame in &frames {
            if frame.get().is_terminator() {
                self.last.push(frame);
            } else {
                self.piece.push(frame);
            }
        }
        refusal
    }
}

/// The frames that the next piece of a stream completes, and why there are no more after them.
fn translate(translator: &mut StreamTranslator, next: Option<Option<Piece>>) -> (Vec<Frame>, Option<Broken>) {
    let frames = match next {
        None => return (Vec::new(), Some(Broken::Late)),
        Some(Some(Err(error))) => return (Vec::new(), Some(Broken::Upstream(error))),
        Some(Some(Ok(bytes))) => translator.push(&bytes),
        Some(None) => translator.finish(),
    };
    match frames {
        // An error that came behind good frames is told at the next call. It must not wait for the next piece.
        Ok(frames) => (frames, translator.push(&[]).err().map(Broken::Stream)),
        Err(error) => (Vec::new(), Some(Broken::Stream(error))),
    }
}

/// Why a stream ended before its time.
enum Broken {
    Late,
    Upstream(UpstreamError),
    Stream(StreamError),
}

impl Broken {
    fn into_failure(self) -> Failure {
        match self {
            Self::Late => UpstreamError::Timeout.into(),
            Self::Upstream(error) => error.into(),
            Self::Stream(error) => match &error {
                StreamError::Provider(provider) => Failure::inside(provider.status(), ApiError::from(&error)),
                _ => Failure::new(AttemptEnd::Failed, ApiError::from(&error).into()),
            },
        }
    }
}

/// Whether a frame carries a part of the reply, rather than opening it or keeping the connection alive.
fn is_content(frame: &Frame) -> bool {
    match &frame.data {
        Data::Done => true,
        Data::Json(value) => match frame.event.as_deref() {
            Some(event) => !matches!(event, "message_start" | "ping"),
            None => value["choices"]
                .as_array()
                .is_none_or(|choices| choices.iter().any(says)),
        },
    }
}

/// Whether a choice of an OpenAI chunk says more than whose turn it is.
fn says(choice: &Value) -> bool {
    let empty = |value: &Value| value.is_null() || value == "" || value.as_array().is_some_and(Vec::is_empty);
    let delta = choice["delta"].as_object();
    !empty(&choice["finish_reason"])
        || delta.is_none_or(|delta| delta.iter().any(|(name, value)| name != "role" && !empty(value)))
}

/// Anthropic's count, and nothing else of its reply.
fn counted(body: &[u8]) -> Option<Value> {
    let reply: Value = serde_json::from_slice(body).ok()?;
    Some(json!({ "input_tokens": reply["input_tokens"].as_u64()? }))
}
