//! Decides which upstream to try next.
//!
//! A [`Plan`] is a pure state machine: tell it how the last attempt ended and it names the next one, or says why there
//! is none. It never sleeps or sends; waiting belongs to the gateway. [`Breakers`] remember, between requests, which
//! targets keep failing, so that one that is down costs a request nothing.
//!
//! What ends a request at once, without a second try or another target: any status that blames the request (400, 404,
//! 413, 422, …), and 401 and 403, which blame the gateway's own key. A key that stopped working must be seen; if the next
//! target took over in silence, every request would quietly go to another model.

use std::collections::HashMap;
use std::time::Duration;

use jiff::Timestamp;

use crate::Target;

/// How often and how long to try.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RetryPolicy {
    /// How often one target is tried again after a failure that may pass.
    pub retries_per_target: u32,
    /// How many attempts there are in all.
    pub max_attempts: u32,
    /// The longest pause before trying the same target again while others are left; the pause is jittered between half of
    /// this and all of it.
    pub short_pause: Duration,
    /// The longest wait for a target when nothing else is left, also if its `Retry-After` asks for more.
    pub max_wait: Duration,
}

impl Default for RetryPolicy {
    fn default() -> Self {
        Self {
            retries_per_target: 1,
            max_attempts: 8,
            short_pause: Duration::from_millis(400),
            max_wait: Duration::from_secs(10),
        }
    }
}

/// How an attempt ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum AttemptEnd {
    /// A reply began that can be given to the client.
    Answered,
    /// The provider answered with an error status.
    Refused {
        /// The HTTP status, or the one that an error inside a stream stands for.
        status: u16,
        /// What [`retry_after`] read.
        retry_after: Option<Duration>,
    },
    /// No connection, a broken one, or a reply that was cut or garbled before any of it reached the client.
    Failed,
    /// No answer in time.
    TimedOut,
    /// Given up on our side: it could not be written for this target, or nobody waits for it any more. Says nothing
    /// about the target.
    Abandoned,
}

impl AttemptEnd {
    /// Whether another attempt, here or elsewhere, may succeed: 408, 409, 429, 5xx, a broken connection, a timeout.
    pub const fn is_retryable(self) -> bool {
        match self {
            Self::Answered | Self::Abandoned => false,
            Self::Refused { status, .. } => matches!(status, 408 | 409 | 429 | 500..),
            Self::Failed | Self::TimedOut => true,
        }
    }

    /// Whether it says that the target is unwell. A 429 or 409 does not: it answers, only not this.
    const fn is_unhealthy(self) -> bool {
        match self {
            Self::Answered | Self::Abandoned => false,
            Self::Refused { status, .. } => matches!(status, 408 | 500..),
            Self::Failed | Self::TimedOut => true,
        }
    }
}

/// What to do next.
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use]
pub enum Step {
    /// Send to this target, then report with [`Plan::ended`].
    Try(Target),
    /// Ask again after this long.
    Wait(Duration),
    /// There is no next attempt. If there was an attempt, its error is the client's.
    GiveUp {
        /// Why.
        reason: GiveUp,
        /// When it may be worth asking again, if a provider or an open circuit says so.
        retry_after: Option<Duration>,
    },
}

/// Why there is no next attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum GiveUp {
    /// The last attempt was answered.
    Answered,
    /// The last error would come back, since it blames the request or the gateway's key; or the attempt was abandoned.
    Final,
    /// Every target was tried as often as the policy allows, or asks to wait for longer than it allows.
    Exhausted,
    /// Every target that is left has failed too often of late, in this and other requests.
    CircuitOpen,
}

/// Names the next attempt for one request.
///
/// ```
/// use std::time::Duration;
/// use workjet_router::{AttemptEnd, Breakers, Plan, RetryPolicy, Step};
///
/// let (fast, local) = ("openai:gpt-5-mini".parse()?, "ollama:llama3.2:3b".parse()?);
/// let mut breakers = Breakers::default();
/// let mut plan = Plan::new("acme", vec![fast, local], RetryPolicy::default());
/// let now = "2026-11-23T09:30:00Z".parse()?;
///
/// let Step::Try(target) = plan.next_attempt(now, &mut breakers) else { panic!("the first target") };
/// assert_eq!(target.provider, "openai");
/// // Over its quota for a minute, so the other target is tried at once.
/// let end = AttemptEnd::Refused { status: 429, retry_after: Some(Duration::from_secs(60)) };
/// plan.ended(end, now, 0.5, &mut breakers);
/// let Step::Try(target) = plan.next_attempt(now, &mut breakers) else { panic!("the second target") };
/// assert_eq!(target.provider, "ollama");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Plan {
    owner: Box<str>,
    candidates: Vec<Candidate>,
    policy: RetryPolicy,
    attempts: u32,
    current: Option<usize>,
    over: Option<GiveUp>,
}

#[derive(Debug)]
struct Candidate {
    target: Target,
    tries: u32,
    not_before: Option<Timestamp>,
    /// It asked to be left alone for longer than a short pause: others come first.
    last_resort: bool,
}

impl Plan {
    /// A plan over `targets`, in the order to try them. Whose circuits count is `owner`'s: the gateway gives the tenant, so
    /// that one tenant's bad key or oversized prompts do not close a target to others.
    pub fn new(owner: &str, targets: Vec<Target>, policy: RetryPolicy) -> Self {
        let candidate = |target| Candidate {
            target,
            tries: 0,
            not_before: None,
            last_resort: false,
        };
        Self {
            owner: owner.into(),
            candidates: targets.into_iter().map(candidate).collect(),
            policy,
            attempts: 0,
            current: None,
            over: None,
        }
    }

    /// What to do next. After [`Step::Try`] the attempt counts as begun.
    pub fn next_attempt(&mut self, now: Timestamp, breakers: &mut Breakers) -> Step {
        if let Some(reason) = self.over {
            return Step::GiveUp {
                reason,
                retry_after: None,
            };
        }
        let mut soonest: Option<Duration> = None;
        let mut left = false;
        let mut held_back = false;
        for last_resort in [false, true] {
            for n in 0..self.candidates.len() {
                let candidate = &self.candidates[n];
                if candidate.last_resort != last_resort
                    || candidate.tries > self.policy.retries_per_target
                    || self.attempts >= self.policy.max_attempts
                {
                    continue;
                }
                left = true;
                if let Err(open_for) = breakers.check(&self.owner, &candidate.target, now) {
                    soonest = Some(soonest.map_or(open_for, |soonest| soonest.min(open_for)));
                    continue;
                }
                let wait = candidate.not_before.map_or(Duration::ZERO, |at| until(now, at));
                if wait.is_zero() {
                    return self.begin(n, now, breakers);
                }
                if !last_resort {
                    return Step::Wait(wait);
                }
                held_back = true;
                soonest = Some(soonest.map_or(wait, |soonest| soonest.min(wait)));
            }
        }
        match soonest {
            Some(wait) if held_back && wait <= self.policy.max_wait => Step::Wait(wait),
            retry_after => {
                let reason = if left && !held_back {
                    GiveUp::CircuitOpen
                } else {
                    GiveUp::Exhausted
                };
                self.over = Some(reason);
                Step::GiveUp { reason, retry_after }
            }
        }
    }

    /// Reports how the attempt that [`next_attempt`](Self::next_attempt) named has ended. `jitter` is a random number from 0 to 1
    /// that spreads retries of many requests.
    pub fn ended(&mut self, end: AttemptEnd, now: Timestamp, jitter: f64, breakers: &mut Breakers) {
        let Some(current) = self.current.take() else {
            return;
        };
        let candidate = &mut self.candidates[current];
        if end == AttemptEnd::Abandoned {
            breakers.abandoned(&self.owner, &candidate.target);
        } else if end.is_unhealthy() {
            breakers.failed(&self.owner, &candidate.target, now);
        } else {
            breakers.succeeded(&self.owner, &candidate.target);
        }
        if !end.is_retryable() {
            let reason = if end == AttemptEnd::Answered {
                GiveUp::Answered
            } else {
                GiveUp::Final
            };
            self.over = Some(reason);
            return;
        }
        let share = if jitter.is_finite() {
            jitter.clamp(0.0, 1.0)
        } else {
            0.5
        };
        let pause = self.policy.short_pause.mul_f64(0.5 + share / 2.0);
        let (asked, is_quota) = match end {
            AttemptEnd::Refused { status, retry_after } => (retry_after, status == 429),
            _ => (None, false),
        };
        // A quota does not come back within a short pause, so without a word from the provider allow a second or so.
        let pause = if is_quota {
            pause + Duration::from_secs(1)
        } else {
            pause
        };
        let pause = asked.map_or(pause, |asked| asked.max(pause));
        candidate.last_resort = pause > self.policy.short_pause;
        candidate.not_before = Some(later(now, pause));
    }

    fn begin(&mut self, n: usize, now: Timestamp, breakers: &mut Breakers) -> Step {
        let candidate = &mut self.candidates[n];
        breakers.begin(&self.owner, &candidate.target, now);
        candidate.tries += 1;
        self.attempts += 1;
        self.current = Some(n);
        Step::Try(candidate.target.clone())
    }
}

/// Reads a `Retry-After` header: whole seconds or an HTTP date
/// ([RFC 9110 §10.2.3](https://www.rfc-editor.org/rfc/rfc9110#section-10.2.3)). A date in the past means now; more than an
/// hour is cut to an hour, since no provider's clock is trusted further. `None` if it is neither.
pub fn retry_after(value: &str, now: Timestamp) -> Option<Duration> {
    const MOST: Duration = Duration::from_secs(3600);
    let value = value.trim();
    if !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit()) {
        // More digits than a u64 holds are a long time too.
        return Some(value.parse().map_or(MOST, Duration::from_secs).min(MOST));
    }
    let date = Timestamp::try_from(httpdate::parse_http_date(value).ok()?).ok()?;
    Some(until(now, date).min(MOST))
}

/// Remembers, per owner and target, what fails again and again.
///
/// After [`BreakerPolicy::failures`] failures in a row the circuit opens: the target is skipped for a while. Then one request may
/// probe it; if that succeeds the circuit closes, else it stays open for twice as long. Memory is bounded: only targets
/// that failed are remembered, and at most [`BreakerPolicy::max_circuits`] of them.
#[derive(Debug, Default)]
pub struct Breakers {
    policy: BreakerPolicy,
    circuits: HashMap<(Box<str>, Target), Circuit>,
}

/// When circuits open, and for how long.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BreakerPolicy {
    /// Failures in a row that open a circuit.
    pub failures: u32,
    /// Failures further apart than this are not in a row.
    pub window: Duration,
    /// How long a circuit stays open at first.
    pub open_for: Duration,
    /// How long it stays open at most, after failed probes.
    pub max_open_for: Duration,
    /// After this long a probe that was never reported is given up, and another may go.
    pub probe_timeout: Duration,
    /// How many circuits are remembered; the one that was quiet for longest makes room.
    pub max_circuits: usize,
}

impl Default for BreakerPolicy {
    fn default() -> Self {
        Self {
            failures: 5,
            window: Duration::from_secs(60),
            open_for: Duration::from_secs(15),
            max_open_for: Duration::from_secs(300),
            probe_timeout: Duration::from_secs(60),
            max_circuits: 4096,
        }
    }
}

#[derive(Debug)]
struct Circuit {
    failures: u32,
    last_failure: Timestamp,
    /// Until when it is open, and for how long that was; none while it is closed.
    open: Option<(Timestamp, Duration)>,
    probe_since: Option<Timestamp>,
}

impl Breakers {
    /// Breakers with a policy of their own.
    pub fn new(policy: BreakerPolicy) -> Self {
        Self {
            policy,
            circuits: HashMap::new(),
        }
    }

    /// Whether the owner's requests skip `target` at `now`.
    pub fn is_open(&self, owner: &str, target: &Target, now: Timestamp) -> bool {
        self.check(owner, target, now).is_err()
    }

    /// Whether `target` may be tried, else how long it may not.
    fn check(&self, owner: &str, target: &Target, now: Timestamp) -> Result<(), Duration> {
        let Some(circuit) = self.circuits.get(&key(owner, target)) else {
            return Ok(());
        };
        let Some((open_until, _)) = circuit.open else {
            return Ok(());
        };
        let probe_until = circuit
            .probe_since
            .map(|since| later(since, self.policy.probe_timeout));
        match until(now, probe_until.map_or(open_until, |at| at.max(open_until))) {
            Duration::ZERO => Ok(()),
            wait => Err(wait),
        }
    }

    fn begin(&mut self, owner: &str, target: &Target, now: Timestamp) {
        if let Some(circuit) = self
            .circuits
            .get_mut(&key(owner, target))
            .filter(|circuit| circuit.open.is_some())
        {
            circuit.probe_since = Some(now);
        }
    }

    fn succeeded(&mut self, owner: &str, target: &Target) {
        self.circuits.remove(&key(owner, target));
    }

    /// Nothing was learned. If it was the probe, another may go.
    fn abandoned(&mut self, owner: &str, target: &Target) {
        if let Some(circuit) = self.circuits.get_mut(&key(owner, target)) {
            circuit.probe_since = None;
        }
    }

    fn failed(&mut self, owner: &str, target: &Target, now: Timestamp) {
        let key = key(owner, target);
        if !self.circuits.contains_key(&key) && self.circuits.len() >= self.policy.max_circuits {
            self.forget_the_quietest();
        }
        let circuit = self.circuits.entry(key).or_insert(Circuit {
            failures: 0,
            last_failure: now,
            open: None,
            probe_since: None,
        });
        if circuit.open.is_none() && later(circuit.last_failure, self.policy.window) < now {
            circuit.failures = 0;
        }
        circuit.failures = circuit.failures.saturating_add(1);
        circuit.last_failure = now;
        match circuit.open {
            // Only the probe's failure says something new; others were on their way when the circuit opened.
            Some((_, open_for)) if circuit.probe_since.take().is_some() => {
                let open_for = (open_for * 2).min(self.policy.max_open_for);
                circuit.open = Some((later(now, open_for), open_for));
            }
            Some(_) => {}
            None if circuit.failures >= self.policy.failures => {
                circuit.open = Some((later(now, self.policy.open_for), self.policy.open_for));
            }
            None => {}
        }
    }

    fn forget_the_quietest(&mut self) {
        let quietest = self
            .circuits
            .iter()
            .min_by_key(|(_, circuit)| circuit.last_failure)
            .map(|(key, _)| key.clone());
        if let Some(key) = quietest {
            self.circuits.remove(&key);
        }
    }
}

fn key(owner: &str, target: &Target) -> (Box<str>, Target) {
    (owner.into(), target.clone())
}

/// The time from `now` until `at`; zero if that has passed.
fn until(now: Timestamp, at: Timestamp) -> Duration {
    at.duration_since(now).try_into().unwrap_or(Duration::ZERO)
}

fn later(now: Timestamp, by: Duration) -> Timestamp {
    now.checked_add(by).unwrap_or(Timestamp::MAX)
}
