//! The built-in rules, in their order of precedence.

use crate::Detector;
use crate::search::{Verdict, Window};

mod aws;
mod calling_codes;
mod card;
mod email;
mod named;
mod phone;
mod ssn;
mod token;
mod vendor;

/// A rule that belongs to one of the six detectors.
pub(crate) struct BuiltIn {
    pub(crate) detector: Detector,
    /// What it finds, for people.
    pub(crate) finds: &'static str,
    /// Whether a match may begin with this byte: `verify` is called nowhere else.
    pub(crate) starts: fn(u8) -> bool,
    /// Whether that holds within a word too: with an ASCII letter or digit before it that is not the end of an escape. Most
    /// rules begin where a word does.
    pub(crate) in_words: bool,
    /// Whether a match begins at this place. Reads at most `longest` bytes and one character from there on, and at most
    /// [`LOOK_BEHIND`](crate::search::LOOK_BEHIND) bytes before.
    pub(crate) verify: fn(&Window<'_>, usize) -> Verdict,
    /// The most bytes that may be undecided.
    pub(crate) longest: usize,
    /// Whether custom patterns go first.
    pub(crate) catch_all: bool,
}

/// Specific before generic before catch-all: at one start, the first of these that matches wins. Custom patterns stand between
/// the last that is no catch-all and the first that is.
#[rustfmt::skip]
pub(crate) static BUILT_IN: [BuiltIn; 14] = [
    rule(Detector::API_SECRET, "private keys in PEM", token::pem_starts, token::pem, token::PEM_LONGEST),
    rule(Detector::API_SECRET, "tokens in a vendor's format", vendor::starts, vendor::verify, vendor::LONGEST),
    rule(Detector::API_SECRET, "JSON Web Tokens", token::jwt_starts, token::jwt, token::JWT_LONGEST),
    rule(Detector::AWS_KEY, "access key ids", aws::id_starts, aws::key_id, aws::ID_LONGEST),
    rule(Detector::AWS_KEY, "Bedrock API keys", aws::bedrock_starts, aws::bedrock, aws::BEDROCK_LONGEST),
    rule(Detector::AWS_KEY, "secret access keys", aws::secret_starts, aws::secret_key, aws::SECRET_LONGEST),
    rule(Detector::API_SECRET, "passwords in URLs", named::url_starts, named::url_password, named::URL_LONGEST),
    rule(Detector::API_SECRET, "paths of webhooks", named::webhook_starts, named::webhook, named::WEBHOOK_LONGEST),
    rule(Detector::API_SECRET, "values of Authorization headers", named::authorization_starts, named::authorization, named::AUTHORIZATION_LONGEST),
    in_words(rule(Detector::CREDIT_CARD, "payment card numbers", card::starts, card::verify, card::LONGEST)),
    in_words(rule(Detector::US_SSN, "social security and taxpayer numbers", ssn::starts, ssn::verify, ssn::LONGEST)),
    rule(Detector::PHONE, "telephone numbers", phone::starts, phone::verify, phone::LONGEST),
    rule(Detector::EMAIL, "e-mail addresses", email::starts, email::verify, email::LONGEST),
    catch_all(Detector::API_SECRET, "values of secret-sounding names", named::assigned_starts, named::assigned, named::ASSIGNED_LONGEST),
];

const fn rule(
    detector: Detector,
    finds: &'static str,
    starts: fn(u8) -> bool,
    verify: fn(&Window<'_>, usize) -> Verdict,
    longest: usize,
) -> BuiltIn {
    BuiltIn {
        detector,
        finds,
        starts,
        verify,
        longest,
        catch_all: false,
        in_words: false,
    }
}

const fn catch_all(
    detector: Detector,
    finds: &'static str,
    starts: fn(u8) -> bool,
    verify: fn(&Window<'_>, usize) -> Verdict,
    longest: usize,
) -> BuiltIn {
    BuiltIn {
        detector,
        finds,
        starts,
        verify,
        longest,
        catch_all: true,
        in_words: false,
    }
}

/// `card4111…`, `SSN536…`.
const fn in_words(mut rule: BuiltIn) -> BuiltIn {
    rule.in_words = true;
    rule
}

/// Whether a token may begin here: it is not within a word.
fn is_token_start(window: &Window<'_>, at: usize) -> bool {
    !window.follows_word(at)
}

/// All words that rules look for before a value.
#[cfg(test)]
pub(crate) fn words() -> impl Iterator<Item = &'static str> {
    [
        card::CARD_WORDS,
        ssn::SSN_WORDS,
        phone::PHONE_WORDS,
        phone::CALLING_WORDS,
        &["aws", "secret"],
    ]
    .into_iter()
    .flatten()
    .copied()
}
