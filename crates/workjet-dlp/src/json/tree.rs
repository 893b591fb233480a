//! Documents that were parsed into a tree already.

use serde_json::{Map, Value};

use super::judge::{Context, Judge, Place, Treatment};
use super::{Shape, UnscannableReason, walk};

/// Deeper values are reported as unscannable. `serde_json` itself reads no more than 128 levels.
const MAX_DEPTH: usize = 192;

/// Sees to it that no token that stands in the document is issued.
pub(super) fn reserve(document: &Value, judge: &mut Judge<'_>) {
    let Some(vault) = &mut judge.vault else {
        return;
    };
    let mut left = vec![document];
    while let Some(value) = left.pop() {
        match value {
            Value::String(text) => vault.reserve(text),
            Value::Array(elements) => left.extend(elements),
            Value::Object(object) => {
                object.keys().for_each(|key| vault.reserve(key));
                left.extend(object.values());
            }
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
    }
}

/// Applies the judge's policy in place. `context` comes from the caller's own key nearest above the value.
pub(super) fn visit(
    value: &mut Value,
    shape: &Shape,
    context: &Context,
    depth: usize,
    judge: &mut Judge<'_>,
) {
    if depth > MAX_DEPTH {
        return judge.unscannable(UnscannableReason::TooDeep);
    }
    match (shape, &mut *value) {
        (Shape::Skip, _) | (_, Value::Null | Value::Bool(_)) => {}
        (Shape::Opaque, _) => judge.unscannable(UnscannableReason::Opaque),
        (Shape::Either { text, .. }, Value::String(_)) => visit(value, text, context, depth + 1, judge),
        (Shape::Either { list, .. }, Value::Array(_)) => visit(value, list, context, depth + 1, judge),
        (Shape::Either { object, .. }, Value::Object(_)) => visit(value, object, context, depth + 1, judge),

        (shape, Value::String(text)) => string(text, shape, context, judge),

        (Shape::Number, Value::Number(_)) => {}
        (_, Value::Number(number)) => {
            let written = number.to_string();
            if let std::borrow::Cow::Owned(text) = judge.rewritten(context, &written) {
                *value = Value::String(text);
            }
        }

        (Shape::List(element), Value::Array(elements)) => visit_all(elements, element, context, depth, judge),
        (_, Value::Array(elements)) => visit_all(elements, &Shape::Any, context, depth, judge),

        (Shape::Object(listed), Value::Object(object)) => visit_fields(object, listed, depth, judge),
        (Shape::Tagged { tag, cases }, Value::Object(object)) => {
            let case = case(cases, object.get(*tag).and_then(Value::as_str));
            visit(value, case.unwrap_or(&Shape::Any), context, depth + 1, judge);
        }
        (_, Value::Object(object)) => visit_fields(object, &[], depth, judge),
    }
}

fn string(text: &mut String, shape: &Shape, context: &Context, judge: &mut Judge<'_>) {
    let rewritten = match judge.treatment(shape, text) {
        Treatment::Pass => return,
        Treatment::Name => return judge.name(text),
        Treatment::Signed => return judge.signed(text),
        Treatment::Rewrite => judge.rewritten(context, text),
        Treatment::RewriteJson => match walk::document_in_text(text, judge) {
            Some(rewritten) => rewritten,
            None => judge.rewritten(context, text),
        },
    };
    if let std::borrow::Cow::Owned(rewritten) = rewritten {
        *text = rewritten;
    }
}

fn visit_all(elements: &mut [Value], shape: &Shape, context: &Context, depth: usize, judge: &mut Judge<'_>) {
    judge.path.enter(Place::Index(0));
    for (index, element) in elements.iter_mut().enumerate() {
        judge.path.move_to(Place::Index(index));
        visit(element, shape, context, depth + 1, judge);
    }
    judge.path.leave();
}

fn visit_fields(
    object: &mut Map<String, Value>,
    listed: &[(&'static str, Shape)],
    depth: usize,
    judge: &mut Judge<'_>,
) {
    judge.path.enter(Place::Unlisted);
    for (key, value) in object {
        if let Some((name, shape)) = listed.iter().find(|(name, _)| name == key) {
            judge.path.move_to(Place::Listed(name));
            visit(value, shape, &None, depth + 1, judge);
        } else {
            judge.path.move_to(Place::Unlisted);
            judge.name(key);
            let context = judge.search.context(key);
            visit(value, &Shape::Any, &context, depth + 1, judge);
        }
    }
    judge.path.leave();
}

/// The shape for a tag.
pub(super) fn case(
    cases: &'static [(&'static str, &'static Shape)],
    tag: Option<&str>,
) -> Option<&'static Shape> {
    let case = cases.iter().find(|(name, _)| Some(*name) == tag);
    case.map(|(_, shape)| *shape)
}
