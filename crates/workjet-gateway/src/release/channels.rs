//! The open channels of a stream, by the choice or content block that they belong to.

use std::collections::BTreeMap;

use serde_json::Value;
use workjet_dlp::Unscannable;

use super::channel::{Channel, Kind, Outcome, Stop};
use super::fragment::{Fragment, Way, flesh};
use super::{Blocked, Cause, Gate, Limits, Step};
use crate::config;

/// Every channel of one reply.
#[derive(Debug)]
pub(super) struct Channels {
    limits: Limits,
    groups: BTreeMap<u64, Group>,
    /// Channels opened so far, closed ones included.
    opened: usize,
    withheld_bytes: usize,
}

/// The channels of one choice or content block, in the order in which they began.
#[derive(Debug, Default)]
struct Group {
    entries: Vec<Entry>,
    is_closed: bool,
}

#[derive(Debug)]
struct Entry {
    place: Vec<Way>,
    skeleton: Value,
    kind: Kind,
    /// `None` once it has ended.
    channel: Option<Channel>,
}

/// What a delta says about the channels that begin in it.
pub(super) struct Describe<'a> {
    /// The delta, without its fragments.
    pub(super) delta: &'a Value,
    /// The kind and path of the channel at a place.
    pub(super) channel: &'a dyn Fn(&[Way]) -> (Kind, String),
}

/// The last of a channel, and the delta that carries it.
#[derive(Debug)]
pub(super) struct Tail {
    pub(super) place: Vec<Way>,
    pub(super) text: String,
    skeleton: Value,
}

impl Tail {
    /// A delta with this text alone.
    pub(super) fn into_delta(mut self) -> Value {
        flesh(&mut self.skeleton, &self.place, self.text);
        self.skeleton
    }
}

impl Channels {
    pub(super) fn new(limits: Limits) -> Self {
        Self {
            limits,
            groups: BTreeMap::new(),
            opened: 0,
            withheld_bytes: 0,
        }
    }

    /// Passes a fragment through its channel: its text becomes what may leave now. If that is the last that may,
    /// [`Blocked`] says why.
    pub(super) fn push(
        &mut self,
        group: u64,
        fragment: &mut Fragment,
        describe: &Describe<'_>,
        gate: &Gate,
        step: &mut Step,
    ) -> Result<(), Blocked> {
        let text = std::mem::take(&mut fragment.text);
        let (kind, channel) = self.channel(group, fragment, describe, gate)?;
        let outcome = channel.push(&text);
        if channel.holds() {
            let path = channel.path().to_owned();
            self.withhold(text.len(), &path)?;
        }
        let (text, stopped) = accept(outcome, kind, gate, step);
        fragment.text = text;
        stopped
    }

    /// Counts bytes that wait for a verdict.
    pub(super) fn withhold(&mut self, bytes: usize, path: &str) -> Result<(), Blocked> {
        self.withheld_bytes = self.withheld_bytes.saturating_add(bytes);
        if self.withheld_bytes > self.limits.withheld_bytes {
            Err(Blocked::at(Cause::TooLarge, path))
        } else {
            Ok(())
        }
    }

    /// Ends the channels of a group, in their order; `out` takes each one's last text, even if it is empty. A group
    /// that has ended stays so.
    ///
    /// # Errors
    /// If a channel may not go on. Its last text was given to `out`; those after it are lost, as is the stream.
    pub(super) fn close(
        &mut self,
        group: u64,
        gate: &Gate,
        step: &mut Step,
        mut out: impl FnMut(Tail, &mut Step),
    ) -> Result<(), Blocked> {
        if self.groups.len() >= self.limits.channels && !self.groups.contains_key(&group) {
            return Err(Blocked::at(Cause::TooLarge, "the number of parts"));
        }
        let group = self.groups.entry(group).or_default();
        group.is_closed = true;
        group
            .entries
            .iter_mut()
            .try_for_each(|entry| entry.close(gate, step, &mut out))
    }

    /// Ends one channel of a group, if there is one at `place`; otherwise as [`close`](Self::close).
    pub(super) fn close_one(
        &mut self,
        group: u64,
        place: &[Way],
        gate: &Gate,
        step: &mut Step,
        mut out: impl FnMut(Tail, &mut Step),
    ) -> Result<(), Blocked> {
        let entries = self.groups.get_mut(&group).map(|group| group.entries.iter_mut());
        let mut there = entries.into_iter().flatten().filter(|entry| entry.place == place);
        there.try_for_each(|entry| entry.close(gate, step, &mut out))
    }

    /// The groups that have not ended.
    pub(super) fn open_groups(&self) -> Vec<u64> {
        self.groups
            .iter()
            .filter(|(_, group)| !group.is_closed)
            .map(|(index, _)| *index)
            .collect()
    }

    /// The open channel that a fragment belongs to; a new one if it is the first.
    fn channel(
        &mut self,
        group: u64,
        fragment: &Fragment,
        describe: &Describe<'_>,
        gate: &Gate,
    ) -> Result<(Kind, &mut Channel), Blocked> {
        let group = self.groups.entry(group).or_default();
        let at = match group
            .entries
            .iter()
            .position(|entry| entry.place == fragment.place)
        {
            Some(at) => at,
            None => {
                let (kind, path) = (describe.channel)(&fragment.place);
                if self.opened >= self.limits.channels {
                    return Err(Blocked::at(Cause::TooLarge, path));
                }
                self.opened += 1;
                let restorer = gate.restore.channel(kind, &fragment.place);
                let channel = Channel::new(kind, path, &gate.engine, &gate.policies, restorer);
                group.entries.push(Entry {
                    place: fragment.place.clone(),
                    skeleton: fragment.skeleton(describe.delta),
                    kind,
                    channel: (!group.is_closed).then_some(channel),
                });
                group.entries.len() - 1
            }
        };
        let entry = &mut group.entries[at];
        match &mut entry.channel {
            Some(channel) => Ok((entry.kind, channel)),
            // What had come was scanned as complete, so a match across the gap would be missed.
            None => Err(Blocked::at(
                Cause::Malformed,
                (describe.channel)(&fragment.place).1,
            )),
        }
    }
}

impl Entry {
    fn close(
        &mut self,
        gate: &Gate,
        step: &mut Step,
        out: &mut impl FnMut(Tail, &mut Step),
    ) -> Result<(), Blocked> {
        let Some(channel) = self.channel.take() else {
            return Ok(());
        };
        let (text, stopped) = accept(channel.finish(&gate.engine), self.kind, gate, step);
        out(
            Tail {
                place: self.place.clone(),
                text,
                skeleton: self.skeleton.clone(),
            },
            step,
        );
        stopped
    }
}

/// Books what was found, and says what may leave and whether more may follow.
fn accept(outcome: Outcome, kind: Kind, gate: &Gate, step: &mut Step) -> (String, Result<(), Blocked>) {
    if kind == Kind::Signed {
        let unwritable = outcome
            .findings
            .iter()
            .filter(|finding| gate.would_redact(finding));
        step.unscannable
            .extend(unwritable.map(|finding| Unscannable::signed(finding.path().unwrap_or_default())));
    }
    step.findings.extend(outcome.findings);
    let unreadable = outcome.unscannable.first().map(|part| part.path().to_owned());
    step.unscannable.extend(outcome.unscannable);
    let stopped = match outcome.stop {
        None => match unreadable.filter(|_| gate.unscannable == config::Unscannable::Block) {
            // What could not be read may stand in this text already.
            Some(path) => return (String::new(), Err(Blocked::at(Cause::Unscannable, path))),
            None => Ok(()),
        },
        Some(Stop::Blocked(finding)) if gate.would_redact(&finding) => {
            Err(Blocked::by(Cause::Unscannable, finding))
        }
        Some(Stop::Blocked(finding)) => Err(Blocked::by(Cause::Policy, finding)),
        Some(Stop::Refused(finding)) => Err(Blocked::by(Cause::Name, finding)),
    };
    (outcome.text, stopped)
}
