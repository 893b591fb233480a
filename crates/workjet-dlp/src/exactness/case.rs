//! One text under one policy, and everything that may be said about what comes out.

use std::fmt;

use super::minimality::earliest_live;
use super::reference::{Decided, reference};
use super::setting::Setting;
use crate::{Flow, Policy};

/// A text under a policy, decided by the reference.
#[derive(Debug)]
pub struct Case<'c> {
    setting: &'c Setting,
    text: &'c [u8],
    policy: &'c Policy,
    /// By the reference.
    pub decided: Decided,
    whole: Vec<u8>,
    /// How much has come out when so many bytes have been decided.
    out_lengths: Vec<usize>,
    /// When so many bytes have arrived, the earliest place that may be held back.
    earliest: Option<Vec<usize>>,
}

/// Something that is not as it should be.
#[derive(Clone, Debug)]
pub struct Mistake {
    /// What.
    pub what: String,
    /// In which text.
    pub text: Vec<u8>,
    /// Cut where.
    pub cuts: Vec<usize>,
}

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match std::str::from_utf8(&self.text) {
            Ok(text) => write!(f, "{}\n  text {text:?}", self.what)?,
            Err(_) => write!(f, "{}\n  text b\"{}\"", self.what, self.text.escape_ascii())?,
        }
        write!(f, "\n  cuts {:?}", self.cuts)
    }
}

impl Mistake {
    /// The same kind of mistake in a shorter text with fewer cuts, as far as leaving out parts leads.
    #[must_use]
    pub fn smaller(self, setting: &Setting, policy: &Policy) -> Self {
        let fails = |text: &[u8], cuts: &[usize]| {
            let case = match Case::new(setting, text, policy).with_minimality() {
                Ok(case) => case,
                Err(mistake) => return Some(mistake),
            };
            let mistake = case.check_whole().err().or_else(|| case.check_cut(cuts).err());
            mistake.or_else(|| case.check_disguised(cuts).err())
        };
        let mut smallest = self;
        let mut part = smallest.text.len().max(2) / 2;
        while part > 0 {
            let mut at = 0;
            while at + part <= smallest.text.len() {
                let mut text = smallest.text.clone();
                text.drain(at..at + part);
                let cuts: Vec<usize> = smallest
                    .cuts
                    .iter()
                    .map(|cut| {
                        if *cut >= at + part {
                            cut - part
                        } else {
                            (*cut).min(at)
                        }
                    })
                    .collect();
                match fails(&text, &cuts) {
                    Some(mistake) => smallest = mistake,
                    None => at += part,
                }
            }
            part /= 2;
        }
        let mut index = 0;
        while index < smallest.cuts.len() {
            let mut cuts = smallest.cuts.clone();
            cuts.remove(index);
            match fails(&smallest.text, &cuts) {
                Some(mistake) => smallest = mistake,
                None => index += 1,
            }
        }
        smallest
    }
}

impl<'c> Case<'c> {
    /// Decides the text.
    #[must_use]
    pub fn new(setting: &'c Setting, text: &'c [u8], policy: &'c Policy) -> Self {
        let decided = reference(setting, text, policy);
        let whole = decided.output(text);
        let out_lengths = (0..=text.len())
            .map(|until| decided.output_until(text, until).len())
            .collect();
        Self {
            setting,
            text,
            policy,
            decided,
            whole,
            out_lengths,
            earliest: None,
        }
    }

    /// From now on, streams must hold back no more than the shapes ask for.
    ///
    /// # Errors
    /// If a match is none by the shape of its rule: then the shape is wrong.
    pub fn with_minimality(mut self) -> Result<Self, Mistake> {
        let earliest = earliest_live(self.setting, self.text, self.policy, &self.decided);
        self.earliest = Some(earliest.map_err(|what| self.mistake(what, &[]))?);
        Ok(self)
    }

    /// Redacting the whole text gives what the reference gives.
    ///
    /// # Errors
    /// If it does not.
    pub fn check_whole(&self) -> Result<(), Mistake> {
        let Ok(text) = std::str::from_utf8(self.text) else {
            return Ok(());
        };
        let redacted = self.setting.engine.redact(text, self.policy);
        if redacted.text.as_bytes() != self.whole {
            let whole = String::from_utf8_lossy(&self.whole);
            return Err(self.mistake(format!("whole {:?}\n should be {whole:?}", redacted.text), &[]));
        }
        if redacted.blocked.is_some() != self.decided.blocked.is_some() {
            return Err(self.mistake("blocked in one and not the other", &[]));
        }
        Ok(())
    }

    /// The text cut at these places comes out the same, and at every moment what can be out is.
    ///
    /// # Errors
    /// If it does not, or something else about the stream is not as promised.
    pub fn check_cut(&self, cuts: &[usize]) -> Result<(), Mistake> {
        let mut scanner = self.setting.engine.scanner(self.policy);
        let longest = self.setting.engine.max_hold_back_bytes();
        let mut out = Vec::with_capacity(self.whole.len());
        let mut from = 0;
        let mut flow = Flow::Continue;
        for &to in cuts.iter().chain([&self.text.len()]) {
            flow = scanner.push_bytes(&self.text[from..to], &mut out);
            from = to;
            if flow.blocked().is_some() {
                break;
            }
            let held = scanner.held_bytes();
            if held > longest {
                return Err(self.mistake(format!("{held} bytes held after {to}, more than {longest}"), cuts));
            }
            let decided = to - held;
            if out.len() != self.out_lengths[decided] || !self.whole.starts_with(&out) {
                let out = String::from_utf8_lossy(&out);
                return Err(self.mistake(format!("after {to} bytes with {held} held: {out:?}"), cuts));
            }
            if let Some(earliest) = &self.earliest
                && decided < earliest[to]
            {
                let rest = String::from_utf8_lossy(&self.text[decided..to]);
                let needed = to - earliest[to];
                return Err(self.mistake(
                    format!("{held} bytes held after {to} where {needed} would do: {rest:?}"),
                    cuts,
                ));
            }
        }
        if flow.blocked().is_none() {
            flow = scanner.finish_bytes(&mut out);
        }
        let blocked = flow.blocked().map(|finding| finding.span().start);
        if blocked != self.decided.blocked {
            let should = self.decided.blocked;
            return Err(self.mistake(format!("blocked at {blocked:?} instead of {should:?}"), cuts));
        }
        if out != self.whole {
            let (out, whole) = (
                String::from_utf8_lossy(&out),
                String::from_utf8_lossy(&self.whole),
            );
            return Err(self.mistake(format!("came out as {out:?}\n  instead of {whole:?}"), cuts));
        }
        Ok(())
    }

    /// Where disguises are seen through, too, a stream gives what the whole gives.
    ///
    /// # Errors
    /// If it does not, or too much is held back.
    pub fn check_disguised(&self, cuts: &[usize]) -> Result<(), Mistake> {
        let engine = &self.setting.seeing;
        let longest = engine.max_hold_back_bytes();
        let stream = |cuts: &[usize]| {
            let mut scanner = engine.scanner(self.policy);
            let (mut out, mut from, mut most) = (Vec::new(), 0, 0);
            for &to in cuts.iter().chain([&self.text.len()]) {
                let blocked = scanner.push_bytes(&self.text[from..to], &mut out);
                from = to;
                if blocked.blocked().is_none() {
                    most = most.max(scanner.held_bytes());
                }
            }
            let blocked = scanner.finish_bytes(&mut out);
            (out, blocked, most)
        };
        let (out, blocked, most) = stream(cuts);
        if most > longest {
            return Err(self.mistake(
                format!("{most} bytes held with disguises, more than {longest}"),
                cuts,
            ));
        }
        let (whole, whole_blocked) = match std::str::from_utf8(self.text) {
            Ok(text) => {
                let redacted = engine.redact(text, self.policy);
                let flow = redacted.blocked.map_or(Flow::Continue, Flow::Blocked);
                (redacted.text.into_owned().into_bytes(), flow)
            }
            Err(_) => {
                let (whole, flow, _) = stream(&[]);
                (whole, flow)
            }
        };
        if out != whole || blocked != whole_blocked {
            let (out, whole) = (String::from_utf8_lossy(&out), String::from_utf8_lossy(&whole));
            return Err(self.mistake(format!("in disguise as {out:?}\n  instead of {whole:?}"), cuts));
        }
        Ok(())
    }

    fn mistake(&self, what: impl Into<String>, cuts: &[usize]) -> Mistake {
        let patterns = self.setting.patterns.iter();
        let patterns: Vec<_> = patterns
            .map(|pattern| (&pattern.regex, pattern.max_len))
            .collect();
        Mistake {
            what: format!("{}\n  {:?}\n  patterns {patterns:?}", what.into(), self.policy),
            text: self.text.to_vec(),
            cuts: cuts.to_vec(),
        }
    }
}
