//! The first screen of the documentation: `cargo run --example quick_start`.

use workjet_dlp::{Engine, Policy};

fn main() {
    let engine = Engine::standard();
    let redacted = engine.redact(
        "card 4111 1111 1111 1111, mail bob@example.com",
        &Policy::redact_all(),
    );
    println!("{}", redacted.text);
    assert_eq!(
        redacted.text,
        "card [REDACTED:credit_card], mail [REDACTED:email]"
    );
}
