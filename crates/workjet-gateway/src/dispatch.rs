//! Sends a recorded request to its targets, one after the other, until one answers.
//!
//! The fifth stage and, since a stream is released while it arrives, the sixth. The order of targets, retries and open
//! circuits are [`Plan`]'s; the words of each provider are the router's; what may reach the client is
//! [`Cleared`](crate::Cleared)'s. What is left for this module is the waiting: for heads, for pieces, between attempts,
//! and never longer than the request may last or than anybody listens.
//!
//! Another target is tried only as long as the client has seen nothing of the reply.

mod reply;
mod served;

use std::future::{Future, pending};
use std::pin::pin;
use std::time::Duration;

use bytes::Bytes;
use futures_util::StreamExt;
use futures_util::future::{Either, select};
use futures_util::stream;
use http::header::{HeaderMap, RETRY_AFTER};
use jiff::Timestamp;
use workjet_audit::Attempt;
use workjet_router::{
    ApiError, AttemptEnd, GiveUp, Outbound, Plan, ReplyTranslator, RetryPolicy, Stamp, Step, Target, demo,
    retry_after,
};

use self::served::passed;
pub(crate) use self::served::{Answered, Ended, Served};
use crate::admit::Purpose;
use crate::config::ProviderKind;
use crate::core::{Provider, dialect};
use crate::findings::Findings;
use crate::host::{UpstreamError, UpstreamReply};
use crate::inspect::Inspected;
use crate::outlet::Outlet;
use crate::record::{Prepared, ProviderCall, Recorded};
use crate::time::{later, millis, until};
use crate::{Core, Host, Refusal};

/// The largest error body that is read.
const MAX_ERROR: usize = 64 * 1024;

/// Sends `recorded` and gives the client all of the reply but its end.
pub(crate) async fn dispatch(
    core: &Core,
    host: &Host,
    recorded: &Recorded<Inspected>,
    headers: &HeaderMap,
    served: &mut Served,
    outlet: &mut Outlet,
) -> Ended {
    let deadline = later(host.clock.now(), core.timeouts.total);
    Run {
        core,
        host,
        recorded,
        headers,
        served,
        outlet,
        deadline,
        client_gone: false,
        broke: None,
    }
    .run()
    .await
}

/// One request on its way.
struct Run<'a> {
    core: &'a Core,
    host: &'a Host,
    recorded: &'a Recorded<Inspected>,
    headers: &'a HeaderMap,
    served: &'a mut Served,
    outlet: &'a mut Outlet,
    deadline: Timestamp,
    client_gone: bool,
    /// How a reply broke that the client had seen a part of.
    broke: Option<AttemptEnd>,
}

/// Why an attempt brought no reply.
struct Failure {
    end: AttemptEnd,
    /// The provider's status, if it answered.
    status: Option<u16>,
    refusal: Refusal,
}

impl Run<'_> {
    async fn run(&mut self) -> Ended {
        let targets = match self.targets() {
            Ok(targets) => targets,
            Err(refusal) => return Ended::Refused(refusal),
        };
        let owner = self.inspected().scope().tenant().as_str();
        let mut plan = Plan::new(owner, targets, RetryPolicy::default());
        let mut last: Option<Refusal> = None;
        loop {
            if self.client_gone || self.outlet.is_gone() {
                return Ended::ClientGone;
            }
            let now = self.host.clock.now();
            if now >= self.deadline {
                return Ended::Refused(last.unwrap_or_else(Refusal::provider_timeout));
            }
            let step = plan.next_attempt(now, &mut self.core.breakers());
            match step {
                Step::Try(target) => {
                    let result = self.attempt(&target, now).await;
                    let end = match &result {
                        Ok(_) => self.broke.unwrap_or(AttemptEnd::Answered),
                        // The drain time is ours: that it was over says nothing about the provider.
                        Err(_) if self.client_gone => AttemptEnd::Abandoned,
                        Err(failure) => failure.end,
                    };
                    let jitter = self.jitter();
                    plan.ended(end, self.host.clock.now(), jitter, &mut self.core.breakers());
                    match result {
                        Ok(ended) => return ended,
                        Err(failure) => last = Some(failure.refusal),
                    }
                }
                // Ends early only if the client goes or the time is over, which the loop sees.
                Step::Wait(pause) => drop(self.wait(pause, pending::<()>()).await),
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
        let (mut fit, mut first) = (Vec::new(), None);
        for target in all {
            let Some(provider) = self.inspected().settings().provider(&target.provider) else {
                continue;
            };
            match self.recorded.fits(provider, target) {
                Ok(()) => fit.push(target.clone()),
                Err(refusal) => first = first.or(Some(refusal)),
            }
        }
        match first {
            Some(refusal) if fit.is_empty() => Err(refusal),
            _ => Ok(fit),
        }
    }

    /// Tries one target, and notes how it went.
    async fn attempt(&mut self, target: &Target, began: Timestamp) -> Result<Ended, Failure> {
        let Some(provider) = self.inspected().settings().provider(&target.provider).cloned() else {
            return Err(Failure::of_request(Refusal::model_not_found()));
        };
        let result = match self.recorded.call(self.core, &provider, target) {
            Ok(prepared) => self.exchange(target, &provider, prepared).await,
            Err(refusal) => Err(Failure::of_request(refusal)),
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
        let passed = passed(&reply.headers);
        self.served.answered = Some(Answered::new(target.clone(), provider, dropped, passed));
        let streams = self.inspected().ticket().purpose == Purpose::Chat && self.inspected().chat().stream();
        let result = if streams {
            self.stream(outbound, reply.body).await
        } else {
            self.whole(outbound, reply.body).await
        };
        if result.is_err() && !self.client_gone {
            // The client gets nothing of this reply, so neither the log nor the headers may speak of it.
            self.served.answered = None;
            self.served.findings = Findings::default();
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
        let header = headers.get(RETRY_AFTER).and_then(|value| value.to_str().ok());
        let wait = header
            .and_then(|value| retry_after(value, self.host.clock.now()))
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

    fn stamp(&self) -> Stamp {
        let id = self.inspected().ticket().id.as_str().replace('_', "-");
        let created = u64::try_from(self.host.clock.now().as_second()).unwrap_or_default();
        Stamp { id, created }
    }

    fn jitter(&self) -> f64 {
        let mut random = [0; 4];
        self.host.entropy.fill(&mut random);
        f64::from(u32::from_be_bytes(random)) / f64::from(u32::MAX)
    }
}

impl Failure {
    const fn new(end: AttemptEnd, refusal: Refusal) -> Self {
        Self {
            end,
            status: None,
            refusal,
        }
    }

    /// The request cannot be written for this target, so nothing was sent.
    const fn of_request(refusal: Refusal) -> Self {
        Self::new(AttemptEnd::Abandoned, refusal)
    }

    /// An error under a status of success.
    fn inside(status: u16, error: ApiError) -> Self {
        let end = AttemptEnd::Refused {
            status,
            retry_after: error.retry_after,
        };
        Self {
            end,
            status: Some(200),
            refusal: error.into(),
        }
    }

    fn garbage() -> Self {
        let refusal = Refusal::provider_error("the provider's reply could not be understood");
        Self {
            end: AttemptEnd::Failed,
            status: Some(200),
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

/// The demo is a provider like any other, but for the wire.
fn answer_as_demo(call: Recorded<ProviderCall>, stamp: &Stamp) -> UpstreamReply {
    let answer = demo::answer(&call.get().body, stamp);
    let pieces = answer.chunks.into_iter().map(|chunk| Ok(Bytes::from(chunk)));
    UpstreamReply {
        status: answer.status,
        headers: HeaderMap::new(),
        body: stream::iter(pieces).boxed(),
    }
}
