//! Looks ahead for what an object says it is.
//!
//! Objects that say so at their end can stand within each other, and reading each of them to its end would take time in
//! proportion to their depth. So the ends of what was passed over are remembered, and every byte is passed over once.

use std::borrow::Cow;

use super::reader::{Event, Reader};

/// Where arrays and objects end, as far as anybody looked.
#[derive(Debug, Default)]
pub(super) struct Index {
    /// After the opening bracket, and after the closing one, in order.
    spans: Vec<(usize, usize)>,
    /// How far is known.
    read_to: usize,
}

/// What is shorter is read again.
const WORTH_REMEMBERING: usize = 64;

impl Index {
    /// The string under `key` in the object that `reader` has just gone into. The first one counts.
    pub(super) fn string_under<'j>(&mut self, key: &str, mut reader: Reader<'j>) -> Option<Cow<'j, str>> {
        let mut is_under_key = false;
        loop {
            match reader.next().ok()?? {
                Event::Key(written) => is_under_key = written.says(key),
                Event::String(written) if is_under_key => return Some(written.decoded()),
                _ if is_under_key => return None,
                Event::BeginObject | Event::BeginArray => self.skip(&mut reader)?,
                Event::End => return None,
                Event::String(_) | Event::Number(_) | Event::Literal => {}
            }
        }
    }

    /// Goes to the end of what `reader` has just gone into; `None` if it does not end.
    fn skip(&mut self, reader: &mut Reader<'_>) -> Option<()> {
        let start = reader.at();
        if let Ok(known) = self.spans.binary_search_by_key(&start, |span| span.0) {
            reader.skip_to(self.spans[known].1);
            return Some(());
        }
        let before = self.spans.len();
        let skipped = self.read(reader);
        if skipped.is_none() {
            // Some are without an end.
            self.spans.truncate(before);
        }
        self.read_to = self.read_to.max(reader.at());
        skipped
    }

    fn read(&mut self, reader: &mut Reader<'_>) -> Option<()> {
        let is_new = reader.at() >= self.read_to;
        let mut open = Vec::new();
        let mut begun = true;
        loop {
            if begun {
                open.push(self.spans.len());
                if is_new {
                    self.spans.push((reader.at(), 0));
                }
            }
            match reader.next().ok()?? {
                Event::BeginObject | Event::BeginArray => begun = true,
                Event::End => {
                    begun = false;
                    let closed = open.pop()?;
                    if let Some(span) = self.spans.get_mut(closed).filter(|_| is_new) {
                        span.1 = reader.at();
                        if span.1 - span.0 < WORTH_REMEMBERING {
                            self.spans.truncate(closed);
                        }
                    }
                    if open.is_empty() {
                        return Some(());
                    }
                }
                _ => begun = false,
            }
        }
    }
}
