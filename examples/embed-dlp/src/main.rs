//! A support desk that shows its tickets to a language model, without what the model need not know.
//!
//! `cargo run -p embed-dlp` prints what was found in a ticket, the ticket as the model sees it, and a reply as it streams.

use workjet_dlp::{Action, CustomPattern, Engine, Error, Flow, Policy, Preset};

const TICKET: &str = "\
Hello, this is Ann (ann@example.com, 212-555-0123), customer CUST-00471.
I was charged twice on 4111 1111 1111 1111. My password is Tr0ub4dor&3, please look.";

fn main() -> Result<(), Error> {
    let engine = Engine::builder()
        .preset(Preset::Standard)
        .custom(CustomPattern::new("customer_id", r"\bCUST-[0-9]{5}\b")?)
        .build()?;

    println!("found:");
    for hit in engine.find_iter(TICKET) {
        println!("  {:<12} bytes {:?}", hit.detector(), hit.span());
    }
    let names: Vec<String> = engine
        .find_iter(TICKET)
        .map(|hit| hit.detector().to_string())
        .collect();
    assert_eq!(
        names,
        ["email", "phone", "customer_id", "credit_card", "api_secret"]
    );

    // The model may know the customer's number; it needs it to look things up.
    let to_model = Policy::redact_all().with("customer_id", Action::Warn);
    let prompt = engine.redact(TICKET, &to_model);
    println!("\nto the model:\n{}", prompt.text);
    assert!(prompt.text.contains("CUST-00471") && !prompt.text.contains("4111"));

    // Replies are another policy: a card number in one means that something is wrong.
    let to_reader = Policy::redact_all().with("credit_card", Action::Block);
    let reply = [
        "Dear ann@exam",
        "ple.com, about CUS",
        "T-00471: the card 4111",
        "-1111-1111-1111 was charged",
    ];
    println!("\nto the reader:");
    let (shown, stopped) = stream(&engine, &to_reader, &reply);
    assert_eq!(
        shown,
        "Dear [REDACTED:email], about [REDACTED:customer_id]: the card "
    );
    assert!(stopped, "the card number blocks the rest");
    Ok(())
}

/// Prints each piece as soon as it may be shown. Returns what was shown and whether the policy stopped it.
fn stream(engine: &Engine, policy: &Policy, chunks: &[&str]) -> (String, bool) {
    let mut scanner = engine.scanner(policy);
    let mut shown = String::new();
    for chunk in chunks {
        let before = shown.len();
        let flow = scanner.push(chunk, &mut shown);
        println!("  {chunk:<24} -> {}", &shown[before..]);
        if let Flow::Blocked(finding) = flow {
            println!("  stopped: {} at {:?}", finding.detector(), finding.span());
            return (shown, true);
        }
    }
    let stopped = matches!(scanner.finish(&mut shown), Flow::Blocked(_));
    (shown, stopped)
}
