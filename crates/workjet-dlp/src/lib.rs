//! Finds sensitive text and acts on it, in whole texts, JSON documents and streams.

mod base64;
mod checksum;
mod context;
mod custom;
mod detector;
mod engine;
mod entropy;
mod error;
mod finding;
#[cfg(feature = "json")]
mod json;
mod name;
mod policy;
mod rules;
mod run;
mod scanner;
mod search;
#[cfg(test)]
mod exactness;

pub use custom::CustomPattern;
pub use detector::Detector;
pub use engine::{Engine, EngineBuilder, FindIter, Preset, Redacted};
pub use error::{Error, ErrorKind};
pub use finding::{Confidence, Finding};
#[cfg(feature = "json")]
pub use json::{JsonReport, Shape, Unscannable, UnscannableReason, Verdict};
pub use policy::{Action, Policy};
pub use scanner::{Flow, Scanner};
