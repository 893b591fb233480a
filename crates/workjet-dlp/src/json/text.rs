//! JSON in its written form, such as the arguments of a tool call.
//!
//! The tokens are visited where they stand and only those with a finding are replaced. Parsing into a tree and writing it out
//! again would lose large numbers, spacing, and the first of two equal keys, which a scan would then never have seen.

use std::fmt::Write as _;

use serde_json::Value;

use super::Visit;

/// Where the walk is within the document.
enum Level {
    Array { index: usize },
    Object { key: String, at_key: bool },
}

impl Visit<'_> {
    /// The document with its findings redacted, or `None` if it is not JSON.
    pub(super) fn json_text(&mut self, json: &str) -> Option<String> {
        // Well-formedness is the parser's affair; from here on a quote opens a string and commas separate.
        serde_json::from_str::<Value>(json).ok()?;
        let bytes = json.as_bytes();
        let mut out = String::with_capacity(json.len());
        let mut levels: Vec<Level> = Vec::new();
        let mut at = 0;
        while let Some(&byte) = bytes.get(at) {
            let end = token_end(bytes, at);
            let token = &json[at..end];
            match byte {
                b'"' => {
                    let text: String = serde_json::from_str(token).ok()?;
                    self.string(token, text, &mut levels, &mut out);
                }
                b'-' | b'0'..=b'9' => self.replace(token, token, &levels, &mut out),
                _ => {
                    match (byte, levels.last_mut()) {
                        (b'{', _) => levels.push(Level::Object {
                            key: String::new(),
                            at_key: true,
                        }),
                        (b'[', _) => levels.push(Level::Array { index: 0 }),
                        (b'}' | b']', _) => drop(levels.pop()),
                        (b':', Some(Level::Object { at_key, .. })) => *at_key = false,
                        (b',', Some(Level::Object { at_key, .. })) => *at_key = true,
                        (b',', Some(Level::Array { index })) => *index += 1,
                        _ => {}
                    }
                    out.push_str(token);
                }
            }
            at = end;
        }
        Some(out)
    }

    fn string(&mut self, token: &str, text: String, levels: &mut [Level], out: &mut String) {
        if !matches!(levels.last(), Some(Level::Object { at_key: true, .. })) {
            return self.replace(token, &text, levels, out);
        }
        let parent = self.enter(levels);
        self.name(&text);
        self.path.truncate(parent);
        if let Some(Level::Object { key, .. }) = levels.last_mut() {
            *key = text;
        }
        out.push_str(token);
    }

    /// Writes the token as it stands, or as a string if something in `text` was redacted.
    fn replace(&mut self, token: &str, text: &str, levels: &[Level], out: &mut String) {
        let key = levels.iter().rev().find_map(|level| match level {
            Level::Object { key, .. } => Some(key.as_str()),
            Level::Array { .. } => None,
        });
        let parent = self.enter(levels);
        self.encoded(text);
        let rewritten = self.rewritten(text, key.unwrap_or_default());
        self.path.truncate(parent);
        match rewritten {
            Some(text) => out.push_str(&Value::String(text).to_string()),
            None => out.push_str(token),
        }
    }

    /// Appends the place of the current token to the path and returns the length to go back to.
    fn enter(&mut self, levels: &[Level]) -> usize {
        let parent = self.path.len();
        for level in levels {
            match level {
                Level::Array { index } => {
                    let _ = write!(self.path, "[{index}]");
                }
                Level::Object { .. } if self.path.is_empty() => self.path.push('*'),
                Level::Object { .. } => self.path.push_str(".*"),
            }
        }
        parent
    }
}

/// Where the token that starts at `at` ends: a string, a number, or one byte of anything else.
fn token_end(bytes: &[u8], at: usize) -> usize {
    let rest = &bytes[at + 1..];
    let length = match bytes[at] {
        b'"' => {
            let mut escaped = false;
            let closing = rest.iter().position(|byte| match byte {
                _ if escaped => {
                    escaped = false;
                    false
                }
                b'\\' => {
                    escaped = true;
                    false
                }
                byte => *byte == b'"',
            });
            closing.map_or(rest.len(), |closing| closing + 1)
        }
        b'-' | b'0'..=b'9' => rest
            .iter()
            .take_while(|byte| matches!(byte, b'0'..=b'9' | b'.' | b'e' | b'E' | b'+' | b'-'))
            .count(),
        _ => 0,
    };
    at + 1 + length
}
