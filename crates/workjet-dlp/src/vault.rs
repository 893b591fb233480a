//! Tokens that stand for values during one request.
//!
//! The provider sees `[EMAIL:7f3a9c]`; the caller gets the value back wherever the answer repeats the token. A token is drawn
//! from the seed, the detector and the value, and drawn again while it is taken, so that no list of values is needed to find
//! the token of a value that was seen before.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

use zeroize::Zeroizing;

use crate::Detector;
use crate::disguise::{code, push_hex};
use crate::placeholder::TOKEN_DIGITS;
use crate::restore::{Form, Restorer, Tokens};

/// How often a token is drawn before none is said to be left. With a hundred thousand values in one request, the odds against
/// are one in 10³⁵ or so.
const DRAWS: u32 = 16;

/// Keeps the values of one request, and puts them back into its answer. Make one for each request and drop it with the
/// answer: values are then overwritten.
///
/// Within a vault, equal values of a detector have one token, and no token stands for two values. A token is never one that the
/// request already contains, as far as [`reserve`](Self::reserve) was told. What a model makes up in the shape of a token
/// stays as it is.
///
/// ```
/// use workjet_dlp::{Action, Engine, Policy, Vault};
///
/// let mut vault = Vault::new([7; 32]);
/// let policy = Policy::redact_all().with("email", Action::Tokenize);
/// let sent = Engine::standard().tokenize("Is bob@example.com right?", &policy, &mut vault).text.into_owned();
///
/// let token = sent.split_whitespace().nth(1).expect("the second word");
/// let answer = format!("Yes, {token} is. [EMAIL:000000] is not.");
/// assert_eq!(vault.restore(&answer), "Yes, bob@example.com is. [EMAIL:000000] is not.");
/// ```
pub struct Vault {
    seed: Zeroizing<[u8; 32]>,
    reserved: BTreeSet<Box<str>>,
    tokens: Arc<Tokens>,
}

impl Vault {
    /// An empty vault. Tokens depend on nothing but `seed`, the detector and the value: give each request a seed of its own, from
    /// a source of randomness, lest a token tell which value it stands for.
    #[must_use]
    pub fn new(seed: [u8; 32]) -> Self {
        Self {
            seed: Zeroizing::new(seed),
            reserved: BTreeSet::new(),
            tokens: Arc::default(),
        }
    }

    /// Sees to it that no token that stands in `text` is issued from now on. To be called with every text of a request before
    /// the first is tokenized; [`Engine::tokenize`](crate::Engine::tokenize) does it for its own.
    pub fn reserve(&mut self, text: &str) {
        self.reserved.extend(tokens_in(text).map(Box::from));
    }

    /// Whether no token has been issued.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.tokens.is_empty()
    }

    /// The token for a value. `None` if all those drawn are taken, which chance will not do.
    pub(crate) fn token(&mut self, detector: &Detector, value: &str) -> Option<String> {
        let name = detector.as_str();
        for draw in 0..DRAWS {
            let parts = [name.as_bytes(), value.as_bytes(), &draw.to_be_bytes()];
            let code = code(&self.seed, "token", &parts);
            let mut token = format!("[{}:", name.to_ascii_uppercase());
            push_hex(&mut token, &code[..TOKEN_DIGITS / 2]);
            token.push(']');
            match self.tokens.get(&token) {
                Some(known) if known == value => return Some(token),
                Some(_) => {}
                None if self.reserved.contains(token.as_str()) => {}
                None => {
                    Arc::make_mut(&mut self.tokens).insert(&token, value);
                    return Some(token);
                }
            }
        }
        None
    }

    /// Puts the values back in a text: wherever one of this vault's tokens stands, letter by letter. In other letters (`[email:…]`),
    /// percent-encoded or cut in two by markup, a token stays as it is.
    #[must_use]
    pub fn restore<'t>(&self, text: &'t str) -> Cow<'t, str> {
        self.tokens.restore(text, Form::Text)
    }

    /// Puts the values back in JSON text, such as the arguments of a tool call: in the way in which they are written within a
    /// string, so that what was JSON stays JSON and says what [`restore`](Self::restore) would make of its strings. So letters of
    /// a token may be written as escapes: to a parser `\u005b` is a bracket.
    ///
    /// ```
    /// use workjet_dlp::{Action, CustomPattern, Engine, Policy, Vault};
    ///
    /// let quote = CustomPattern::new("quote", "\"[a-z]{1,9}\"")?;
    /// let engine = Engine::builder().custom(quote).build()?;
    /// let mut vault = Vault::new([7; 32]);
    /// let token = engine.tokenize("\"bob\"", &Policy::all(Action::Tokenize), &mut vault).text;
    ///
    /// let arguments = format!(r#"{{"name": "{token}"}}"#);
    /// assert_eq!(vault.restore_json(&arguments), r#"{"name": "\"bob\""}"#);
    /// # Ok::<(), workjet_dlp::Error>(())
    /// ```
    #[must_use]
    pub fn restore_json<'t>(&self, json: &'t str) -> Cow<'t, str> {
        self.tokens.restore(json, Form::Json)
    }

    /// Starts to put the values back in a stream of text. It knows the tokens issued so far.
    #[must_use]
    pub fn restorer(&self) -> Restorer {
        Restorer::new(Arc::clone(&self.tokens), Form::Text)
    }

    /// Starts to put the values back in a stream of JSON text.
    #[must_use]
    pub fn json_restorer(&self) -> Restorer {
        Restorer::new(Arc::clone(&self.tokens), Form::Json)
    }
}

// Not derived: neither the seed nor a value may show.
impl fmt::Debug for Vault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Vault")
            .field("tokens", &self.tokens.len())
            .finish_non_exhaustive()
    }
}

/// What has the shape of a token, whatever detector it names.
fn tokens_in(text: &str) -> impl Iterator<Item = &str> {
    const LONGEST_NAME: usize = 64;
    let count = |bytes: &[u8], most: usize, is: fn(&u8) -> bool| -> usize {
        bytes.iter().take(most).take_while(|byte| is(byte)).count()
    };
    let token = move |bracket: usize| {
        let rest = &text.as_bytes()[bracket..];
        let name = count(
            &rest[1..],
            LONGEST_NAME,
            |byte| matches!(byte, b'A'..=b'Z' | b'0'..=b'9' | b'_'),
        );
        let after = rest[1 + name..].strip_prefix(b":")?;
        let digits = count(
            after,
            TOKEN_DIGITS,
            |byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'),
        );
        let whole = digits == TOKEN_DIGITS && after.get(digits) == Some(&b']');
        whole.then(|| &text[bracket..bracket + name + digits + "[:]".len()])
    };
    text.match_indices('[')
        .filter_map(move |(bracket, _)| token(bracket))
}
