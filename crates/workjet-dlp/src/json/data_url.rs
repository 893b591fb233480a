//! `data:` URLs ([RFC 2397](https://www.rfc-editor.org/rfc/rfc2397)), which may hold what no detector reads.

const SCHEME: &[u8] = b"data:";
const BASE64: &[u8] = b"base64";

pub(super) fn is_data_url(text: &str) -> bool {
    text.trim_start()
        .get(..SCHEME.len())
        .is_some_and(|scheme| scheme.as_bytes().eq_ignore_ascii_case(SCHEME))
}

/// Whether the text is a `data:` URL whose content is in base64.
pub(super) fn is_base64_url(text: &str) -> bool {
    let mut begun = Begun::default();
    begun.is_base64_after(text)
}

/// The beginning of a text that may be such a URL.
#[derive(Clone, Copy, Debug)]
pub(super) enum Begun {
    /// So many bytes of the scheme.
    Scheme(usize),
    /// What the content is, up to the comma. So many letters of `base64` stand behind the last semicolon; `None` if something
    /// else stands there.
    Type(Option<usize>),
    Decided,
}

impl Default for Begun {
    fn default() -> Self {
        Self::Scheme(0)
    }
}

impl Begun {
    /// Whether the text is one, if `piece` follows and decides it. Once it is decided the answer is no.
    pub(super) fn is_base64_after(&mut self, piece: &str) -> bool {
        if matches!(self, Self::Decided) {
            return false;
        }
        for char in piece.chars() {
            *self = match (*self, char) {
                (Self::Scheme(0), char) if char.is_whitespace() => continue,
                (Self::Scheme(seen), char) if is(char, SCHEME[seen]) => {
                    if seen + 1 < SCHEME.len() {
                        Self::Scheme(seen + 1)
                    } else {
                        Self::Type(None)
                    }
                }
                (Self::Type(extension), ',') => {
                    *self = Self::Decided;
                    return extension == Some(BASE64.len());
                }
                (Self::Type(_), ';') => Self::Type(Some(0)),
                (Self::Type(extension @ (None | Some(0 | 6))), char) if char.is_whitespace() => {
                    Self::Type(extension)
                }
                (Self::Type(Some(seen)), char) if BASE64.get(seen).is_some_and(|next| is(char, *next)) => {
                    Self::Type(Some(seen + 1))
                }
                (Self::Type(_), _) => Self::Type(None),
                (Self::Scheme(_) | Self::Decided, _) => {
                    *self = Self::Decided;
                    return false;
                }
            };
        }
        false
    }
}

fn is(char: char, byte: u8) -> bool {
    char.eq_ignore_ascii_case(&char::from(byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_is_recognised_however_the_text_is_cut() {
        for (text, expected) in [
            ("data:image/png;base64,iVBOR", true),
            (" \u{a0}DATA:image/png;charset=x; Base64 ,iVBOR", true),
            ("data:;base64,", true),
            ("data:;base64", false),
            ("data:base64,AAAA", false),
            ("data:text/plain,;base64,", false),
            ("data:text/plain;base64x,", false),
            ("data:text/plain;base 64,", false),
            ("data:text/plain;base64;x,", false),
            ("the data:image/png;base64,iVBOR", false),
            ("da", false),
        ] {
            assert_eq!(is_base64_url(text), expected, "{text}");
            let mut begun = Begun::default();
            let mut found = false;
            for char in text.chars() {
                found |= begun.is_base64_after(char.encode_utf8(&mut [0; 4]));
            }
            assert_eq!(found, expected, "{text}, character by character");
        }
    }
}
