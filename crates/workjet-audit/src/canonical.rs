//! JSON with one spelling.
//!
//! [RFC 8785](https://www.rfc-editor.org/rfc/rfc8785) for the values an entry is made of: objects sorted by their keys'
//! UTF-16 code units, no white space, the shortest escapes, and whole numbers. Numbers stop at 2⁵³ − 1, since a reader
//! that keeps numbers as doubles would change anything larger.

use serde::Serialize;
use serde_json::Value;

const MAX_INTEGER: u64 = (1 << 53) - 1;

/// The canonical JSON of `value`, which has no floats.
pub(crate) fn to_string(value: &impl Serialize) -> String {
    let value = serde_json::to_value(value).expect("an entry's fields all have a JSON form");
    let mut out = String::with_capacity(512);
    write(&value, &mut out);
    out
}

fn write(value: &Value, out: &mut String) {
    match value {
        Value::Null => out.push_str("null"),
        Value::Bool(value) => out.push_str(if *value { "true" } else { "false" }),
        Value::Number(number) => {
            let integer = number
                .as_u64()
                .expect("entries hold whole numbers only")
                .min(MAX_INTEGER);
            out.push_str(&integer.to_string());
        }
        Value::String(text) => write_text(text, out),
        Value::Array(items) => {
            out.push('[');
            for (n, item) in items.iter().enumerate() {
                if n > 0 {
                    out.push(',');
                }
                write(item, out);
            }
            out.push(']');
        }
        Value::Object(object) => {
            let mut members: Vec<_> = object.iter().collect();
            members.sort_by(|(a, _), (b, _)| a.encode_utf16().cmp(b.encode_utf16()));
            out.push('{');
            for (n, (key, value)) in members.into_iter().enumerate() {
                if n > 0 {
                    out.push(',');
                }
                write_text(key, out);
                out.push(':');
                write(value, out);
            }
            out.push('}');
        }
    }
}

/// serde_json escapes exactly what RFC 8785 §3.2.2.2 asks for, in the same spelling; a test holds it to that.
fn write_text(text: &str, out: &mut String) {
    out.push_str(&serde_json::to_string(text).expect("a string has a JSON form"));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_sorted_by_utf_16_code_units_as_in_rfc_8785() {
        // The RFC's own example (§3.2.3): the emoji's surrogate sorts before U+FB33.
        let value: Value = serde_json::from_str(
            r#"{"\u20ac":1,"\r":2,"\ufb33":3,"1":4,"\ud83d\ude00":5,"\u0080":6,"\u00f6":7}"#,
        )
        .expect("valid JSON");
        assert_eq!(
            to_string(&value),
            "{\"\\r\":2,\"1\":4,\"\u{80}\":6,\"\u{f6}\":7,\"\u{20ac}\":1,\"\u{1f600}\":5,\"\u{fb33}\":3}"
        );
    }

    #[test]
    fn strings_have_the_escapes_of_rfc_8785_and_no_others() {
        assert_eq!(
            to_string(&"\u{20ac}$\u{f}\u{a}A'\u{42}\u{22}\u{5c}\\\"/\u{8}\u{c}\u{d}\u{9}\u{7f}"),
            "\"\u{20ac}$\\u000f\\nA'B\\\"\\\\\\\\\\\"/\\b\\f\\r\\t\u{7f}\""
        );
    }

    #[test]
    fn integers_stop_where_doubles_stop_being_exact() {
        assert_eq!(
            to_string(&[0, 9_007_199_254_740_991, u64::MAX]),
            "[0,9007199254740991,9007199254740991]"
        );
    }
}
