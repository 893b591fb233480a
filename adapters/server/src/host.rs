//! What a process brings to the pipeline: the system's clock and randomness, tokio's tasks, threads for passwords.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use tokio::sync::{Semaphore, mpsc};
use workjet_auth::{Password, PasswordHash, dummy_hash};
use workjet_gateway::{Clock, Entropy, PasswordHasher, Spawner, Task};
use workjet_tenant::StoreError;

/// The system's clock, and tokio's timer.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

#[async_trait]
impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        Timestamp::now()
    }

    async fn sleep(&self, duration: Duration) {
        tokio::time::sleep(duration).await;
    }
}

/// The operating system's random source.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemEntropy;

impl Entropy for SystemEntropy {
    fn fill(&self, bytes: &mut [u8]) {
        // Without randomness there are no keys and no nonces: nothing that could go on.
        getrandom::fill(bytes).expect("the operating system has a random source");
    }
}

/// Tasks that a shutdown can wait for.
#[derive(Debug)]
pub(crate) struct Tasks {
    // Each task holds a clone, so the channel closes when the last one has ended.
    alive: mpsc::WeakSender<()>,
    closed: tokio::sync::Mutex<(Option<mpsc::Sender<()>>, mpsc::Receiver<()>)>,
}

impl Tasks {
    pub(crate) fn new() -> Self {
        let (sender, receiver) = mpsc::channel(1);
        Self {
            alive: sender.downgrade(),
            closed: tokio::sync::Mutex::new((Some(sender), receiver)),
        }
    }

    /// Waits until every task has ended. Those that are spawned meanwhile by others are waited for as well.
    pub(crate) async fn finished(&self) {
        let mut closed = self.closed.lock().await;
        closed.0 = None;
        // Nothing is ever sent.
        let _ = closed.1.recv().await;
    }
}

impl Spawner for Tasks {
    fn spawn(&self, task: Task) {
        // None after a shutdown has waited for the last task; what comes then runs as long as the process does.
        let alive = self.alive.upgrade();
        tokio::spawn(async move {
            task.await;
            drop(alive);
        });
    }

    fn compute(&self, work: Box<dyn FnOnce() + Send>) {
        tokio::task::spawn_blocking(work);
    }
}

/// Argon2 on threads of their own, few at a time: each takes 19 MiB, and a flood of logins shall not take them all.
#[derive(Debug, Clone)]
pub struct Passwords {
    permits: Arc<Semaphore>,
}

impl Default for Passwords {
    fn default() -> Self {
        let threads = std::thread::available_parallelism().map_or(1, usize::from);
        Self {
            permits: Arc::new(Semaphore::new(threads.max(2))),
        }
    }
}

impl Passwords {
    async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, StoreError> {
        let permit = self
            .permits
            .clone()
            .acquire_owned()
            .await
            .expect("the semaphore is never closed");
        tokio::task::spawn_blocking(move || {
            let _permit = permit;
            work()
        })
        .await
        .map_err(|_| StoreError::unavailable("hashing a password failed: is there enough memory?"))
    }
}

#[async_trait]
impl PasswordHasher for Passwords {
    async fn hash(&self, password: Password) -> Result<PasswordHash, StoreError> {
        let mut salt = [0; 16];
        SystemEntropy.fill(&mut salt);
        self.run(move || workjet_auth::hash(&password, salt)).await
    }

    async fn verify(&self, password: Password, hash: Option<PasswordHash>) -> Result<bool, StoreError> {
        self.run(move || {
            let known = hash.is_some();
            workjet_auth::verify(&password, &hash.unwrap_or_else(dummy_hash)) && known
        })
        .await
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, Ordering};

    use super::*;

    #[tokio::test]
    async fn shutdown_waits_for_a_task_and_for_the_task_that_it_spawns() {
        let tasks = Arc::new(Tasks::new());
        let done = Arc::new(AtomicBool::new(false));
        let (spawner, flag) = (tasks.clone(), done.clone());
        tasks.spawn(Box::pin(async move {
            tokio::task::yield_now().await;
            spawner.spawn(Box::pin(async move {
                tokio::time::sleep(Duration::from_millis(20)).await;
                flag.store(true, Ordering::SeqCst);
            }));
        }));
        tasks.finished().await;
        assert!(done.load(Ordering::SeqCst));
    }

    #[tokio::test]
    async fn nobody_is_let_in_on_the_dummy_hash() {
        let passwords = Passwords::default();
        let attempt = || Password::attempt("correct horse battery".into());
        let hash = passwords.hash(attempt()).await.expect("a hash");
        assert!(passwords.verify(attempt(), Some(hash)).await.expect("an answer"));
        assert!(!passwords.verify(attempt(), None).await.expect("an answer"));
    }
}
