//! How fast something may be spent, in exact integers.
//!
//! The generic cell rate algorithm keeps one number for each key: the *theoretical arrival time* (TAT), at which all
//! that was spent will have come back. Spending `n` units moves it `n` emission intervals into the future; it may not
//! move further than `burst` intervals ahead of now.
//!
//! A reservation may be corrected later, and the correction must be as if the right amount had been taken in the first
//! place. Shifting the TAT back is not that: what came back by itself meanwhile would come back twice, and callers
//! could spend it twice. So a [`Meter`] remembers what happened since its oldest open reservation. One spending is the
//! function `T → max(T + add, floor)` with `add` its cost and `floor` the time of spending plus its cost, and such
//! functions compose into another of the same form; so all that is settled between two open reservations is one such
//! pair, and a meter is never larger than about twice its open reservations.
//!
//! Time is counted in *ticks*, of which a nanosecond has as many as the quota has units per period: the emission
//! interval `per / limit` is then a whole number of ticks, namely `per` in nanoseconds, and nothing is ever rounded.

use std::collections::VecDeque;
use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::Quota;

/// Periods above a hundred years count as a hundred years, and limits above 2^53 as 2^53: every sum then fits.
const MAX_PERIOD: Duration = Duration::from_secs(100 * 365 * 86_400);
const MAX_LIMIT: u64 = 1 << 53;

/// A quota's numbers, ready for arithmetic.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct Rate {
    /// Ticks in a nanosecond.
    ticks: i128,
    /// Ticks that one unit costs.
    cost: i128,
    burst: u64,
}

impl Rate {
    fn of(quota: &Quota) -> Self {
        Self {
            ticks: i128::from(quota.limit.get().min(MAX_LIMIT)),
            cost: quota.per.min(MAX_PERIOD).as_nanos() as i128,
            burst: quota.burst.get(),
        }
    }

    fn at(&self, now: Timestamp) -> i128 {
        now.as_nanosecond() * self.ticks
    }

    fn cost_of(&self, amount: u64) -> i128 {
        i128::from(amount) * self.cost
    }

    fn duration(&self, ticks: i128) -> Duration {
        let nanos = ticks.max(0).div_ceil_by(self.ticks);
        Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
    }
}

trait DivCeil {
    fn div_ceil_by(self, divisor: Self) -> Self;
}

impl DivCeil for i128 {
    /// For a positive divisor.
    fn div_ceil_by(self, divisor: Self) -> Self {
        self.div_euclid(divisor) + Self::from(self.rem_euclid(divisor) != 0)
    }
}

/// `T → max(T + add, floor)`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct Step {
    add: i128,
    floor: i128,
}

impl Step {
    const NOTHING: Self = Self {
        add: 0,
        floor: i128::MIN,
    };

    fn apply(self, tat: i128) -> i128 {
        tat.saturating_add(self.add).max(self.floor)
    }

    fn then(self, next: Self) -> Self {
        Self {
            add: self.add.saturating_add(next.add),
            floor: next.apply(self.floor),
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
enum Event {
    /// Settled for good.
    Closed(Step),
    /// May still be corrected: spent at `at`, in ticks.
    Open { ticket: u64, at: i128, step: Step },
}

/// What a [`Meter`] says to a charge, from best to worst.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Verdict {
    /// It can be spent now.
    Fits,
    /// It can be spent after this long, to the nanosecond, if nobody else spends.
    Later(Duration),
    /// It is more than the burst.
    Never,
}

/// One key's account: pure arithmetic, for a [`RateStore`](crate::RateStore) of your own.
///
/// ```
/// use std::time::Duration;
/// use workjet_tenant::Quota;
/// use workjet_tenant::gcra::{Meter, Verdict};
/// # use std::num::NonZeroU64;
/// # let now = jiff::Timestamp::UNIX_EPOCH;
/// # let some = |n| NonZeroU64::new(n).expect("not zero");
///
/// let quota = Quota { limit: some(60), per: Duration::from_secs(60), burst: some(20) };
/// let mut meter = Meter::new(&quota);
/// assert_eq!(meter.check(20, now), Verdict::Fits);
/// meter.spend(1, 20, now); // reservation 1 takes the whole burst
/// assert_eq!(meter.check(1, now), Verdict::Later(Duration::from_secs(1)));
/// meter.settle(1, 5); // but only 5 were used
/// assert_eq!(meter.remaining(now), 15);
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "StoredMeter", into = "StoredMeter")]
pub struct Meter {
    rate: Rate,
    /// The TAT before the events.
    base: i128,
    events: VecDeque<Event>,
    /// The TAT after the events.
    tat: i128,
}

impl Meter {
    /// At rest, counting for `quota`.
    pub fn new(quota: &Quota) -> Self {
        Self {
            rate: Rate::of(quota),
            base: i128::MIN,
            events: VecDeque::new(),
            tat: i128::MIN,
        }
    }

    /// Counts for `quota` from here on. What was spent keeps the time it takes to come back, rounded up.
    pub fn adopt(&mut self, quota: &Quota) {
        let new = Rate::of(quota);
        let old = std::mem::replace(&mut self.rate, new);
        if old.ticks == new.ticks {
            return;
        }
        let convert = |ticks: i128| match ticks {
            i128::MIN | i128::MAX => ticks,
            ticks => ticks.div_ceil_by(old.ticks).saturating_mul(new.ticks),
        };
        self.base = convert(self.base);
        for event in &mut self.events {
            match event {
                Event::Closed(step) => {
                    *step = Step {
                        add: convert(step.add),
                        floor: convert(step.floor),
                    }
                }
                Event::Open { at, step, .. } => {
                    *at = convert(*at);
                    *step = Step {
                        add: convert(step.add),
                        floor: convert(step.floor),
                    };
                }
            }
        }
        self.refresh();
    }

    /// Whether `amount` could be spent now.
    pub fn check(&self, amount: u64, now: Timestamp) -> Verdict {
        if amount > self.rate.burst {
            return Verdict::Never;
        }
        let now = self.rate.at(now);
        let after = self.tat.max(now).saturating_add(self.rate.cost_of(amount));
        let excess = after
            .saturating_sub(now)
            .saturating_sub(self.rate.cost_of(self.rate.burst));
        if excess <= 0 {
            Verdict::Fits
        } else {
            Verdict::Later(self.rate.duration(excess))
        }
    }

    /// Spends `amount`, whether it fits or not, until `ticket` is settled. A ticket may be spent on more than once; it is
    /// then settled as often, in the same order.
    pub fn spend(&mut self, ticket: u64, amount: u64, now: Timestamp) {
        let at = self.rate.at(now);
        let step = self.step(amount, at);
        self.events.push_back(Event::Open { ticket, at, step });
        self.tat = step.apply(self.tat);
    }

    /// Settles `ticket` as if `amount` had been spent in the first place. Does nothing if it is not open.
    pub fn settle(&mut self, ticket: u64, amount: u64) {
        self.close(ticket, |meter, at, _| {
            if amount == 0 {
                Step::NOTHING
            } else {
                meter.step(amount, at)
            }
        });
    }

    /// Settles `ticket` as it stands. Does nothing if it is not open.
    pub fn keep(&mut self, ticket: u64) {
        self.close(ticket, |_, _, step| step);
    }

    /// Settles `ticket` as it stands, however often it was spent on.
    pub fn keep_all(&mut self, ticket: u64) {
        while self.is_open(ticket) {
            self.keep(ticket);
        }
    }

    /// Whether `ticket` may still be settled.
    pub fn is_open(&self, ticket: u64) -> bool {
        self.place_of(ticket).is_some()
    }

    fn place_of(&self, ticket: u64) -> Option<usize> {
        self.events
            .iter()
            .position(|event| matches!(event, Event::Open { ticket: t, .. } if *t == ticket))
    }

    fn close(&mut self, ticket: u64, settle: impl FnOnce(&Self, i128, Step) -> Step) {
        let Some(place) = self.place_of(ticket) else {
            return;
        };
        let Event::Open { at, step, .. } = self.events[place] else {
            return;
        };
        self.events[place] = Event::Closed(settle(self, at, step));
        // At most two settled steps are neighbours now on either side: what is settled has been merged all along.
        self.merge(place);
        if place > 0 {
            self.merge(place - 1);
        }
        while let Some(Event::Closed(step)) = self.events.front() {
            self.base = step.apply(self.base);
            self.events.pop_front();
        }
        self.refresh();
    }

    /// Merges the event at `place` with the one after it, if both are settled.
    fn merge(&mut self, place: usize) {
        if let (Some(Event::Closed(first)), Some(Event::Closed(second))) =
            (self.events.get(place), self.events.get(place + 1))
        {
            self.events[place] = Event::Closed(first.then(*second));
            self.events.remove(place + 1);
        }
    }

    fn refresh(&mut self) {
        self.tat = self.events.iter().fold(self.base, |tat, event| match event {
            Event::Closed(step) | Event::Open { step, .. } => step.apply(tat),
        });
    }

    fn step(&self, amount: u64, at: i128) -> Step {
        let add = self.rate.cost_of(amount);
        Step {
            add,
            floor: at.saturating_add(add),
        }
    }

    fn backlog(&self, now: Timestamp) -> i128 {
        self.tat.saturating_sub(self.rate.at(now)).max(0)
    }

    /// Units that could be spent at once now.
    pub fn remaining(&self, now: Timestamp) -> u64 {
        let Rate { cost, burst, .. } = self.rate;
        let free = (cost * i128::from(burst)).saturating_sub(self.backlog(now));
        match cost {
            0 => burst,
            _ => u64::try_from(free.div_euclid(cost)).unwrap_or(0),
        }
    }

    /// Time until everything has come back.
    pub fn reset_after(&self, now: Timestamp) -> Duration {
        self.rate.duration(self.backlog(now))
    }

    /// Whether the meter can be forgotten: nothing is open, and everything has come back.
    pub fn is_at_rest(&self, now: Timestamp) -> bool {
        self.events.is_empty() && self.backlog(now) == 0
    }
}

/// A meter as stores keep it. What follows from the rest is left out.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct StoredMeter {
    rate: Rate,
    /// `None`: nothing was ever spent.
    base: Option<i128>,
    events: VecDeque<Event>,
}

impl From<Meter> for StoredMeter {
    fn from(meter: Meter) -> Self {
        Self {
            rate: meter.rate,
            base: (meter.base != i128::MIN).then_some(meter.base),
            events: meter.events,
        }
    }
}

impl TryFrom<StoredMeter> for Meter {
    type Error = &'static str;

    fn try_from(stored: StoredMeter) -> Result<Self, Self::Error> {
        let Rate { ticks, cost, .. } = stored.rate;
        // Beyond these a sum could overflow, and nothing may be divided by zero.
        if !(1..=i128::from(MAX_LIMIT)).contains(&ticks)
            || !(0..=MAX_PERIOD.as_nanos() as i128).contains(&cost)
        {
            return Err("not the rate of a meter");
        }
        let mut meter = Self {
            rate: stored.rate,
            base: stored.base.unwrap_or(i128::MIN),
            events: stored.events,
            tat: i128::MIN,
        };
        meter.refresh();
        Ok(meter)
    }
}

#[cfg(test)]
mod tests;
