//! Names for requests and log entries, made here alone: a prefix, the time in milliseconds and 80 random bits, both in
//! hex. They sort by time.

use jiff::Timestamp;
use workjet_tenant::RequestId;

use crate::Host;
use crate::host::Entropy;

/// A new name for a request: `req_…`.
pub(crate) fn request_id(host: &Host) -> RequestId {
    name("req", &*host.entropy, host.clock.now())
        .parse()
        .expect("lower-case hex is a valid id")
}

/// A new name for a log entry that belongs to no request: `ent_…`. Entries about a request are named after it.
pub fn entry_id(entropy: &dyn Entropy, now: Timestamp) -> String {
    name("ent", entropy, now)
}

fn name(prefix: &str, entropy: &dyn Entropy, now: Timestamp) -> String {
    let mut random = [0; 10];
    entropy.fill(&mut random);
    format!("{prefix}_{:012x}{}", now.as_millisecond(), hex::encode(random))
}
