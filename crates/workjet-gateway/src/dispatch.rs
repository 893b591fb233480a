//! Sends a recorded request to its targets, one after the other, until one answers.
//!
//! The fifth stage and, since a stream is released while it arrives, the sixth. The order of targets, retries and open
//! circuits are [`Plan`]'s; the words of each provider are the router's; what may reach the client is
//! [`Cleared`](crate::Cleared)'s. What is left for this module is the waiting: for heads, for pieces, between attempts,
//! and never longer than the request may last or than anybody listens.
//!
//! Another target is tried only as long as the client has seen nothing of the reply.

use std::future::{Future, pending};
use std::pin::pin;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use futures_util::future::{Either, select};
use futures_util::stream::{self, BoxStream};
use futures_util::{FutureExt, StreamExt};
use http::header::{HeaderMap, HeaderName, HeaderValue, RETRY_AFTER};
use jiff::Timestamp;
use serde_json::{Value, json};
use workjet_audit::Attempt;
use workjet_router::{
    ApiError, AttemptEnd, Data, Frame, GiveUp, Outbound, Plan, ReplyError, ReplyTranslator, RetryPolicy,
    Stamp, Step, StreamError, StreamTranslator, Target, Usage, demo, retry_after,
};

use crate::admit::Purpose;
use crate::cleared::Clearance;
use crate::config::ProviderKind;
use crate::core::{Provider, dialect};
use crate::findings::Findings;
use crate::host::{UpstreamError, UpstreamReply};
use crate::inspect::Inspected;
use crate::outlet::{Encoded, Gone, Outlet};
use crate::record::{Prepared, ProviderCall, Recorded};
use crate::{Core, Host, Refusal};

/// The largest whole reply that is read, and the largest error body.
const MAX_REPLY: usize = 64 * 1024 * 1024;
const MAX_ERROR: usize = 64 * 1024;

/// What was learned on the way, kept even if the way ends in a defect.
#[derive(Debug, Default)]
pub(crate) struct Served {
    pub(crate) attempts: Vec<Attempt>,
    pub(crate) answered: Option<Answered>,
    /// What the last body sent commits to.
    pub(crate) commitment: Option<String>,
    pub(crate) findings: Findings,
}

/// The target that answered.
#[derive(Debug)]
pub(crate) struct Answered {
    pub(crate) target: Target,
    pub(crate) outbound: Outbound,
    pub(crate) base_url: String,
    /// The model in the provider's own words.
    pub(crate) model: Option<String>,
    pub(crate) usage: Usage,
    dropped: Vec<String>,
    passed: HeaderMap,
}

/// How the request ended. What is still to be sent goes out once the outcome is written.
#[derive(Debug)]
pub(crate) enum Ended {
    /// A stream came to its end; this is its terminator.
    Streamed(Last),
    /// A whole reply.
    Whole(Last),
    /// Nobody listens any more.
    ClientGone,
    /// There is no reply, or no more of it.
    Refused(Refusal),
}

/// The last piece of a reply.
#[derive(Debug)]
pub(crate) struct Last(pub(crate) Encoded);

/// Sends `recorded` and gives the client all of the reply but its end.
pub(crate) async fn dispatch(
    core: &Core,
    host: &Host,
    recorded: &Recorded<Inspected>,
    headers: &HeaderMap,
    served: &mut Served,
    outlet: &mut Outlet,
) -> Ended {
    let now = host.clock.now();
    let deadline = later(now, core.timeouts.total);
    Run {
        core,
        host,
        recorded,
        headers,
        served,
        outlet,
        deadline,
        client_gone: false,
    }
    .run()
    .await
}

impl Served {
    /// Adds what the client is told about the reply to `headers`.
    pub(crate) fn headers(&self, mut headers: HeaderMap, inspected: &Inspected) -> HeaderMap {
        let mut add = |name: &'static str, text: String| {
            // A model's name may hold what a header cannot.
            if let Ok(value) = HeaderValue::try_from(text) {
                headers.insert(HeaderName::from_static(name), value);
            }
        };
        let parts = [inspected.findings().to_header(), self.findings.to_header()];
        let dlp = parts.into_iter().flatten().collect::<Vec<_>>().join(", ");
        if !dlp.is_empty() {
            add("x-workjet-dlp", dlp);
        }
        if let Some(answered) = &self.answered {
            add("x-workjet-model", answered.target.to_string());
            if !answered.dropped.is_empty() {
                add("x-workjet-dropped", answered.dropped.join(", "));
            }
            headers.extend(answered.passed.clone());
        }
        headers
    }
}

/// Why an attempt brought no reply.
struct Failure {
    end: AttemptEnd,
    /// The provider's status, if it answered.
    status: Option<u16>,
    refusal: Refusal,
}

impl Failure {
    fn new(end: AttemptEnd, refusal: Refusal) -> Self {
        Self {
            end,
            status: None,
            refusal,
        }
    }
}

impl From<UpstreamError> for Failure {
    fn from(error: UpstreamError) -> Self {
        match error {
            UpstreamError::Timeout => Self::new(AttemptEnd::TimedOut, Refusal::provider_timeout()),
            UpstreamError::Connect => Self::new(
                AttemptEnd::Failed,
                Refusal::provider_unavailable(error.to_string(), None),
            ),
            _ => Self::new(AttemptEnd::Failed, Refusal::provider_error(error.to_string())),
        }
    }
}

struct Run<'a> {
    core: &'a Core,
    host: &'a Host,
    recorded: &'a Recorded<Inspected>,
    headers: &'a HeaderMap,
    served: &'a mut Served,
    outlet: &'a mut Outlet,
    deadline: Timestamp,
    client_gone: bool,
}

impl Run<'_> {
    async fn run(&mut self) -> Ended {
        let targets = match self.targets() {
            Ok(targets) => targets,
            Err(refusal) => return Ended::Refused(refusal),
        };
        let mut plan = Plan::new(
            self.inspected().scope().tenant().as_str(),
            targets,
            RetryPolicy::default(),
        );
        let mut last: Option<Refusal> = None;
        loop {
            let now = self.host.clock.now();
            if now >= self.deadline && !self.client_gone {
                return Ended::Refused(last.unwrap_or_else(Refusal::provider_timeout));
            }
            if self.client_gone {
                return Ended::ClientGone;
            }
            let step = plan.next_attempt(now, &mut self.core.breakers());
            match step {
                Step::Try(target) => match self.attempt(&target, now).await {
                    Ok(ended) => {
                        plan.ended(
                            AttemptEnd::Answered,
                            self.host.clock.now(),
                            0.5,
                            &mut self.core.breakers(),
                        );
                        return ended;
                    }
                    Err(failure) => {
                        let jitter = self.jitter();
                        plan.ended(
                            failure.end,
                            self.host.clock.now(),
                            jitter,
                            &mut self.core.breakers(),
                        );
                        last = Some(failure.refusal);
                    }
                },
                Step::Wait(pause) => {
                    // Ends early only if the client goes or the time is over, which the loop sees.
                    self.wait(pause, pending::<()>()).await;
                }
                Step::GiveUp { reason, retry_after } => {
                    return Ended::Refused(given_up(last, reason, retry_after));
                }
            }
        }
    }

    fn inspected(&self) -> &Inspected {
        self.recorded.get()
    }

    /// The targets that the request can be written for. One that lacks a field of the request is passed over while
    /// another has it.
    fn targets(&self) -> Result<Vec<Target>, Refusal> {
        let all = &self.inspected().resolved().targets;
        if all.len() == 1 {
            // It is written when it is tried.
            return Ok(all.clone());
        }
        let mut verdicts: Vec<(ProviderKind, Option<Refusal>)> = Vec::new();
        let mut fit = Vec::new();
        for target in all {
            let Some(provider) = self.inspected().settings().provider(&target.provider) else {
                continue;
            };
            if !verdicts.iter().any(|(kind, _)| *kind == provider.kind) {
                let verdict = self.recorded.call(self.core, provider, target).err();
                verdicts.push((provider.kind, verdict));
            }
            if verdicts
                .iter()
                .any(|(kind, verdict)| *kind == provider.kind && verdict.is_none())
            {
                fit.push(target.clone());
            }
        }
        match verdicts.into_iter().find_map(|(_, verdict)| verdict) {
            Some(refusal) if fit.is_empty() => Err(refusal),
            _ => Ok(fit),
        }
    }

    /// Tries one target, and notes how it went.
    async fn attempt(&mut self, target: &Target, began: Timestamp) -> Result<Ended, Failure> {
        let Some(provider) = self.inspected().settings().provider(&target.provider).cloned() else {
            return Err(Failure::new(
                AttemptEnd::Refused {
                    status: 404,
                    retry_after: None,
                },
                Refusal::model_not_found(),
            ));
        };
        let result = match self.recorded.call(self.core, &provider, target) {
            Ok(prepared) => self.exchange(target, &provider, prepared).await,
            Err(refusal) => {
                let end = AttemptEnd::Refused {
                    status: refusal.status,
                    retry_after: None,
                };
                Err(Failure::new(end, refusal))
            }
        };
        let (status, error) = match &result {
            Ok(Ended::Refused(refusal)) => (Some(200), Some(refusal.code)),
            Ok(Ended::ClientGone) => (self.served.answered.as_ref().map(|_| 200), Some("client_gone")),
            Ok(_) => (Some(200), None),
            Err(_) if self.client_gone => (None, Some("client_gone")),
            Err(failure) => (failure.status, Some(failure.refusal.code)),
        };
        self.core
            .metrics
            .attempt(provider.kind.as_str(), error.unwrap_or("ok"));
        self.served.attempts.push(Attempt {
            target: target.to_string(),
            status,
            error: error.map(str::to_owned),
            latency_ms: millis(began, self.host.clock.now()),
        });
        result
    }

    async fn exchange(
        &mut self,
        target: &Target,
        provider: &Provider,
        prepared: Prepared,
    ) -> Result<Ended, Failure> {
        let Prepared {
            call,
            dropped,
            commitment,
        } = prepared;
        self.served.commitment = Some(commitment);
        let (host, stamp) = (self.host, self.stamp());
        let sent = async {
            match provider.kind {
                ProviderKind::Demo => Ok(answer_as_demo(call, &stamp)),
                _ => host.upstream.send(call).await,
            }
        };
        let reply = self
            .wait(self.core.timeouts.head, sent)
            .await
            .unwrap_or(Err(UpstreamError::Timeout))?;
        let outbound = dialect(provider.kind);
        if !(200..300).contains(&reply.status) {
            return Err(self.refused(outbound, reply).await);
        }
        self.served.answered = Some(Answered {
            target: target.clone(),
            outbound,
            base_url: provider.base_url.clone(),
            model: None,
            usage: Usage::default(),
            dropped,
            passed: passed(&reply.headers),
        });
        let result = if self.inspected().ticket().purpose == Purpose::Chat && self.inspected().chat().stream()
        {
            self.stream(outbound, reply.body).await
        } else {
            self.whole(outbound, reply.body).await
        };
        if result.is_err() && !self.client_gone {
            self.served.answered = None;
        }
        result
    }

    /// Reads an error reply, as far as it is worth reading.
    async fn refused(&mut self, outbound: Outbound, reply: UpstreamReply) -> Failure {
        let UpstreamReply {
            status,
            headers,
            body,
        } = reply;
        let body = self.read(body, MAX_ERROR).await.unwrap_or_default();
        let chat = self.inspected().chat();
        let error = ReplyTranslator::new(outbound, chat.inbound(), chat, self.stamp()).error(status, &body);
        let now = self.host.clock.now();
        let header = headers.get(RETRY_AFTER).and_then(|value| value.to_str().ok());
        let wait = header
            .and_then(|value| retry_after(value, now))
            .or(error.retry_after());
        let mut refusal = Refusal::from(error.to_api_error());
        refusal.retry_after = wait;
        Failure {
            end: AttemptEnd::Refused {
                status,
                retry_after: wait,
            },
            status: Some(status),
            refusal,
        }
    }

    /// A whole reply: read, translate, clear.
    async fn whole(&mut self, outbound: Outbound, body: BoxStream<'static, Piece>) -> Result<Ended, Failure> {
        let body = self.read(body, MAX_REPLY).await?;
        let (chat, settings) = (self.inspected().chat(), self.inspected().settings());
        let clearance = Clearance::new(settings, chat.inbound());
        let reply = if self.inspected().ticket().purpose == Purpose::CountTokens {
            counted(&body).ok_or_else(garbage)?
        } else {
            let translator = ReplyTranslator::new(outbound, chat.inbound(), chat, self.stamp());
            let translated = translator.reply(&body).map_err(|error| match &error {
                ReplyError::Provider(provider) => inside(provider.status(), ApiError::from(&error)),
                _ => garbage(),
            })?;
            self.learn(translated.usage, translated.model.as_deref());
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

    /// A stream: translate, clear and send each piece as it comes, all but the terminator.
    async fn stream(
        &mut self,
        outbound: Outbound,
        mut body: BoxStream<'static, Piece>,
    ) -> Result<Ended, Failure> {
        let (chat, settings) = (self.inspected().chat(), self.inspected().settings());
        let mut translator = StreamTranslator::new(outbound, chat.inbound(), chat, self.stamp());
        let mut clearance = Clearance::new(settings, chat.inbound());
        // What opens a reply waits until the reply says something, so that a provider that fails first can be replaced.
        let (mut piece, mut last, mut says_something) = (Encoded::default(), Encoded::default(), false);
        loop {
            let next = self.wait(self.core.timeouts.idle, body.next()).await;
            let frames = match next {
                None => Err(Broken::Late),
                Some(Some(Err(error))) => Err(Broken::Upstream(error)),
                Some(Some(Ok(bytes))) => translator.push(&bytes).map_err(Broken::Stream),
                Some(None) => translator.finish().map_err(Broken::Stream),
            };
            self.learn(translator.usage().clone(), translator.answered_model());
            let frames = match frames {
                Ok(frames) => frames,
                Err(_) if self.client_gone => return Ok(Ended::ClientGone),
                Err(broken) => {
                    let failure = broken.into_failure();
                    return if self.outlet.has_begun() {
                        Ok(Ended::Refused(failure.refusal))
                    } else {
                        Err(failure)
                    };
                }
            };
            for frame in frames {
                says_something |= is_content(&frame);
                let ends = frame.is_terminator();
                let (mut cleared, mut refusal) = if self.client_gone {
                    (Vec::new(), None)
                } else {
                    clearance.frame(frame, &mut self.served.findings)
                };
                if ends && refusal.is_none() && !self.client_gone {
                    let (rest, late) = clearance.finish(&mut self.served.findings);
                    cleared.extend(rest);
                    refusal = late;
                }
                for frame in &cleared {
                    if frame.get().is_terminator() {
                        last.push(frame);
                    } else {
                        piece.push(frame);
                    }
                }
                if let Some(refusal) = refusal {
                    if says_something {
                        self.send(&mut piece).await;
                    }
                    return Ok(Ended::Refused(refusal));
                }
            }
            if translator.is_complete() {
                if !self.client_gone {
                    self.send(&mut piece).await;
                }
                // One look at what follows lets the connection be used again if it is nothing.
                let _ = body.next().now_or_never();
                return Ok(if self.client_gone {
                    Ended::ClientGone
                } else {
                    Ended::Streamed(Last(last))
                });
            }
            if says_something {
                self.send(&mut piece).await;
            }
        }
    }

    /// Sends what has gathered, if there is anything and anybody to read it.
    async fn send(&mut self, piece: &mut Encoded) {
        if piece.is_empty() || self.client_gone {
            return;
        }
        let piece = std::mem::take(piece);
        let (served, recorded, headers) = (&*self.served, self.recorded, self.headers);
        let limit = until(self.host.clock.now(), self.deadline);
        let sent = {
            let sending = pin!(
                self.outlet
                    .send(|| served.headers(headers.clone(), recorded.get()), piece)
            );
            match select(sending, self.host.clock.sleep(limit)).await {
                Either::Left((sent, _)) => sent,
                // It reads nothing, and the request's time is over.
                Either::Right(_) => Err(Gone),
            }
        };
        if sent == Err(Gone) {
            self.hang_up();
        }
    }

    /// Reads a whole body.
    async fn read(&mut self, mut body: BoxStream<'static, Piece>, limit: usize) -> Result<Bytes, Failure> {
        let mut read = BytesMut::new();
        loop {
            match self.wait(self.core.timeouts.idle, body.next()).await {
                None => return Err(UpstreamError::Timeout.into()),
                Some(None) => return Ok(read.freeze()),
                Some(Some(piece)) => {
                    let piece = piece?;
                    if read.len() + piece.len() > limit {
                        return Err(garbage());
                    }
                    read.extend_from_slice(&piece);
                }
            }
        }
    }

    /// Waits for `work` as long as `patience` and the request's deadline allow; `None` if that is over. A client that
    /// hangs up meanwhile leaves the drain time, to learn what the reply costs.
    async fn wait<T>(&mut self, patience: Duration, work: impl Future<Output = T>) -> Option<T> {
        let mut work = pin!(work);
        if !self.client_gone {
            let time = self
                .host
                .clock
                .sleep(patience.min(until(self.host.clock.now(), self.deadline)));
            let gone = pin!(self.outlet.gone());
            match select(work.as_mut(), select(gone, time)).await {
                Either::Left((done, _)) => return Some(done),
                Either::Right((Either::Right(_), _)) => return None,
                Either::Right((Either::Left(_), _)) => {}
            }
        }
        self.hang_up();
        let time = self
            .host
            .clock
            .sleep(patience.min(until(self.host.clock.now(), self.deadline)));
        match select(work, time).await {
            Either::Left((done, _)) => Some(done),
            Either::Right(_) => None,
        }
    }

    fn hang_up(&mut self) {
        if !self.client_gone {
            self.client_gone = true;
            self.deadline = self
                .deadline
                .min(later(self.host.clock.now(), self.core.timeouts.drain));
        }
    }

    fn learn(&mut self, usage: Usage, model: Option<&str>) {
        if let Some(answered) = &mut self.served.answered {
            answered.usage = usage;
            answered.model = model.map(str::to_owned);
        }
    }

    fn stamp(&self) -> Stamp {
        let now = self.host.clock.now().as_second();
        Stamp {
            id: self.inspected().ticket().id.as_str().replace('_', "-"),
            created: u64::try_from(now).unwrap_or_default(),
        }
    }

    fn jitter(&self) -> f64 {
        let mut random = [0; 4];
        self.host.entropy.fill(&mut random);
        f64::from(u32::from_be_bytes(random)) / f64::from(u32::MAX)
    }
}

type Piece = Result<Bytes, UpstreamError>;

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
                StreamError::Provider(provider) => inside(provider.status(), ApiError::from(&error)),
                _ => Failure::new(AttemptEnd::Failed, ApiError::from(&error).into()),
            },
        }
    }
}

/// An error under a status of success.
fn inside(status: u16, error: ApiError) -> Failure {
    let end = AttemptEnd::Refused {
        status,
        retry_after: error.retry_after,
    };
    Failure {
        end,
        status: Some(200),
        refusal: error.into(),
    }
}

fn garbage() -> Failure {
    Failure::new(
        AttemptEnd::Failed,
        Refusal::provider_error("the provider's reply could not be understood"),
    )
}

/// The error for a request that no target takes: the last attempt's, if there was one.
fn given_up(last: Option<Refusal>, reason: GiveUp, retry_after: Option<Duration>) -> Refusal {
    let mut refusal = last.unwrap_or_else(|| {
        let message = match reason {
            GiveUp::CircuitOpen => "every provider for this model has failed repeatedly: try again later",
            _ => "no provider can take this request now",
        };
        Refusal::provider_unavailable(message, None)
    });
    refusal.retry_after = refusal.retry_after.or(retry_after);
    refusal
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
    !empty(&choice["finish_reason"])
        || choice["delta"]
            .as_object()
            .is_none_or(|delta| delta.iter().any(|(name, value)| name != "role" && !empty(value)))
}

/// Anthropic's count, and nothing else of its reply.
fn counted(body: &[u8]) -> Option<Value> {
    let reply: Value = serde_json::from_slice(body).ok()?;
    Some(json!({ "input_tokens": reply["input_tokens"].as_u64()? }))
}

/// The headers of a provider that reach the client, if they hold nothing but a plain word.
const PASSED: [&str; 2] = ["openai-processing-ms", "openai-version"];

fn passed(headers: &HeaderMap) -> HeaderMap {
    let is_plain = |value: &HeaderValue| {
        value.len() <= 64
            && value
                .as_bytes()
                .iter()
                .all(|byte| byte.is_ascii_alphanumeric() || b"-._".contains(byte))
    };
    let pass = |name: &'static str| {
        let value = headers.get(name).filter(|value| is_plain(value))?;
        Some((HeaderName::from_static(name), value.clone()))
    };
    PASSED.into_iter().filter_map(pass).collect()
}

fn answer_as_demo(call: Recorded<ProviderCall>, stamp: &Stamp) -> UpstreamReply {
    let answer = demo::answer(&call.get().body, stamp);
    let pieces = answer.chunks.into_iter().map(|chunk| Ok(Bytes::from(chunk)));
    UpstreamReply {
        status: answer.status,
        headers: HeaderMap::new(),
        body: stream::iter(pieces).boxed(),
    }
}

fn later(now: Timestamp, wait: Duration) -> Timestamp {
    now.saturating_add(wait).unwrap_or(Timestamp::MAX)
}

fn until(now: Timestamp, then: Timestamp) -> Duration {
    then.duration_since(now).try_into().unwrap_or_default()
}

pub(crate) fn millis(from: Timestamp, to: Timestamp) -> u64 {
    u64::try_from(to.duration_since(from).as_millis()).unwrap_or_default()
}
