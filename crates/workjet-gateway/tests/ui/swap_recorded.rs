//! What was recorded cannot be exchanged for something else.

use workjet_gateway::{ProviderCall, Recorded};

fn swap(mut recorded: Recorded<ProviderCall>, other: ProviderCall) {
    recorded.0 = other;
}

fn tamper(recorded: Recorded<ProviderCall>) {
    recorded.get().body = Default::default();
}

fn main() {}
