//! A string, or a long number, that has begun and not ended: what of it has not left, as it was written and as it reads.

use super::data_url::Begun;
use super::escape::{encode, written_length};
use super::grammar::Number;
use crate::scanner::Scanner;
use crate::sink::Sink;

pub(super) struct Open {
    pub(super) scanner: Scanner,
    /// As it was written: what has not left.
    pub(super) raw: String,
    /// How much of `raw` the scanner knows.
    pub(super) decoded_to: usize,
    /// The last byte is a backslash that begins an escape.
    after_backslash: bool,
    pub(super) role: Role,
}

pub(super) enum Role {
    Value(Begun),
    /// The beginning of the key.
    Key(String),
    Number(Number),
}

impl Open {
    pub(super) fn new(scanner: Scanner, role: Role) -> Self {
        Self {
            scanner,
            raw: String::new(),
            decoded_to: 0,
            after_backslash: false,
            role,
        }
    }

    /// Begins again, behind these words.
    pub(super) fn restart(&mut self, role: Role, context: &str) {
        self.scanner.restart(context);
        self.raw.clear();
        self.decoded_to = 0;
        self.after_backslash = false;
        self.role = role;
    }

    /// How much of `rest` belongs to it, and whether it ends there.
    pub(super) fn belongs(&mut self, rest: &str) -> (usize, bool) {
        let end = rest.bytes().position(|byte| match (&mut self.role, byte) {
            (Role::Number(number), byte) => match number.after(byte) {
                Some(after) => {
                    *number = after;
                    false
                }
                None => true,
            },
            (_, b'"') if !self.after_backslash => true,
            (_, byte) => {
                self.after_backslash = byte == b'\\' && !self.after_backslash;
                false
            }
        });
        (end.unwrap_or(rest.len()), end.is_some())
    }
}

/// Lets a string out as it was written.
pub(super) struct Leaving<'s> {
    pub(super) raw: &'s str,
    /// How much of `raw` has left or been hidden.
    pub(super) at: usize,
    pub(super) out: &'s mut String,
}

impl Sink for Leaving<'_> {
    fn pass(&mut self, bytes: &[u8]) {
        let from = self.at;
        self.hide(bytes);
        self.out.push_str(&self.raw[from..self.at]);
    }

    fn hide(&mut self, bytes: &[u8]) {
        self.at += written_length(&self.raw[self.at..], bytes.len());
    }

    fn placeholder(&mut self, text: &str) {
        encode(text, self.out);
    }
}
