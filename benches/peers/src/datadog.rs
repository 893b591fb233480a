//! Datadog's open scanner, with rules for the same six kinds: shapes as regular expressions, checksums where it has them, and
//! keywords where our engine wants a word as well.

use std::sync::Arc;

use anyhow::{Result, anyhow};
use dd_sds::{RegexRuleConfig, RootRuleConfig, RuleConfig, Scanner, SecondaryValidator};
use workjet_bench::Peer;

pub(crate) struct Datadog {
    scanner: Scanner,
    rules: usize,
    /// It wants a text that it may change.
    text: String,
}

/// Shape, words of which one must stand within 30 characters before it, check.
type Rule = (&'static str, &'static [&'static str], Option<SecondaryValidator>);

const LUHN: Option<SecondaryValidator> = Some(SecondaryValidator::LuhnChecksum);
const GITHUB: Option<SecondaryValidator> = Some(SecondaryValidator::GithubTokenChecksum);
const SSN_WORDS: &[&str] = &["ssn", "social security", "social security number", "tax id"];
const SECRET_WORDS: &[&str] = &[
    "password",
    "passwd",
    "pwd",
    "secret",
    "token",
    "api key",
    "apikey",
    "api_key",
    "credential",
];

#[rustfmt::skip]
const RULES: [Rule; 26] = [
    (r"\b4\d{3}(?:(?:\d{4}){3}|(?: \d{4}){3}|(?:-\d{4}){3})\b", &[], LUHN),
    (r"\b(?:5[1-5]\d{2}|22[2-9]\d|2[3-6]\d{2}|27[0-2]\d)(?:(?:\d{4}){3}|(?: \d{4}){3}|(?:-\d{4}){3})\b", &[], LUHN),
    (r"\b3[47]\d{2}(?:\d{6}\d{5}| \d{6} \d{5}|-\d{6}-\d{5})\b", &[], LUHN),
    (r"\b3(?:0[0-5]|[68]\d)\d(?:\d{10}| \d{6} \d{4}|-\d{6}-\d{4})\b", &[], LUHN),
    (r"\b6(?:011|5\d{2}|4[4-9]\d)(?:(?:\d{4}){3}|(?: \d{4}){3}|(?:-\d{4}){3})\b", &[], LUHN),
    (r"\b35[2-8]\d(?:(?:\d{4}){3}|(?: \d{4}){3}|(?:-\d{4}){3})\b", &[], LUHN),
    (r"\b62\d{2}(?:(?:\d{4}){3}|(?: \d{4}){3}|(?:-\d{4}){3})\b", &[], LUHN),
    (r"\b(?:\d{3}-\d{2}-\d{4}|\d{3} \d{2} \d{4})\b", &[], None),
    (r"\b\d{9}\b", SSN_WORDS, None),
    (r"\b[\w.%+-]{1,64}@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)*\.[A-Za-z]{2,}\b", &[], None),
    (r"(?:\([2-9]\d{2}\) ?|\b[2-9]\d{2}[ .-])[2-9]\d{2}[ .-]\d{4}\b", &[], None),
    (r"\+[1-9]\d{0,2}(?:[ .-]?\d{2,4}){2,5}\b", &[], None),
    (r"\b(?:A3T[A-Z0-9]|AKIA|ASIA|ABIA|ACCA)[A-Z2-7]{16}\b", &[], None),
    (r"\b[A-Za-z0-9/+=]{40}\b", &["aws_secret_access_key", "secret_access_key", "aws secret", "secret key"], None),
    (r"-----BEGIN [A-Z ]{0,40}PRIVATE KEY(?: BLOCK)?-----", &[], None),
    (r"\beyJ[A-Za-z0-9_-]{10,}\.eyJ[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]{10,}", &[], None),
    (r"\b[a-z][a-z0-9+.-]{1,20}://[^\s:/@]{1,64}:[^\s/@]{3,128}@", &[], None),
    (r"\bgh[opsru]_[0-9a-zA-Z]{36}\b", &[], GITHUB),
    (r"\bglpat-[0-9a-zA-Z_-]{20}", &[], None),
    (r"\bxox[abeprs]-[0-9A-Za-z-]{24,}", &[], None),
    (r"\b[sr]k_(?:live|test|prod)_[0-9A-Za-z]{16,}", &[], None),
    (r"\bsk-(?:ant-|proj-|svcacct-|admin-)?[0-9A-Za-z_-]{32,}", &[], None),
    (r"\bAIza[0-9A-Za-z_-]{35}", &[], None),
    (r"\b(?:npm_[0-9A-Za-z]{36}|hf_[0-9A-Za-z]{34}|SG\.[0-9A-Za-z._-]{66}|dop_v1_[0-9a-f]{64})\b", &[], None),
    (r"(?i:bearer|basic) [A-Za-z0-9._~+/=-]{16,}", &[], None),
    (r"[^\s\x22',;:=]{8,64}", SECRET_WORDS, Some(SecondaryValidator::EntropyCheck)),
];

impl Datadog {
    pub(crate) fn new() -> Result<Self> {
        let rules: Vec<RootRuleConfig<Arc<dyn RuleConfig>>> = RULES
            .iter()
            .map(|(pattern, words, check)| {
                let mut rule = RegexRuleConfig::new(pattern).with_validator(check.clone());
                if !words.is_empty() {
                    rule = rule.with_included_keywords(*words);
                }
                RootRuleConfig::new(rule.build())
            })
            .collect();
        let scanner = Scanner::builder(&rules)
            .build()
            .map_err(|error| anyhow!("Datadog's scanner cannot take the rules: {error:?}"))?;
        Ok(Self {
            scanner,
            rules: rules.len(),
            text: String::new(),
        })
    }
}

impl Peer for Datadog {
    fn name(&self) -> &str {
        "datadog"
    }

    fn about(&self) -> String {
        format!(
            "dd-sensitive-data-scanner 0.1.0-20261029, {} rules, with Luhn, GitHub's checksum, entropy, and keywords",
            self.rules
        )
    }

    fn find_all(&mut self, text: &str) -> usize {
        self.text.clear();
        self.text.push_str(text);
        self.scanner
            .scan(&mut self.text)
            .expect("a scan without network")
            .len()
    }
}
