//! A JSON object as somebody wrote it, changed in a few places and otherwise byte for byte.
//!
//! A tree that is written out again has other numbers (`1e2` becomes `100.0`), other spacing, and of two equal keys the last
//! one only. What merely passes should not show that it was looked at.

use std::fmt;
use std::ops::Range;

use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

/// An object, by the fields at its top.
///
/// ```
/// use workjet_router::Written;
///
/// let mut body = Written::read(br#"{ "model": "fast", "temperature": 1e0, "stream": true }"#)?;
/// body.set("model", br#""gpt-5""#);
/// body.remove("stream");
/// assert_eq!(body.to_vec(), br#"{ "model": "gpt-5", "temperature": 1e0 }"#);
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone)]
pub struct Written<'j> {
    json: &'j [u8],
    fields: Vec<Field>,
    added: Vec<(&'static str, Vec<u8>)>,
}

#[derive(Clone)]
struct Field {
    key: String,
    value: Range<usize>,
    change: Change,
}

#[derive(Clone, PartialEq)]
enum Change {
    None,
    Set(Vec<u8>),
    Remove,
}

impl<'j> Written<'j> {
    /// Reads the keys and passes over the values, which are checked all the same.
    ///
    /// # Errors
    /// If the bytes are not a JSON object.
    pub fn read(json: &'j [u8]) -> Result<Self, serde_json::Error> {
        let Top(fields) = serde_json::from_slice(json)?;
        let fields = fields.into_iter().map(|(key, value)| {
            let value = value.get();
            // The value was borrowed from these very bytes.
            let start = value.as_ptr().addr() - json.as_ptr().addr();
            Field {
                key,
                value: start..start + value.len(),
                change: Change::None,
            }
        });
        Ok(Self {
            json,
            fields: fields.collect(),
            added: Vec::new(),
        })
    }

    /// A key that stands there more than once. Readers differ in which of them counts.
    #[must_use]
    pub fn repeated(&self) -> Option<&str> {
        let mut keys: Vec<_> = self.fields.iter().map(|field| field.key.as_str()).collect();
        keys.sort_unstable();
        keys.windows(2)
            .find(|pair| pair[0] == pair[1])
            .map(|pair| pair[0])
    }

    /// The value under `key` as it was written; the last, if there are several.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&'j [u8]> {
        let field = self.fields.iter().rfind(|field| field.key == key)?;
        Some(&self.json[field.value.clone()])
    }

    /// Puts `value`, which must be JSON, under `key`: in the place of every value that stands there, or at the end.
    pub fn set(&mut self, key: &'static str, value: &[u8]) {
        if !self.change(key, &Change::Set(value.to_vec())) {
            self.added.retain(|(added, _)| *added != key);
            self.added.push((key, value.to_vec()));
        }
    }

    /// Takes out every field with this key.
    pub fn remove(&mut self, key: &str) {
        self.change(key, &Change::Remove);
        self.added.retain(|(added, _)| *added != key);
    }

    fn change(&mut self, key: &str, change: &Change) -> bool {
        let fields = self.fields.iter_mut().filter(|field| field.key == key);
        fields.map(|field| field.change = change.clone()).count() > 0
    }

    /// Writes it as it is now.
    #[must_use]
    pub fn to_vec(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(self.json.len() + 64);
        let after = |from: usize, byte: u8| {
            let rest = self.json[from..].iter().position(|one| *one == byte);
            from + rest.expect("an object has this between its fields") + 1
        };
        let mut at = after(0, b'{');
        out.extend_from_slice(&self.json[..at]);
        let mut is_first = true;
        for (index, field) in self.fields.iter().enumerate() {
            // Behind the comma, before the blanks and the key.
            let key = if index > 0 { after(at, b',') } else { at };
            if field.change != Change::Remove {
                let from = if is_first { key } else { at };
                out.extend_from_slice(&self.json[from..field.value.start]);
                match &field.change {
                    Change::Set(value) => out.extend_from_slice(value),
                    _ => out.extend_from_slice(&self.json[field.value.clone()]),
                }
                is_first = false;
            }
            at = field.value.end;
        }
        for (key, value) in &self.added {
            if !is_first {
                out.push(b',');
            }
            is_first = false;
            out.extend_from_slice(format!("\"{key}\":").as_bytes());
            out.extend_from_slice(value);
        }
        out.extend_from_slice(&self.json[at..]);
        out
    }
}

// Not derived: it may be a request.
impl fmt::Debug for Written<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Written")
            .field("bytes", &self.json.len())
            .field("fields", &self.fields.len())
            .finish_non_exhaustive()
    }
}

struct Top<'j>(Vec<(String, &'j RawValue)>);

impl<'de: 'j, 'j> Deserialize<'de> for Top<'j> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Fields;

        impl<'de> Visitor<'de> for Fields {
            type Value = Top<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Top<'de>, A::Error> {
                let mut fields = Vec::new();
                while let Some(field) = map.next_entry()? {
                    fields.push(field);
                }
                Ok(Top(fields))
            }
        }

        deserializer.deserialize_map(Fields)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Map, Value};

    use super::*;

    const WRITTEN: &str =
        " {\n \"a\" : 1.0 ,\"b\":[ {\"a\": 1e2} ],  \"\\u0063\":\"\\u0041,}\"\n,\"a\":-0}\n";

    fn changed(change: impl FnOnce(&mut Written<'_>)) -> String {
        let mut written = Written::read(WRITTEN.as_bytes()).expect("an object");
        change(&mut written);
        String::from_utf8(written.to_vec()).expect("UTF-8")
    }

    #[test]
    fn what_is_not_changed_stays_byte_for_byte() {
        assert_eq!(changed(|_| {}), WRITTEN);
        assert_eq!(changed(|it| it.remove("x")), WRITTEN);
        assert_eq!(
            changed(|it| it.set("c", b"2")),
            WRITTEN.replace("\"\\u0041,}\"", "2")
        );
        assert_eq!(
            changed(|it| it.set("d", b"{}")),
            WRITTEN.replace("-0}", "-0,\"d\":{}}")
        );
        assert_eq!(
            changed(|it| it.set("b", b"0")),
            WRITTEN.replace("[ {\"a\": 1e2} ]", "0")
        );
    }

    #[test]
    fn every_one_of_equal_keys_is_changed() {
        assert_eq!(
            changed(|it| it.set("a", b"true")),
            WRITTEN.replace("1.0", "true").replace("-0", "true")
        );
        let written = Written::read(WRITTEN.as_bytes()).expect("an object");
        assert_eq!(written.repeated(), Some("a"));
        assert_eq!(written.get("a"), Some(&b"-0"[..]));
        assert_eq!(
            Written::read(b"{\"a\":1,\"b\":{\"a\":2}}")
                .expect("an object")
                .repeated(),
            None
        );
        let hidden = Written::read(b"{\"a\":1,\"\\u0061\":2}").expect("an object");
        assert_eq!(hidden.repeated(), Some("a"));
    }

    #[test]
    fn whatever_is_taken_out_what_is_left_is_an_object() {
        let keys = ["a", "b", "c", "d"];
        for removed in 0..16 {
            let is_removed = |key: &str| {
                keys.iter()
                    .position(|one| *one == key)
                    .is_some_and(|at| removed >> at & 1 == 1)
            };
            let json = changed(|it| {
                it.set("d", b"5");
                keys.into_iter()
                    .filter(|key| is_removed(key))
                    .for_each(|key| it.remove(key));
            });
            let mut expected: Map<String, Value> = serde_json::from_str(WRITTEN).expect("an object");
            expected.insert("d".to_owned(), 5.into());
            expected.retain(|key, _| !is_removed(key));
            assert_eq!(
                serde_json::from_str::<Value>(&json).expect("JSON"),
                Value::from(expected),
                "{json}"
            );
        }
        let mut empty = Written::read(b" { } ").expect("an object");
        empty.set("a", b"1");
        empty.set("a", b"2");
        assert_eq!(empty.to_vec(), b" {\"a\":2 } ");
    }

    #[test]
    fn nothing_but_an_object_is_read() {
        for json in ["", "[]", "1", "{\"a\":1", "{\"a\":1}x", "{\"a\":01}", "{1:2}"] {
            assert!(Written::read(json.as_bytes()).is_err(), "{json}");
        }
    }
}
