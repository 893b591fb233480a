//! A reply that was not scanned is not cleared for the client.

use workjet_gateway::Cleared;

fn release(reply: String) -> Cleared<String> {
    Cleared(reply)
}

fn release_by_conversion(reply: String) -> Cleared<String> {
    reply.into()
}

fn main() {}
