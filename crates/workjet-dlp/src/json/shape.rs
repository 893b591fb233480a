//! What a protocol says about each position of its documents.

/// What a position in a JSON document holds. A value of another type than its shape expects is treated as [`Shape::Any`];
/// `null` and booleans hold nothing.
///
/// ```
/// use workjet_dlp::{Engine, Policy, Shape};
///
/// static MESSAGE: Shape = Shape::Object(&[("role", Shape::Constant(&["user", "assistant"])), ("content", Shape::Text)]);
///
/// let mut message = serde_json::json!({"role": "user", "content": "I am bob@example.com"});
/// let report = Engine::standard().redact_json(&mut message, &MESSAGE, &Policy::redact_all());
/// assert_eq!(message["content"], "I am [REDACTED:email]");
/// assert_eq!(report.findings[0].path(), Some("content"));
/// ```
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum Shape {
    /// A string that people or models read: rewritten in place.
    Text,
    /// A string that is one of these; any other is treated as [`Shape::Name`].
    Constant(&'static [&'static str]),
    /// A string that must stay as it is, because something else refers to it: a finding refuses the document.
    Name,
    /// A string that holds JSON: its strings and numbers are scanned and rewritten, the rest stays byte for byte. If it is not
    /// JSON it is treated as [`Shape::Text`].
    Json,
    /// An address: `data:` is [`Shape::Opaque`], others are [`Shape::Name`].
    Url,
    /// What cannot be read, such as an image: reported as unscannable if it is there.
    Opaque,
    /// A string under a signature: a finding makes it unscannable.
    Signed,
    /// A number that is a setting: not scanned. A string in its place is [`Shape::Text`].
    Number,
    /// Not looked at: the caller scans it elsewhere.
    Skip,
    /// Everything within is scanned: strings and numbers are rewritten (a number becomes a string), a finding in a key refuses
    /// the document. A string that is a `data:` URL in base64 is reported as unscannable as well.
    Any,
    /// An object with these keys. Other keys are scanned, and their values are [`Shape::Any`].
    Object(&'static [(&'static str, Shape)]),
    /// An array whose elements are alike.
    List(&'static Shape),
    /// An object whose shape is chosen by the string under `tag`; an unknown tag is [`Shape::Any`].
    Tagged {
        /// The key that decides.
        tag: &'static str,
        /// The tag's values and what each means.
        cases: &'static [(&'static str, &'static Shape)],
    },
    /// Where several types may stand.
    Either {
        /// For a string.
        text: &'static Shape,
        /// For an array.
        list: &'static Shape,
        /// For an object.
        object: &'static Shape,
    },
}
