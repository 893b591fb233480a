//! What a general pattern engine would be told to look for: the kinds of our six detectors as regular expressions, and the vendors'
//! formats, taken from the table that our engine's rules write (`docs/detectors.md`), so that both look for the same ones.
//!
//! No pattern can say what the engine checks afterwards: checksums, issued areas, entropy, words before.

use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result, ensure};

/// Cards by issuer, SSNs, e-mail addresses, telephone numbers, AWS keys, and secrets that no vendor's prefix tells.
const KINDS: [&str; 23] = [
    r"\b4[0-9]{3}[ -]?[0-9]{4}[ -]?[0-9]{4}[ -]?[0-9]{4}\b",
    r"\b(?:5[1-5][0-9]{2}|22[2-9][0-9]|2[3-6][0-9]{2}|27[0-2][0-9])[ -]?[0-9]{4}[ -]?[0-9]{4}[ -]?[0-9]{4}\b",
    r"\b3[47][0-9]{2}[ -]?[0-9]{6}[ -]?[0-9]{5}\b",
    r"\b3(?:0[0-5]|[68][0-9])[0-9][ -]?[0-9]{6}[ -]?[0-9]{4}\b",
    r"\b6(?:011|5[0-9]{2}|4[4-9][0-9])[ -]?[0-9]{4}[ -]?[0-9]{4}[ -]?[0-9]{4}\b",
    r"\b35[2-8][0-9][ -]?[0-9]{4}[ -]?[0-9]{4}[ -]?[0-9]{4}\b",
    r"\b62[0-9]{2}[ -]?[0-9]{4}[ -]?[0-9]{4}[ -]?[0-9]{4}\b",
    r"\b[0-9]{3}-[0-9]{2}-[0-9]{4}\b",
    r"\b[0-9]{3} [0-9]{2} [0-9]{4}\b",
    r"\b[A-Za-z0-9._%+-]+@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)*\.[A-Za-z]{2,}\b",
    r"(?:\([2-9][0-9]{2}\) ?|\b[2-9][0-9]{2}[ .-])[2-9][0-9]{2}[ .-][0-9]{4}\b",
    r"\+[1-9][0-9]{0,2}(?:[ .-]?[0-9]{2,4}){2,5}\b",
    r"\b(?:A3T[A-Z0-9]|AKIA|ASIA|ABIA|ACCA)[A-Z2-7]{16}\b",
    r#"(?i:aws|secret)[A-Za-z0-9_ .-]{0,30}["']?[ \t]{0,3}[:=][ \t]{0,3}["']?[A-Za-z0-9/+=]{40}\b"#,
    r"\bABSK[A-Za-z0-9+/=]{60,}",
    r"-----BEGIN [A-Z ]{0,40}PRIVATE KEY(?: BLOCK)?-----",
    r"\beyJ[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]{8,}",
    r#"\b[a-z][a-z0-9+.-]{1,20}://[^ \t\r\n:/@"']{1,64}:[^ \t\r\n/@"']{3,128}@"#,
    r"\bhooks\.slack\.com/services/[A-Za-z0-9/_-]{32,}",
    r"(?i:\bbearer|\bbasic) [A-Za-z0-9._~+/=-]{16,}",
    r#"(?i:password|passwd|pwd|passphrase)["']?[ \t]{0,3}[:=][ \t]{0,3}["']?[^ \t\r\n"',;]{8,64}"#,
    r#"(?i:secret|token|credential)[A-Za-z0-9_-]{0,20}["']?[ \t]{0,3}[:=][ \t]{0,3}["']?[^ \t\r\n"',;]{12,64}"#,
    r#"(?i:api[_-]?key|access[_-]?key|auth[_-]?key)["']?[ \t]{0,3}[:=][ \t]{0,3}["']?[^ \t\r\n"',;]{12,64}"#,
];

/// Fewer formats mean that the table is not written as it was.
const LEAST_FORMATS: usize = 180;

pub(crate) fn all() -> Result<Vec<String>> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/detectors.md");
    let document = fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
    let table = document
        .split_once("\n## Vendors' formats\n")
        .and_then(|(_, rest)| rest.split("\n## ").next())
        .context("docs/detectors.md lists no vendors' formats")?;
    let formats: Vec<String> = table
        .lines()
        .filter_map(|line| line.strip_prefix("| ")?.strip_suffix(" |")?.split_once(" | "))
        .flat_map(|(_, forms)| forms.split("; "))
        .filter_map(format)
        .collect();
    ensure!(
        formats.len() >= LEAST_FORMATS,
        "docs/detectors.md lists {} formats that are understood here, which is too few to be true",
        formats.len()
    );
    Ok(KINDS
        .iter()
        .map(|kind| (*kind).to_owned())
        .chain(formats)
        .collect())
}

/// A form as the table writes it, such as `` `ghp_` 36+ of 0-9 A-Z a-z `` or `` 8+ of 0-9, `:AA`, 33 of 0-9 A-Z a-z `-_` ``.
fn format(form: &str) -> Option<String> {
    let mut pattern = String::new();
    let mut rest = form.trim();
    while !rest.is_empty() {
        if let Some(after) = rest.strip_prefix('`') {
            let (literal, after) = after.split_once('`')?;
            pattern.extend(literal.chars().flat_map(escaped));
            rest = after;
        } else if let Some(after) = rest.strip_prefix("a UUID") {
            pattern += "[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}";
            rest = after;
        } else {
            let (count, after) = rest.split_once(" of ")?;
            let (part, after) = after.split_once(", ").unwrap_or((after, ""));
            let (least, more) = count.strip_suffix('+').map_or((count, ""), |least| (least, ","));
            let least: usize = least.parse().ok()?;
            pattern += &format!("[{}]{{{least}{more}}}", alphabet(part)?);
            rest = after;
        }
        rest = rest.trim_start_matches([',', ' ']);
    }
    let bounded = pattern.starts_with(|first: char| first.is_ascii_alphanumeric() || first == '[');
    Some(if bounded { format!(r"\b{pattern}") } else { pattern })
}

/// `0-9 A-Z a-z`, `hexadecimal`, letters one by one, signs between backquotes; as the inside of a class.
fn alphabet(names: &str) -> Option<String> {
    let mut class = String::new();
    for name in names.split_whitespace() {
        match name {
            "0-9" | "A-Z" | "a-z" => class += name,
            "hexadecimal" => class += "0-9a-fA-F",
            _ if name.chars().all(char::is_alphanumeric) => class += name,
            _ => {
                let signs = name.strip_prefix('`')?.strip_suffix('`')?;
                class.extend(signs.chars().flat_map(escaped));
            }
        }
    }
    (!class.is_empty()).then_some(class)
}

fn escaped(of: char) -> impl Iterator<Item = char> {
    let sign = of.is_ascii_punctuation() && of != '_';
    sign.then_some('\\').into_iter().chain([of])
}
