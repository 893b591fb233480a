//! Walks the bytes of a document, once, and says what to change.

use std::borrow::Cow;

use super::edit::{Edit, StringEdits, apply};
use super::escape::Written;
use super::index::Index;
use super::judge::{Context, Judge, Place, Treatment};
use super::quiet::Quiet;
use super::reader::{Event, Reader, is_json};
use super::report::InvalidJson;
use super::tree::case;
use super::{Shape, UnscannableReason};
use crate::Action;

/// Shapes that may stand behind one another for one value. No protocol comes near.
const MAX_ALTERNATIVES: usize = 32;

/// Applies the judge's policy to a document.
///
/// # Errors
/// If it is not JSON. What the judge has been told by then is worth nothing.
pub(super) fn document(text: &str, shape: &Shape, judge: &mut Judge<'_>) -> Result<Vec<Edit>, InvalidJson> {
    let quiet = Quiet::new(text, judge.search.rules());
    let mut walk = Walk {
        text,
        reader: Reader::new(text),
        judge,
        shape,
        levels: Vec::new(),
        index: Index::default(),
        quiet,
        edits: Vec::new(),
    };
    while let Some(event) = walk.reader.next()? {
        walk.take(event)?;
    }
    Ok(walk.edits)
}

/// Applies the judge's policy to the document that a string holds. `None` if it holds none.
pub(super) fn document_in_text<'t>(text: &'t str, judge: &mut Judge<'_>) -> Option<Cow<'t, str>> {
    Some(apply(&edits_in_text(text, judge)?, text))
}

fn edits_in_text(text: &str, judge: &mut Judge<'_>) -> Option<Vec<Edit>> {
    // Before anything is booked.
    is_json(text).then(|| document(text, &Shape::Any, judge).ok())?
}

/// Sees to it that no token that stands in the document is issued.
pub(super) fn reserve(text: &str, judge: &mut Judge<'_>) {
    let Some(vault) = &mut judge.vault else {
        return;
    };
    vault.reserve(text);
    let mut reader = Reader::new(text);
    while let Ok(Some(event)) = reader.next() {
        let (Event::Key(written) | Event::String(written)) = event else {
            continue;
        };
        if written.has_escapes {
            let decoded = written.decoded();
            vault.reserve(&decoded);
            // A document in a string may have escapes of its own.
            let has_escapes = decoded.contains('\\');
            let raw = &*decoded;
            vault.reserve(&Written { raw, has_escapes }.decoded());
        }
    }
}

struct Walk<'j, 'w, 'e> {
    text: &'j str,
    reader: Reader<'j>,
    judge: &'w mut Judge<'e>,
    /// Of the whole document.
    shape: &'w Shape,
    levels: Vec<Level<'w>>,
    index: Index,
    quiet: Quiet<'e>,
    edits: Vec<Edit>,
}

/// An array or object that has not ended.
struct Level<'w> {
    within: Within<'w>,
    /// What the key above the values says about them.
    context: Context,
}

enum Within<'w> {
    Array {
        element: &'w Shape,
        /// Of the next element.
        index: usize,
    },
    Object {
        listed: &'static [(&'static str, Shape)],
        /// What the last key says about its value.
        value: &'w Shape,
        tags: Vec<Tag>,
        /// Which tag the last key was.
        tag: Option<usize>,
    },
}

/// A key that decided about the shape of its object.
struct Tag {
    key: &'static str,
    cases: &'static [(&'static str, &'static Shape)],
    chosen: Option<&'static Shape>,
}

impl<'j, 'w> Walk<'j, 'w, '_> {
    fn take(&mut self, event: Event<'j>) -> Result<(), InvalidJson> {
        match event {
            Event::End => {
                self.levels.pop();
                self.judge.path.leave();
                return Ok(());
            }
            Event::Key(written) => {
                self.key(written);
                return Ok(());
            }
            _ => {}
        }
        self.check_tag(&event)?;
        let shape = self.shape_of_value();
        match event {
            Event::String(written) => self.string(written, shape),
            Event::Number(written) => self.number(written, shape),
            Event::BeginArray => return self.begin_array(shape),
            Event::BeginObject => return self.begin_object(shape),
            _ => {}
        }
        Ok(())
    }

    fn key(&mut self, written: Written<'j>) {
        let start = self.start(written);
        let Some(Level {
            within:
                Within::Object {
                    listed,
                    value,
                    tags,
                    tag,
                },
            context,
        }) = self.levels.last_mut()
        else {
            unreachable!("the reader gives keys within objects only");
        };
        if let Some((name, shape)) = listed.iter().find(|(name, _)| written.says(name)) {
            self.judge.path.move_to(Place::Listed(name));
            (*value, *context) = (shape, None);
        } else {
            let key = written.decoded();
            self.judge.path.move_to(Place::Unlisted);
            if !self.quiet.is_quiet(self.text, written, start) {
                self.judge.name(&key);
            }
            (*value, *context) = (&Shape::Any, self.judge.search.context(&key));
        }
        *tag = tags.iter().position(|tag| written.says(tag.key));
    }

    /// Of two tags in one object, each reader of the document may believe another.
    fn check_tag(&mut self, event: &Event<'j>) -> Result<(), InvalidJson> {
        let Some(Level {
            within: Within::Object { tags, tag, .. },
            ..
        }) = self.levels.last_mut()
        else {
            return Ok(());
        };
        let Some(tag) = tag.take().map(|tag| &tags[tag]) else {
            return Ok(());
        };
        let said = match event {
            Event::String(written) => Some(written.decoded()),
            _ => None,
        };
        let said = case(tag.cases, said.as_deref());
        if said.map(std::ptr::from_ref) == tag.chosen.map(std::ptr::from_ref) {
            Ok(())
        } else {
            let at = self.reader.at();
            Err(InvalidJson::new(at, "expected an object to say once what it is"))
        }
    }

    fn shape_of_value(&mut self) -> &'w Shape {
        match self.levels.last_mut().map(|level| &mut level.within) {
            None => self.shape,
            Some(Within::Object { value, .. }) => value,
            Some(Within::Array { element, index }) => {
                self.judge.path.move_to(Place::Index(*index));
                *index += 1;
                element
            }
        }
    }

    fn context(&self) -> Context {
        self.levels.last().and_then(|level| level.context.clone())
    }

    fn string(&mut self, written: Written<'j>, mut shape: &'w Shape) {
        for _ in 0..MAX_ALTERNATIVES {
            match shape {
                Shape::Either { text, .. } => shape = text,
                _ => break,
            }
        }
        let text = written.decoded();
        match self.judge.treatment(shape, &text) {
            Treatment::Pass => {}
            Treatment::Rewrite if self.context().is_some() => self.rewrite(written, &text),
            Treatment::Name | Treatment::Signed | Treatment::Rewrite if self.is_quiet(written) => {}
            Treatment::Name => self.judge.name(&text),
            Treatment::Signed => self.judge.signed(&text),
            Treatment::Rewrite => self.rewrite(written, &text),
            Treatment::RewriteJson => match edits_in_text(&text, self.judge) {
                None => self.rewrite(written, &text),
                Some(inner) => {
                    let start = self.start(written);
                    StringEdits::new(written, start, &mut self.edits, None).take(&inner);
                }
            },
        }
    }

    fn rewrite(&mut self, written: Written<'j>, text: &str) {
        let (start, context) = (self.start(written), self.context());
        let vault = self.judge.vault.as_deref_mut();
        let mut out = StringEdits::new(written, start, &mut self.edits, vault);
        let found = self.judge.search.run(&context, text, &mut out);
        if found.iter().any(|finding| finding.action() == Action::Block) {
            out.cut();
        }
        self.judge.book(found);
    }

    /// Whether nothing can be found in the string that was read last, if no key says anything about it.
    fn is_quiet(&mut self, written: Written<'j>) -> bool {
        let start = self.start(written);
        self.quiet.is_quiet(self.text, written, start)
    }

    /// Where the string that was read last begins, after its quote.
    fn start(&self, written: Written<'j>) -> usize {
        self.reader.at() - 1 - written.raw.len()
    }

    fn number(&mut self, written: &'j str, shape: &Shape) {
        match shape {
            Shape::Skip | Shape::Number => {}
            Shape::Opaque => self.judge.unscannable(UnscannableReason::Opaque),
            _ => {
                let context = self.context();
                if let Cow::Owned(text) = self.judge.rewritten(&context, written) {
                    let end = self.reader.at();
                    self.edits.push(Edit {
                        at: end - written.len()..end,
                        text: quoted(&text),
                    });
                }
            }
        }
    }

    fn begin_array(&mut self, mut shape: &'w Shape) -> Result<(), InvalidJson> {
        let mut element = &Shape::Any;
        for _ in 0..MAX_ALTERNATIVES {
            match shape {
                Shape::Either { list, .. } => shape = list,
                Shape::Skip => return self.reader.skip(),
                Shape::Opaque => return self.skip_opaque(),
                Shape::List(alike) => {
                    element = alike;
                    break;
                }
                _ => break,
            }
        }
        let context = self.context();
        self.judge.path.enter(Place::Index(0));
        self.levels.push(Level {
            within: Within::Array { element, index: 0 },
            context,
        });
        Ok(())
    }

    fn begin_object(&mut self, mut shape: &'w Shape) -> Result<(), InvalidJson> {
        let mut listed: &'static [_] = &[];
        let mut tags = Vec::new();
        for _ in 0..MAX_ALTERNATIVES {
            match shape {
                Shape::Either { object, .. } => shape = object,
                Shape::Tagged { tag, cases } => {
                    let said = self.index.string_under(tag, self.reader);
                    let chosen = case(cases, said.as_deref());
                    tags.push(Tag {
                        key: tag,
                        cases,
                        chosen,
                    });
                    shape = chosen.unwrap_or(&Shape::Any);
                }
                Shape::Skip => return self.reader.skip(),
                Shape::Opaque => return self.skip_opaque(),
                Shape::Object(fields) => {
                    listed = fields;
                    break;
                }
                _ => break,
            }
        }
        self.judge.path.enter(Place::Unlisted);
        self.levels.push(Level {
            within: Within::Object {
                listed,
                value: &Shape::Any,
                tags,
                tag: None,
            },
            context: None,
        });
        Ok(())
    }

    fn skip_opaque(&mut self) -> Result<(), InvalidJson> {
        self.judge.unscannable(UnscannableReason::Opaque);
        self.reader.skip()
    }
}

/// A string as a document holds it.
pub(super) fn quoted(text: &str) -> String {
    let mut quoted = String::with_capacity(text.len() + 2);
    quoted.push('"');
    super::escape::encode(text, &mut quoted);
    quoted.push('"');
    quoted
}
