//! The built-in rules, in their order of precedence.

use crate::gate::Anchor;
use crate::gate::sieve::ByteSet;
use crate::memo::Memo;
use crate::search::{Verdict, Window};
use crate::topics::Topic;
use crate::{Detector, Preset};

mod aws;
mod calling_codes;
mod card;
#[cfg(test)]
mod catalogue;
mod email;
mod european;
mod formats;
mod health;
mod identity;
mod named;
mod phone;
#[cfg(any(test, feature = "testing"))]
pub(crate) mod samples;
mod ssn;
mod structured;
mod token;
mod vendor;

pub(crate) use named::WEBHOOKS;
pub(crate) use structured::pieces;

/// A rule that belongs to one of the six detectors.
pub(crate) struct BuiltIn {
    pub(crate) detector: Detector,
    /// What it finds, for people.
    pub(crate) finds: &'static str,
    /// Whether a match may begin with this byte: `verify` is called nowhere else.
    pub(crate) starts: fn(u8) -> bool,
    /// Whether a match may begin after this byte: where there is one, `verify` is called after no other. An escape such as
    /// `\n` counts as its backslash.
    pub(crate) follows: fn(u8) -> bool,
    /// What the gate must have found for a place before `verify` is worth calling there.
    pub(crate) anchor: Anchor,
    /// Whether a match begins at this place. Reads at most `longest` bytes and one character from there on, and at most
    /// [`LOOK_BEHIND`](crate::search::LOOK_BEHIND) bytes before. What it learns about the bytes ahead it may note in the memo.
    pub(crate) verify: fn(&Window<'_>, usize, &mut Memo) -> Verdict,
    /// The most bytes that may be undecided.
    pub(crate) longest: usize,
    /// Whether custom patterns go first.
    pub(crate) catch_all: bool,
    /// The set it belongs to.
    pub(crate) preset: Preset,
}

/// Specific before generic before catch-all: at one start, the first of these that matches wins. Custom patterns stand between
/// the last that is no catch-all and the first that is.
#[rustfmt::skip]
pub(crate) static BUILT_IN: [BuiltIn; 21] = [
    rule(Detector::API_SECRET, "private keys in PEM", Anchor::Prefix, token::pem_starts, anything, token::pem, token::PEM_LONGEST),
    rule(Detector::API_SECRET, "tokens in a vendor's format", Anchor::Prefix, vendor::starts, no_word, vendor::verify, vendor::LONGEST),
    rule(Detector::API_SECRET, "tokens of a vendor's structure", Anchor::Prefix, structured::starts, no_word, structured::verify, structured::LONGEST),
    rule(Detector::API_SECRET, "JSON Web Tokens", Anchor::Prefix, token::jwt_starts, no_word, token::jwt, token::JWT_LONGEST),
    rule(Detector::AWS_KEY, "access key ids", Anchor::Prefix, aws::id_starts, no_word, aws::key_id, aws::ID_LONGEST),
    rule(Detector::AWS_KEY, "Bedrock API keys", Anchor::Prefix, aws::bedrock_starts, no_word, aws::bedrock, aws::BEDROCK_LONGEST),
    rule(Detector::AWS_KEY, "secret access keys", Anchor::Forty, aws::secret_starts, no_word, aws::secret_key, aws::SECRET_LONGEST),
    rule(Detector::API_SECRET, "passwords in URLs", Anchor::Sign, named::url_starts, named::url_follows, named::url_password, named::URL_LONGEST),
    rule(Detector::API_SECRET, "paths of webhooks", Anchor::Announced, named::webhook_starts, named::webhook_follows, named::webhook, named::WEBHOOK_LONGEST),
    rule(Detector::API_SECRET, "values of Authorization headers", Anchor::Announced, named::authorization_starts, named::authorization_follows, named::authorization, named::AUTHORIZATION_LONGEST),
    pack(Preset::European, rule(Detector::IBAN, "bank account numbers", Anchor::Start, european::iban_starts, no_word, european::iban, european::IBAN_LONGEST)),
    pack(Preset::Health, rule(Detector::US_MBI, "Medicare beneficiaries", Anchor::Start, health::starts, no_word, health::mbi, health::LONGEST)),
    pack(Preset::Health, rule(Detector::US_NPI, "providers of health care", Anchor::Start, health::starts, no_word, health::npi, health::LONGEST)),
    pack(Preset::Health, rule(Detector::US_DEA, "prescribers of controlled substances", Anchor::Start, health::starts, no_word, health::dea, health::LONGEST)),
    pack(Preset::Health, rule(Detector::MEDICAL_RECORD, "medical-record numbers", Anchor::Start, health::starts, no_word, health::mrn, health::MRN_LONGEST)),
    pack(Preset::European, rule(Detector::NATIONAL_ID, "national identity numbers", Anchor::Start, european::id_starts, no_word, european::national_id, european::ID_LONGEST)),
    rule(Detector::CREDIT_CARD, "payment card numbers", Anchor::Digits, card::starts, no_digit, card::verify, card::LONGEST),
    rule(Detector::US_SSN, "social security and taxpayer numbers", Anchor::Digits, ssn::starts, no_digit, ssn::verify, ssn::LONGEST),
    rule(Detector::PHONE, "telephone numbers", Anchor::Digits, phone::starts, phone::follows, phone::verify, phone::LONGEST),
    rule(Detector::EMAIL, "e-mail addresses", Anchor::Sign, email::starts, no_word, email::verify, email::LONGEST),
    catch_all(rule(Detector::API_SECRET, "values of secret-sounding names", Anchor::Announced, named::assigned_starts, named::assigned_follows, named::assigned, named::ASSIGNED_LONGEST)),
];

const fn rule(
    detector: Detector,
    finds: &'static str,
    anchor: Anchor,
    starts: fn(u8) -> bool,
    follows: fn(u8) -> bool,
    verify: fn(&Window<'_>, usize, &mut Memo) -> Verdict,
    longest: usize,
) -> BuiltIn {
    BuiltIn {
        detector,
        finds,
        starts,
        follows,
        anchor,
        verify,
        longest,
        catch_all: false,
        preset: Preset::Standard,
    }
}

const fn catch_all(mut rule: BuiltIn) -> BuiltIn {
    rule.catch_all = true;
    rule
}

const fn pack(preset: Preset, mut rule: BuiltIn) -> BuiltIn {
    rule.preset = preset;
    rule
}

fn anything(_: u8) -> bool {
    true
}

/// Most rules begin where a word does.
fn no_word(byte: u8) -> bool {
    !byte.is_ascii_alphanumeric()
}

/// `card4111…`, `SSN536…`.
fn no_digit(byte: u8) -> bool {
    !byte.is_ascii_digit()
}

/// Whether a token may begin here: it is not within a word.
fn is_token_start(window: &Window<'_>, at: usize) -> bool {
    !window.follows_word(at)
}

/// Whether as many digits as the shortest number has follow the digit, plus or parenthesis at this place, with no more than
/// numbers have between them. The rules that [`Anchor::Digits`] stands for answer no elsewhere.
pub(crate) fn begins_number(window: &Window<'_>, at: usize, memo: &mut Memo) -> bool {
    let known = memo.row.count_from(at);
    known.is_some_and(|count| count >= phone::MIN_DIGITS) || !phone::is_too_short(window, at)
}

/// What [`Anchor::Prefix`] rules find where a word may begin, byte by byte: four of each or more. (Private keys, which begin
/// anywhere, and what has no fixed beginning the gate knows by itself.)
pub(crate) fn prefixes() -> Vec<Vec<ByteSet>> {
    let listed = [token::JWT_BEGINS].into_iter().chain(aws::BEGINNINGS);
    // All of them go on with letters, digits, hyphens or underscores.
    let of_token = ByteSet::that(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'));
    let listed = listed.map(|prefix| {
        let mut sets: Vec<_> = prefix.iter().map(|byte| ByteSet::of(&[*byte])).collect();
        sets.push(of_token);
        sets
    });
    listed
        .chain(vendor::prefixes())
        .chain(structured::prefixes())
        .collect()
}

/// All words that rules look for before a value: the first three letters decide whether a text is read for them.
pub(crate) fn words() -> impl Iterator<Item = &'static str> {
    [
        card::CARD_WORDS,
        card::PAYMENT_WORDS,
        ssn::SSN_WORDS,
        phone::PHONE_WORDS,
        phone::CALLING_WORDS,
        phone::LAST_WORDS,
        aws::ID_WORDS,
        &["secret"],
    ]
    .into_iter()
    .flatten()
    .copied()
}

/// The words and phrases that say something about a number, and what.
pub(crate) fn topics() -> impl Iterator<Item = (Topic, &'static str)> {
    [
        (Topic::Card, card::CARD_WORDS),
        (Topic::Payment, card::PAYMENT_WORDS),
        (Topic::Ssn, ssn::SSN_WORDS),
        (Topic::Phone, phone::PHONE_WORDS),
        (Topic::Calling, phone::CALLING_WORDS),
        (Topic::Last, phone::LAST_WORDS),
    ]
    .into_iter()
    .flat_map(|(topic, words)| words.iter().map(move |word| (topic, *word)))
}

/// Words that only the rules of packs look for.
pub(crate) fn pack_words() -> impl Iterator<Item = &'static str> {
    let of_health = [
        health::MBI_WORDS,
        health::NPI_WORDS,
        health::DEA_WORDS,
        health::MRN_WORDS,
    ];
    let of_ids = european::IDS.iter().map(|id| id.words);
    of_health.into_iter().chain(of_ids).flatten().copied()
}
