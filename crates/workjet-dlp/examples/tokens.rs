//! A model works with tokens, and the answer has the values again: `cargo run --example tokens`.
//!
//! Here the "model" repeats what it was sent, a few bytes at a time, adds an address of its own and makes up a token.

use workjet_dlp::{Action, Engine, Policy, Vault};

fn main() {
    let engine = Engine::standard();
    let to_model = Policy::redact_all()
        .with("email", Action::Tokenize)
        .with("phone", Action::Tokenize);

    // A real program takes 32 bytes from the operating system, new ones for every request.
    let mut vault = Vault::new([7; 32]);
    let prompt = "Invite bob@example.com, or call 212-555-0123. My card is 4111 1111 1111 1111.";
    let sent = engine.tokenize(prompt, &to_model, &mut vault);
    println!("the model reads:   {}", sent.text);

    let said = format!(
        "You said: {} - ask ann@example.com about [EMAIL:000000], too.",
        sent.text
    );
    let mut scanner = engine.scanner(&Policy::redact_all());
    let mut restorer = vault.restorer();
    let (mut scanned, mut answer) = (String::new(), String::new());
    for piece in said.as_bytes().chunks(7) {
        // Scan first, restore then: what was restored is not scanned again.
        let piece = std::str::from_utf8(piece).expect("the text is ASCII");
        assert!(scanner.push(piece, &mut scanned).blocked().is_none());
        restorer.push(&scanned, &mut answer);
        scanned.clear();
    }
    assert!(scanner.finish(&mut scanned).blocked().is_none());
    restorer.push(&scanned, &mut answer);
    restorer.finish(&mut answer);

    println!("the caller reads:  {answer}");
    assert_eq!(
        answer,
        "You said: Invite bob@example.com, or call 212-555-0123. My card is [REDACTED:credit_card]. - \
         ask [REDACTED:email] about [EMAIL:000000], too."
    );
}
