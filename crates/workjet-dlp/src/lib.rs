//! Finds sensitive text and acts on it, in whole texts, JSON documents and streams.
//!
//! Made for text that flows to and from language models: prompts, replies that arrive a few bytes at a time, the arguments
//! of tool calls. Six detectors are built in (payment cards, United States social security numbers, e-mail addresses,
//! telephone numbers, AWS keys, and other secrets in some three hundred formats), packs for health and
//! Europe add more ([`Preset`]), and patterns of your own join them on equal terms.
//! There is no I/O, no clock and no async runtime; it builds for `wasm32-unknown-unknown`. Unsafe code stands in one file,
//! which only machines with AVX2 run.
//!
//! ```
//! use workjet_dlp::{Engine, Policy};
//!
//! let engine = Engine::standard();
//! let redacted = engine.redact("card 4111 1111 1111 1111, mail bob@example.com", &Policy::redact_all());
//! assert_eq!(redacted.text, "card [REDACTED:credit_card], mail [REDACTED:email]");
//! ```
//!
//! # Find
//!
//! ```
//! use workjet_dlp::Engine;
//!
//! let engine = Engine::standard();
//! let text = "pay with 4111 1111 1111 1111 or ask bob@example.com";
//! for hit in engine.find_iter(text) {
//!     println!("{} at {:?}", hit.detector(), hit.span());
//! }
//! # let found: Vec<_> = engine.find_iter(text).map(|hit| hit.span()).collect();
//! # assert_eq!(found, [9..28, 36..51]);
//! ```
//!
//! A [`Finding`] says what and where, in bytes and in UTF-16 units; it never holds the text.
//!
//! # Actions
//!
//! A [`Policy`] gives each detector an [`Action`]. Requests and replies are simply two policies.
//!
//! | action | what becomes of `bob@example.com` |
//! |---|---|
//! | [`Redact`](Action::Redact) | `[REDACTED:email]` |
//! | [`Mask`](Action::Mask) | `**********e*com`: the last four letters and digits stay |
//! | [`Hash`](Action::Hash) | `[HASH:email:676af055b6e01aad]`: equal for equal values, under one key ([`Policy::hash_key`]) |
//! | [`Tokenize`](Action::Tokenize) | `[EMAIL:7f3a9c]`, and the value again in the answer, by a [`Vault`] |
//! | [`Block`](Action::Block) | the text ends before it, and the caller is told |
//! | [`Warn`](Action::Warn) | it passes and is reported |
//! | [`Off`](Action::Off) | it passes: the detector does not run |
//!
//! ```
//! use workjet_dlp::{Action, Engine, Policy};
//!
//! let engine = Engine::standard();
//! let policy = Policy::redact_all().with("us_ssn", Action::Block).with("phone", Action::Warn);
//!
//! let redacted = engine.redact("password: hunter2x, tel 212-555-0123", &policy);
//! assert_eq!(redacted.text, "password: [REDACTED:api_secret], tel 212-555-0123");
//! assert_eq!(redacted.findings.len(), 2);
//! assert!(redacted.blocked.is_none());
//! ```
//!
//! Where a private key or another secret without a longest length goes on for more than 319 bytes, it is redacted instead of
//! masked, hashed or tokenized, lest a stream wait for its end. [`Finding::action`] says what was really done.
//!
//! # Tokens
//!
//! A [`Vault`] keeps the values of one request. The model works with tokens, and each caller's own values come back where it
//! repeats them, in text, in the arguments of tools (as JSON: [`Vault::restore_json`]) and in streams of either
//! ([`Vault::restorer`], [`Vault::json_restorer`]). To a scan of the answer a token is a placeholder like any other, so scan
//! first and restore then: what the model adds is redacted, what it repeats is restored, and what it makes up in the shape of a
//! token stays as it is.
//!
//! ```
//! use workjet_dlp::{Action, Engine, Policy, Vault};
//!
//! let engine = Engine::standard();
//! let mut vault = Vault::new([7; 32]); // 32 bytes that nobody can guess, new for every request
//! let request = Policy::redact_all().with("email", Action::Tokenize);
//! let sent = engine.tokenize("Invite bob@example.com", &request, &mut vault);
//!
//! let token = sent.text.strip_prefix("Invite ").expect("the rest");
//! let answer = format!("Done: {token} is invited, ann@example.com and [EMAIL:000000] are not.");
//! let answer = engine.redact(&answer, &Policy::redact_all());
//! assert_eq!(
//!     vault.restore(&answer.text),
//!     "Done: bob@example.com is invited, [REDACTED:email] and [EMAIL:000000] are not."
//! );
//! ```
//!
//! # Stream
//!
//! A [`Scanner`] takes the text in pieces, and what it writes is byte for byte what redacting the whole would have given,
//! however the pieces were cut. It holds back only what may still become a finding: half a word of English on average, never
//! more than [`Engine::max_hold_back_bytes`].
//!
//! ```
//! use workjet_dlp::{Engine, Flow, Policy};
//!
//! let engine = Engine::standard();
//! let mut scanner = engine.scanner(&Policy::redact_all());
//! let mut out = String::new();
//! for chunk in ["write to b", "ob@examp", "le.com, or", " don't"] {
//!     if let Flow::Blocked(finding) = scanner.push(chunk, &mut out) {
//!         panic!("{} is not allowed here", finding.detector());
//!     }
//! }
//! assert_eq!(scanner.finish(&mut out), Flow::Continue);
//! assert_eq!(out, "write to [REDACTED:email], or don't");
//! ```
//!
//! # Your own patterns
//!
//! ```
//! use workjet_dlp::{CustomPattern, Engine, Policy, Preset};
//!
//! let engine = Engine::builder()
//!     .preset(Preset::Standard)
//!     .custom(CustomPattern::new("employee_id", r"\bEMP-[0-9]{6}\b")?)
//!     .build()?;
//! assert_eq!(engine.redact("ask EMP-004711.", &Policy::redact_all()).text, "ask [REDACTED:employee_id].");
//! # Ok::<(), workjet_dlp::Error>(())
//! ```
//!
//! # What is known to be harmless
//!
//! An [`Allow`] lets a value pass: a company's own addresses, a test number.
//!
//! ```
//! use workjet_dlp::{Allow, Engine, Policy, Preset};
//!
//! let engine = Engine::builder()
//!     .preset(Preset::Standard)
//!     .allow(Allow::suffix("@example.com"))
//!     .build()?;
//! assert_eq!(engine.redact("ask help@example.com", &Policy::redact_all()).text, "ask help@example.com");
//! # Ok::<(), workjet_dlp::Error>(())
//! ```
//!
//! # JSON
//!
//! With the feature `json`, `Engine::scan_json` walks the bytes of a document by a `Shape` that says which strings may be
//! rewritten and which must not change, and scans everything that the shape does not mention. Keys are words before their
//! values; what holds no finding stays byte for byte. `Engine::json_scanner` does so while a document arrives, such as the
//! arguments of a tool call, and what it has written is at any time the beginning of valid JSON. `Engine::redact_json` takes a
//! document that was parsed already.
//!
//! # What decides
//!
//! * The leftmost start wins, over all detectors that are not off; at one start, the more specific rule. [`Engine::rules`]
//!   lists the order. Findings do not overlap.
//! * The span is the sensitive value. Names, `Bearer` and words such as `ssn` are read behind it, at most 256 bytes, in the same
//!   text or the JSON key above it. After a match, one character at most decides about it.
//! * Redaction is a function of the whole text and the policy, nothing else.
//! * Placeholders, hashes and tokens of an earlier pass are left alone, also those that other vaults and keys made.
//!
//! # Disguises
//!
//! Values are seen through digits of other scripts, full-width and mathematical letters, other spaces and hyphens, characters
//! that do not show, percent-encoding and the escapes of JSON, in whole texts and streams alike. What is found is replaced as it
//! stands; a text in which nothing is found stays as it is, whatever it is written with.
//!
//! ```
//! use workjet_dlp::{Engine, Policy};
//!
//! let engine = Engine::standard();
//! let redacted = engine.redact("４１１１-1111-1111-1111, bob%40example.com", &Policy::redact_all());
//! assert_eq!(redacted.text, "[REDACTED:credit_card], [REDACTED:email]");
//! ```
//!
//! [`EngineBuilder::see_through`] turns it off. [`EngineBuilder::base64`] looks into base64 as well, in whole texts alone.
//!
//! # What it does not do
//!
//! It does not see through letters of other alphabets that look alike, HTML entities, compression or encryption, nor more than
//! two characters that do not show between two others; streams are not searched within base64. It does not know names,
//! addresses of places or dates of birth. Telephone numbers written in a national format are found where a word announces them
//! or the grouping is a usual one. Passwords made of letters alone are not told from words.
//!
//! # Features
//!
//! | feature | default | without it |
//! |---|---|---|
//! | `json` | no | no `scan_json` and its kin; no dependency on `serde_json` |
//! | `serde` | no | findings and actions cannot be serialised |

mod allow;
mod base64;
mod builder;
mod checksum;
mod context;
mod cursor;
mod custom;
mod detector;
mod digits;
mod disguise;
mod engine;
mod entropy;
mod error;
#[cfg(any(test, feature = "testing"))]
#[doc(hidden)]
pub mod exactness;
mod find;
mod finding;
mod fold;
mod gate;
#[cfg(feature = "json")]
mod json;
mod memo;
mod name;
mod placeholder;
mod policy;
mod restore;
mod rules;
mod run;
mod scanner;
mod search;
mod sink;
mod stretch;
mod topics;
mod vault;

pub use allow::Allow;
pub use builder::{EngineBuilder, Preset};
pub use custom::CustomPattern;
pub use detector::Detector;
pub use engine::{Engine, Redacted};
pub use error::{Error, ErrorKind};
pub use find::FindIter;
pub use finding::{Confidence, Finding};
#[cfg(feature = "json")]
pub use json::{
    InvalidJson, JsonReport, JsonScanner, ScannedJson, Shape, Unscannable, UnscannableReason, Verdict,
};
pub use policy::{Action, Policy};
pub use restore::Restorer;
pub use scanner::{Flow, Scanner};
pub use vault::Vault;

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
