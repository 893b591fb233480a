//! Decides about each value of a document, however the document is walked.

use std::borrow::Cow;
use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use super::data_url::{is_base64_url, is_data_url};
use super::{JsonReport, Shape, Unscannable, UnscannableReason, Verdict};
use crate::context::before_value_of;
use crate::cursor::Cursor;
use crate::custom::Scratch;
use crate::engine::Inner;
use crate::policy::Plan;
use crate::search::Rules;
use crate::sink::{Sink, Whole};
use crate::{Action, Engine, Finding, Policy, Vault};

/// What a scan knows and has found.
pub(super) struct Judge<'e> {
    pub(super) search: Search<'e>,
    pub(super) vault: Option<&'e mut Vault>,
    pub(super) path: Path,
    findings: Vec<Finding>,
    unscannable: Vec<Unscannable>,
    blocked: Option<Finding>,
    refused: Option<Finding>,
}

/// Searches texts one by one, and keeps what can serve again.
pub(super) struct Search<'e> {
    engine: &'e Inner,
    plan: Plan,
    scratch: Scratch,
    /// The value's key and the value, where the key tells something about it.
    joined: String,
    contexts: HashMap<Box<str>, Context>,
}

/// What is to be done with a string.
pub(super) enum Treatment {
    /// Nothing.
    Pass,
    /// Its findings are replaced.
    Rewrite,
    /// So are those within the document that it holds, if it holds one.
    RewriteJson,
    /// It must not change.
    Name,
    /// It is signed.
    Signed,
}

/// What a key says about the values under it.
pub(super) type Context = Option<Arc<str>>;

/// Where a value stands.
#[derive(Clone, Debug, Default)]
pub(super) struct Path(Vec<Place>);

#[derive(Clone, Copy, Debug)]
pub(super) enum Place {
    /// Under a key that the shape lists.
    Listed(&'static str),
    /// Under a key that the caller made up.
    Unlisted,
    Index(usize),
}

/// Keys whose meaning is remembered during a scan.
const REMEMBERED_KEYS: usize = 256;

impl<'e> Judge<'e> {
    pub(super) fn new(engine: &'e Engine, policy: &Policy, vault: Option<&'e mut Vault>) -> Self {
        let engine = engine.inner();
        Self {
            search: Search {
                engine,
                plan: policy.plan(&engine.rules),
                scratch: Scratch::default(),
                joined: String::new(),
                contexts: HashMap::new(),
            },
            vault,
            path: Path::default(),
            findings: Vec::new(),
            unscannable: Vec::new(),
            blocked: None,
            refused: None,
        }
    }

    pub(super) fn report(self) -> JsonReport {
        let verdict = match (self.blocked, self.refused) {
            (Some(finding), _) => Verdict::Blocked(finding),
            (None, Some(finding)) => Verdict::Refused(finding),
            (None, None) => Verdict::Pass,
        };
        JsonReport {
            findings: self.findings,
            unscannable: self.unscannable,
            verdict,
        }
    }

    /// What a string of this shape is to undergo. The shape is not one that other shapes stand behind.
    pub(super) fn treatment(&mut self, shape: &Shape, text: &str) -> Treatment {
        match shape {
            Shape::Skip => Treatment::Pass,
            Shape::Opaque => {
                self.unscannable(UnscannableReason::Opaque);
                Treatment::Pass
            }
            Shape::Constant(listed) if listed.contains(&text) => Treatment::Pass,
            Shape::Url if is_data_url(text) => {
                self.unscannable(UnscannableReason::Opaque);
                Treatment::Pass
            }
            Shape::Constant(_) | Shape::Name | Shape::Url => Treatment::Name,
            Shape::Signed => Treatment::Signed,
            Shape::Json => Treatment::RewriteJson,
            Shape::Text | Shape::Number => Treatment::Rewrite,
            _ => {
                // Where anything may stand, base64 in a `data:` URL is what it would be in a field made for it.
                if is_base64_url(text) {
                    self.unscannable(UnscannableReason::Opaque);
                }
                Treatment::Rewrite
            }
        }
    }

    /// The text with its findings replaced; borrowed if there are none.
    pub(super) fn rewritten<'t>(&mut self, context: &Context, text: &'t str) -> Cow<'t, str> {
        let mut out = Whole::new(text, self.vault.as_deref_mut());
        let found = self.search.run(context, text, &mut out);
        let text = out.finish();
        self.book(found);
        text
    }

    /// A name or key: what would be changed refuses the document.
    pub(super) fn name(&mut self, text: &str) {
        let changed = self.search_only(text);
        if let (None, Some(finding)) = (&self.refused, changed) {
            self.refused = Some(finding);
        }
    }

    pub(super) fn signed(&mut self, text: &str) {
        if self.search_only(text).is_some() {
            self.unscannable(UnscannableReason::Signed);
        }
    }

    /// Books the findings of a text that stays as it is, and returns the first that the policy would change.
    fn search_only(&mut self, text: &str) -> Option<Finding> {
        let found = self.search.run(&None, text, &mut Nowhere);
        let before = self.findings.len();
        self.book(found);
        let found = &self.findings[before..];
        found
            .iter()
            .find(|finding| finding.action.changes_text())
            .cloned()
    }

    /// Adds what was found at the path.
    pub(super) fn book(&mut self, found: Vec<Finding>) {
        if found.is_empty() {
            return;
        }
        let path: Arc<str> = self.path.to_string().into();
        for mut finding in found {
            finding.path = Some(Arc::clone(&path));
            if finding.action == Action::Block {
                self.blocked.get_or_insert_with(|| finding.clone());
            }
            self.findings.push(finding);
        }
    }

    /// Reports what stands at the path.
    pub(super) fn unscannable(&mut self, reason: UnscannableReason) {
        self.unscannable.push(Unscannable {
            path: self.path.to_string().into(),
            reason,
        });
    }
}

impl<'e> Search<'e> {
    pub(super) fn rules(&self) -> &'e Rules {
        &self.engine.rules
    }

    /// Gives a text to `out`, its findings replaced, and returns them.
    pub(super) fn run(&mut self, context: &Context, text: &str, out: &mut dyn Sink) -> Vec<Finding> {
        let (origin, bytes) = match context {
            None => (0, text.as_bytes()),
            Some(context) => {
                self.joined.clear();
                self.joined.push_str(context);
                self.joined.push_str(text);
                (context.len(), self.joined.as_bytes())
            }
        };
        let mut cursor = Cursor::new(origin);
        let _ = cursor.drive(
            &self.engine.rules,
            &self.plan,
            bytes,
            true,
            &mut self.scratch,
            out,
        );
        cursor.findings
    }

    /// What a key that no shape lists says about the values under it.
    pub(super) fn context(&mut self, key: &str) -> Context {
        if let Some(known) = self.contexts.get(key) {
            return known.clone();
        }
        let context = match before_value_of(key, self.engine.packs) {
            context if context.is_empty() => None,
            context => Some(Arc::from(&*context)),
        };
        if self.contexts.len() < REMEMBERED_KEYS {
            self.contexts.insert(key.into(), context.clone());
        }
        context
    }
}

impl Path {
    /// Goes into an array or object.
    pub(super) fn enter(&mut self, place: Place) {
        self.0.push(place);
    }

    /// Goes on within it.
    pub(super) fn move_to(&mut self, place: Place) {
        if let Some(last) = self.0.last_mut() {
            *last = place;
        }
    }

    pub(super) fn leave(&mut self) {
        self.0.pop();
    }
}

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, place) in self.0.iter().enumerate() {
            let dot = if at > 0 { "." } else { "" };
            match place {
                Place::Listed(key) => write!(f, "{dot}{key}")?,
                Place::Unlisted => write!(f, "{dot}*")?,
                Place::Index(index) => write!(f, "[{index}]")?,
            }
        }
        Ok(())
    }
}

/// For texts that stay as they are.
struct Nowhere;

impl Sink for Nowhere {
    fn pass(&mut self, _bytes: &[u8]) {}

    fn placeholder(&mut self, _text: &str) {}
}
