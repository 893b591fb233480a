//! Writes `docs/detectors.md` from the rules themselves. The test fails when the document is stale;
//! `UPDATE_DOCS=1 cargo test -p workjet-dlp catalogue` writes it anew.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::formats::FORMATS;
use super::structured::{Part, SHAPES};
use super::{BUILT_IN, card, european};
use crate::Preset;

/// What the table of rules does not say about each: subtypes, shape, what is checked, where that is written,
/// and how sure the rule is. In the order of
/// the rules.
#[rustfmt::skip]
const ABOUT: &[(&str, &str, &str, &str, &str, &str)] = &[
    ("private keys in PEM", "`private_key`", "`-----BEGIN … PRIVATE KEY-----`, or `… KEY BLOCK`, and what follows up to its END line",
        "a line end, an escape or base64 after the header: a quote is prose", "[RFC 7468](https://www.rfc-editor.org/rfc/rfc7468)", "high"),
    ("tokens in a vendor's format", "the vendor", "a prefix and a body of known alphabet and length: see below", "not a placeholder or a word; GitHub's and Workjet's CRC-32",
        "[GitHub's formats](https://github.blog/engineering/behind-githubs-new-authentication-token-formats/), the vendors' documents", "high"),
    ("tokens of a vendor's structure", "the vendor", "parts of known lengths with marks between: see below", "ten different characters, not a placeholder", "the vendors' documents", "high"),
    ("JSON Web Tokens", "`jwt`", "`eyJ…`, a dot and eight more characters", "the header decodes and has `alg`", "[RFC 7519](https://www.rfc-editor.org/rfc/rfc7519)", "high"),
    ("access key ids", "`access_key_id`", "`AKIA`, `ASIA`, `ABIA`, `ACCA` or `A3T` and one more, then sixteen capitals and digits",
        "base 32, or the words `aws`, `access key` before it; not `…EXAMPLE`", "[IAM](https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_identifiers.html#identifiers-prefixes)", "high; medium if only a word tells"),
    ("Bedrock API keys", "`bedrock`", "`ABSK` or `bedrock-api-key-` and base64", "twenty different characters", "[Bedrock](https://docs.aws.amazon.com/bedrock/latest/userguide/api-keys.html)", "high"),
    ("secret access keys", "`secret_access_key`", "forty characters of base64", "mixed, 4 bits a character; an assignment to a name such as `secret_access_key`, or a key id within 200 bytes before", "[IAM](https://docs.aws.amazon.com/IAM/latest/UserGuide/id_credentials_access-keys.html)", "high"),
    ("passwords in URLs", "`url_password`", "what stands between `scheme://user:` and the last `@` of the authority, 3 to 128 bytes", "not a placeholder", "[RFC 3986 §3.2](https://www.rfc-editor.org/rfc/rfc3986#section-3.2)", "high"),
    ("paths of webhooks", "`webhook`", "32 characters or more after `hooks.slack.com/services/`, `discord.com/api/webhooks/`, `webhook.office.com/webhookb2/`", "a slash, but for Teams; not a placeholder", "[Slack](https://api.slack.com/messaging/webhooks)", "high"),
    ("values of Authorization headers", "`authorization`", "what follows `Bearer`, or `Basic`, `Token`, `ApiKey`, `Key`, `SSWS` in an `Authorization` header", "letters and digits, sixteen or more; `Basic` decodes to `user:password`", "[RFC 9110 §11](https://www.rfc-editor.org/rfc/rfc9110#section-11)", "medium"),
    ("bank account numbers", "", "a country, two digits, and its length of capitals and digits, in one piece or in fours", "remainder 1 by 97", "[ISO 13616](https://www.swift.com/resource/iban-registry-pdf)", "high"),
    ("Medicare beneficiaries", "`mbi`", "`1EG4-TE5-MK73`, hyphens optional", "no S, L, O, I, B, Z", "[CMS](https://www.cms.gov/medicare/new-medicare-card/understanding-the-mbi-format)", "high after a word, else medium"),
    ("providers of health care", "`npi`", "ten digits, the first 1 or 2, after `npi`", "Luhn with 80840 before it", "[CMS](https://www.cms.gov/Regulations-and-Guidance/Administrative-Simplification/NationalProvIdentStand/Downloads/NPIcheckdigit.pdf)", "high"),
    ("prescribers of controlled substances", "`dea`", "two letters, or one and a 9, and seven digits, after `dea`", "the check digit", "[DEA](https://www.deadiversion.usdoj.gov/)", "high"),
    ("medical-record numbers", "", "five to sixteen capitals, digits and hyphens right after `mrn`, `medical record`, `patient id` …", "four digits", "—", "medium"),
    ("national identity numbers", "the country's: see below", "the country's", "check digits and dates; see below whether it needs words before it", "the states' documents", "high after a word, else medium"),
    ("payment card numbers", "the issuer, or `test` for numbers that processors publish", "12 to 19 digits, at most one space or hyphen between two, one kind only", "issuer's prefix and length, Luhn; Luhn alone after a word for cards; not one repeated digit, no list of small numbers, no powers of ten, no part of a longer number", "ISO/IEC 7812, [issuers](https://github.com/braintree/credit-card-type)", "high with an issuer's prefix, else medium"),
    ("social security and taxpayer numbers", "`us_itin`", "`AAA-GG-SSSS` with hyphens or spaces; with dots or bare after `ssn`, `social security`", "areas, groups and serials that are issued; not those printed on specimens", "[SSA](https://www.ssa.gov/employer/randomization.html)", "high after a word, else medium"),
    ("telephone numbers", "", "`+` and 7 to 15 digits; North American; national in the grouping of its country; any after words such as `phone`; with its extension", "calling code and length, area and exchange; not dates, fractions, amounts, rows of numbers", "[E.164](https://www.itu.int/rec/T-REC-E.164), [NANP](https://nationalnanpa.com/about_us/abt_nanp.html)", "high: international, or grouped after a word; medium: grouped, or after a word; low: the grouping of another country alone"),
    ("e-mail addresses", "", "local part up to 64 bytes, domain up to 255, letters of any script", "no doubled or outer dots, a plausible last label; not `git@host:`, `package@1.2.3`, `icon@2x.png`", "[RFC 5321](https://www.rfc-editor.org/rfc/rfc5321), [RFC 6531](https://www.rfc-editor.org/rfc/rfc6531)", "high"),
    ("values of secret-sounding names", "`password`, `secret`", "`name = value`, `\"name\": \"value\"`, `name is value`, `--name value`, fields `name` and `value`; next to a name without a sign: `setName(\"…\")`, `\"name\", \"…\"`, `\\|\\| \"…\"`, `pass …`, `IDENTIFIED BY '…'`, `mysql -p…`, `curl -u user:…`", "not the names of keys that are public, placeholders, words or code; entropy; without a sign capitals, digits or length as well", "—", "medium"),
];

fn document() -> String {
    let mut text = String::from(
        "# Detectors\n\n<!-- Written by a test from the rules in `crates/workjet-dlp/src/rules`. \
         `UPDATE_DOCS=1 cargo test -p workjet-dlp catalogue` writes it anew. -->\n\n\
         The leftmost start wins; where several rules match at one place, the first in this table. Your own patterns stand between\n\
         the last rule but one and the last. A finding covers the value alone; names and words are read before it, at most 256 bytes.\n\
         *Holds* says how many bytes a stream may have to hold back for the rule.\n\n\
         | | detector | what | subtype | shape | checked | confidence | source | holds |\n|--:|---|---|---|---|---|---|---|--:|\n",
    );
    for (index, (rule, about)) in BUILT_IN.iter().zip(ABOUT).enumerate() {
        let pack = match rule.preset {
            Preset::Standard => "",
            Preset::Health => " (pack `Health`)",
            Preset::European => " (pack `European`)",
        };
        let (finds, subtype, shape, checked, source, confidence) = about;
        let (number, detector, holds) = (index + 1, &rule.detector, rule.longest);
        let _ = writeln!(
            text,
            "| {number} | `{detector}`{pack} | {finds} | {subtype} | {shape} | {checked} | {confidence} | {source} | {holds} |"
        );
    }
    text += "\n## Vendors' formats\n\nA length with + says how many characters prove the token; it goes on as long as its alphabet does.\n\n| vendor | form |\n|---|---|\n";
    let mut vendors: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for format in FORMATS {
        let more = if format.exact { "" } else { "+" };
        let form = format!(
            "`{}` {}{more} of {}",
            format.prefix,
            format.body,
            alphabet(format.alphabet)
        );
        vendors.entry(format.vendor).or_default().push(form);
    }
    for shape in SHAPES {
        let parts = shape.parts.iter().map(|part| match *part {
            Part::Is(text) => format!("`{text}`"),
            Part::Of(least, most, of) if least == most => format!("{least} of {}", alphabet(of)),
            Part::Of(least, _, of) => format!("{least}+ of {}", alphabet(of)),
            Part::Uuid => "a UUID".to_owned(),
        });
        let form = parts.collect::<Vec<_>>().join(", ");
        vendors.entry(shape.vendor).or_default().push(form);
    }
    vendors
        .entry("workjet")
        .or_default()
        .push("`wj_`environment`_`id`_`43 of 0-9 A-Z a-z`_`CRC-32".to_owned());
    for (vendor, forms) in &vendors {
        let _ = writeln!(text, "| {vendor} | {} |", forms.join("; "));
    }
    text += "\n## Issuers of payment cards\n\n| issuer | first digits | lengths | needs a word |\n|---|---|---|---|\n";
    for issuer in card::ISSUERS {
        let lengths: Vec<String> = (0..32)
            .filter(|length| issuer.lengths >> length & 1 == 1)
            .map(|length: u32| length.to_string())
            .collect();
        let word = if issuer.needs_word { "yes" } else { "" };
        let _ = writeln!(
            text,
            "| {} | {:06}–{:06} | {} | {word} |",
            issuer.name,
            issuer.first,
            issuer.last,
            lengths.join(", ")
        );
    }
    text += "\n## National identity numbers\n\n`d` is a digit, `L` a letter, `X` either, `?` a separator that may be missing.\n\n| subtype | template | without a word before it |\n|---|---|---|\n";
    for id in european::IDS {
        let _ = writeln!(
            text,
            "| `{}` | `{}` | {} |",
            id.subtype,
            id.template,
            id.alone.as_str()
        );
    }
    text
}

fn alphabet(of: fn(u8) -> bool) -> String {
    let all = |range: std::ops::RangeInclusive<u8>| range.into_iter().all(of);
    let hexadecimal = all(b'0'..=b'9') && of(b'a') && !of(b'z') && !of(b'Z');
    let mut parts: Vec<String> = Vec::new();
    if hexadecimal {
        parts.push("hexadecimal".to_owned());
    } else {
        for (range, name) in [(b'0'..=b'9', "0-9"), (b'A'..=b'Z', "A-Z"), (b'a'..=b'z', "a-z")] {
            if all(range.clone()) {
                parts.push(name.to_owned());
            } else {
                let some: String = range.filter(|byte| of(*byte)).map(char::from).collect();
                parts.push(some);
            }
        }
    }
    let signs: String = (b'!'..=b'~')
        .filter(|byte| !byte.is_ascii_alphanumeric() && of(*byte))
        .map(char::from)
        .collect();
    if !signs.is_empty() {
        parts.push(format!("`{signs}`"));
    }
    parts.retain(|part| !part.is_empty());
    parts.join(" ")
}

#[test]
fn every_rule_is_described_in_its_place() {
    let rules: Vec<&str> = BUILT_IN.iter().map(|rule| rule.finds).collect();
    let described: Vec<&str> = ABOUT.iter().map(|about| about.0).collect();
    assert_eq!(rules, described);
}

#[test]
#[allow(clippy::disallowed_methods, reason = "tests may ask their environment")]
fn the_catalogue_of_detectors_is_up_to_date() {
    let docs = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs");
    // A copy of the crate alone has no documents to compare.
    if !std::path::Path::new(docs).is_dir() {
        return;
    }
    let path = format!("{docs}/detectors.md");
    let written = document();
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(&path, &written).expect("the document can be written");
    }
    let found = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        found == written,
        "docs/detectors.md is stale: UPDATE_DOCS=1 cargo test -p workjet-dlp catalogue"
    );
}
