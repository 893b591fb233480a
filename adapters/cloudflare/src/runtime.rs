//! Time, chance and detached work, as Workers have them.

use std::fmt;
use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use worker::send::SendFuture;
use worker::{Context, Date, Delay};
use workjet_gateway::{Clock, Entropy, Spawner, Task};

/// What one event brings. Belongs to that event alone.
pub(crate) struct Runtime {
    context: Context,
}

impl Runtime {
    /// The runtime of the event that `context` came with.
    pub(crate) const fn new(context: Context) -> Self {
        Self { context }
    }
}

impl fmt::Debug for Runtime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Runtime").finish_non_exhaustive()
    }
}

impl Spawner for Runtime {
    fn spawn(&self, task: Task) {
        self.context.wait_until(task);
    }
}

#[async_trait]
impl Clock for Runtime {
    fn now(&self) -> Timestamp {
        let millis = i64::try_from(Date::now().as_millis()).unwrap_or(i64::MAX);
        Timestamp::from_millisecond(millis).unwrap_or(Timestamp::MAX)
    }

    async fn sleep(&self, duration: Duration) {
        SendFuture::new(Delay::from(duration)).await;
    }
}

impl Entropy for Runtime {
    fn fill(&self, bytes: &mut [u8]) {
        getrandom::fill(bytes).expect("Workers have Web Crypto");
    }
}
