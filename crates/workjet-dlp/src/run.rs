//! The rest of a match that has no longest length.
//!
//! Once its beginning proves what it is (a private key's header, the first two hundred characters of a token), a match is
//! accepted and its placeholder leaves. What still belongs to it is then swallowed byte by byte, without being kept.

/// Decides, byte by byte, how far a match goes on.
#[derive(Clone)]
pub(crate) enum Run {
    /// While the test holds.
    While(fn(u8) -> bool),
    Pem(Pem),
    Jwt(Jwt),
    /// In two views at once: [`Sight`](crate::fold::Sight) knows.
    Twice,
}

impl Run {
    /// Takes bytes that follow. `Some(n)` if the match ends before `bytes[n]`; `None` if it may go on after all of them.
    pub(crate) fn advance(&mut self, bytes: &[u8]) -> Option<usize> {
        match self {
            Self::While(belongs) => bytes.iter().position(|byte| !belongs(*byte)),
            Self::Pem(pem) => pem.advance(bytes),
            Self::Jwt(jwt) => jwt.advance(bytes),
            Self::Twice => None,
        }
    }
}

/// The body of a PEM document ([RFC 7468](https://www.rfc-editor.org/rfc/rfc7468)) up to the end of its `END` line, or to
/// the first byte that cannot stand in one.
#[derive(Clone, Default)]
pub(crate) struct Pem {
    state: PemState,
}

#[derive(Clone, Copy)]
enum PemState {
    /// So many bytes of `-----END ` were the last ones.
    Body(usize),
    Label,
    /// So many dashes of the closing five.
    Closing(usize),
}

impl Default for PemState {
    fn default() -> Self {
        Self::Body(0)
    }
}

const PEM_END: &[u8] = b"-----END ";

impl Pem {
    fn advance(&mut self, bytes: &[u8]) -> Option<usize> {
        for (at, &byte) in bytes.iter().enumerate() {
            self.state = match (self.state, byte) {
                (PemState::Closing(4), b'-') => return Some(at + 1),
                (PemState::Closing(dashes), b'-') => PemState::Closing(dashes + 1),
                (PemState::Label, b'-') => PemState::Closing(1),
                (PemState::Label, b'A'..=b'Z' | b'0'..=b'9' | b' ') => PemState::Label,
                (PemState::Body(seen), byte) if byte == PEM_END[seen] && seen + 1 == PEM_END.len() => {
                    PemState::Label
                }
                (PemState::Body(seen), byte) if byte == PEM_END[seen] => PemState::Body(seen + 1),
                (PemState::Body(seen), b'-') if seen >= 5 => PemState::Body(5),
                (_, b'-') => PemState::Body(1),
                (_, byte) if pem_byte(byte) => PemState::Body(0),
                _ => return Some(at),
            };
        }
        None
    }
}

/// Base64, its line ends also as the escapes `\n` and `\r`, and what headers such as `DEK-Info: AES-128-CBC,…` are made of.
fn pem_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"+/=\r\n\t \\:,-".contains(&byte)
}

/// The segments of a JSON Web Token that are still to come.
#[derive(Clone)]
pub(crate) struct Jwt {
    pub(crate) dots_left: u8,
}

impl Jwt {
    fn advance(&mut self, bytes: &[u8]) -> Option<usize> {
        for (at, &byte) in bytes.iter().enumerate() {
            if byte == b'.' && self.dots_left > 0 {
                self.dots_left -= 1;
            } else if !(byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_' || byte == b'=') {
                return Some(at);
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn end(text: &str) -> Option<usize> {
        let whole = Run::Pem(Pem::default()).advance(text.as_bytes());
        let mut run = Run::Pem(Pem::default());
        let by_bytes = (0..text.len()).find_map(|at| run.advance(&text.as_bytes()[at..=at]).map(|n| at + n));
        assert_eq!(whole, by_bytes);
        whole
    }

    #[test]
    fn a_private_key_ends_with_its_end_line_or_the_first_foreign_byte() {
        assert_eq!(end("\nMIIB\n-----END RSA PRIVATE KEY-----\nnext"), Some(35));
        assert_eq!(end("\nMIIB--------END KEY----- x"), Some(25));
        assert_eq!(end("\nMIIB\n\"; more"), Some(6));
        assert_eq!(
            end("\nMIIB\n-----END no-----"),
            None,
            "a lower-case label is not an END line"
        );
    }
}
