//! The engine and the policies that texts are checked with.

use std::sync::LazyLock;

use crate::{Action, CustomPattern, Engine, Policy, Preset};

/// Compiled once: patterns take longer to compile than texts to scan.
pub(super) fn engine() -> &'static Engine {
    static ENGINE: LazyLock<Engine> = LazyLock::new(build);
    &ENGINE
}

fn build() -> Engine {
    let pattern = |name, pattern| CustomPattern::new(name, pattern).expect("a pattern");
    Engine::builder()
        .preset(Preset::Standard)
        .custom(pattern("employee", r"\bEMP-[0-9]{6}\b"))
        .custom(pattern("ticket", r"TCK-[0-9]+$").max_len(12))
        .custom(pattern("capitals", "[A-Z]{8}"))
        .custom(pattern("lazy", r"(?i)f(?:oo|oo bar)??[a-z]\w{0,5}é"))
        .build()
        .expect("an engine")
}

/// All detectors, and few: one that waits for more text hides that another should have.
pub(super) fn policies() -> Vec<Policy> {
    let only = |detectors: &[&str]| {
        detectors
            .iter()
            .fold(Policy::all(Action::Off), |policy, detector| {
                policy.with(detector, Action::Redact)
            })
    };
    vec![
        Policy::redact_all(),
        Policy::redact_all()
            .with("email", Action::Warn)
            .with("phone", Action::Off)
            .with("us_ssn", Action::Block),
        only(&["email", "employee"]).with("api_secret", Action::Warn),
        only(&["api_secret"]),
        only(&["aws_key", "us_ssn"]),
        only(&["phone"]),
        only(&["credit_card", "lazy", "ticket"]),
    ]
}
