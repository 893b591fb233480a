//! Time, chance and detached work, as Workers have them.

use std::fmt;
use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use worker::send::SendFuture;
use worker::{Context, Date, Delay};
use workjet_gateway::{Clock, Entropy, Spawner, Task};

/// The runtime's clock, which stands still while a request computes and goes on with each wait.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

#[async_trait]
impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        let millis = i64::try_from(Date::now().as_millis()).unwrap_or(i64::MAX);
        Timestamp::from_millisecond(millis).unwrap_or(Timestamp::MAX)
    }

    async fn sleep(&self, duration: Duration) {
        SendFuture::new(Delay::from(duration)).await;
    }
}

/// Web Crypto's random bytes.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemEntropy;

impl Entropy for SystemEntropy {
    fn fill(&self, bytes: &mut [u8]) {
        // Without randomness there are no keys and no nonces: nothing that could go on.
        getrandom::fill(bytes).expect("Workers have Web Crypto");
    }
}

/// Work that the runtime finishes after the reply, or after the client has gone, for up to 30 seconds.
pub struct Detached(Context);

impl Detached {
    /// Work that belongs to the event which came with `context`.
    pub const fn new(context: Context) -> Self {
        Self(context)
    }
}

impl fmt::Debug for Detached {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Detached")
    }
}

impl Spawner for Detached {
    fn spawn(&self, task: Task) {
        self.0.wait_until(task);
    }
}
