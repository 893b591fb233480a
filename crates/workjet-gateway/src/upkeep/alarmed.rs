//! One tenant's log in an object that sleeps between requests, and has one alarm to be woken by.

use std::fmt;

use async_trait::async_trait;
use futures_util::lock::Mutex;
use jiff::Timestamp;
use workjet_audit::{LogStore, remote};
use workjet_tenant::{Scope, StoreError};

use super::Upkeep;
use crate::time::later;

/// The alarm of an object, which rings also when the object was evicted since.
///
/// # Contract
/// It rings once, at its time or soon after, and again later if what it set off failed. While it rings it is not set.
#[async_trait]
pub trait Alarm: Send + Sync {
    /// Whether it is set.
    async fn is_set(&self) -> Result<bool, StoreError>;

    /// Sets it, in the place of an earlier time.
    async fn set(&self, at: Timestamp) -> Result<(), StoreError>;
}

/// A log that is written in one object for callers elsewhere, and whose open intents are closed by that object's alarm.
///
/// No reply leaves before an alarm is set that rings no later than when what was logged is overdue, whenever the object ends
/// and whatever else it does meanwhile.
pub struct AlarmedLog<S, A> {
    upkeep: Upkeep<S>,
    alarm: A,
    /// Whether the alarm is known to be set and has not rung since.
    is_set: Mutex<bool>,
}

impl<S, A> fmt::Debug for AlarmedLog<S, A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AlarmedLog").finish_non_exhaustive()
    }
}

impl<S: LogStore, A: Alarm> AlarmedLog<S, A> {
    /// The log that `upkeep` is about, whose callers are remote.
    pub fn new(upkeep: Upkeep<S>, alarm: A) -> Self {
        Self {
            upkeep,
            alarm,
            is_set: Mutex::new(false),
        }
    }

    /// Answers a request of a [`RemoteSink`](remote::RemoteSink).
    ///
    /// # Errors
    /// If the alarm cannot be set. The request may have been done.
    pub async fn answer(&self, scope: &Scope, request: &[u8], now: Timestamp) -> Result<Vec<u8>, StoreError> {
        // Set only afterwards, an alarm would be lost with an object that ends in between.
        self.wind(now).await?;
        let reply = remote::serve(self.upkeep.log(), scope, request).await;
        // It may have rung in between, and not have seen what was written.
        self.wind(now).await?;
        Ok(reply)
    }

    /// Does what is due when the alarm rings, and sets it for the next time if there is one.
    ///
    /// # Errors
    /// If the alarm cannot be set.
    pub async fn ring(&self, scope: &Scope, now: Timestamp) -> Result<(), StoreError> {
        *self.is_set.lock().await = false;
        match self.upkeep.tend(scope, now).await {
            Some(next) => self.alarm.set(next).await,
            None => Ok(()),
        }
    }

    async fn wind(&self, now: Timestamp) -> Result<(), StoreError> {
        let mut is_set = self.is_set.lock().await;
        if !*is_set {
            if !self.alarm.is_set().await? {
                // Nothing that is logged from now on is overdue earlier.
                self.alarm.set(later(now, self.upkeep.deadline())).await?;
            }
            *is_set = true;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex as StdMutex};

    use workjet_audit::remote::{LogTransport, RemoteSink};
    use workjet_audit::{AuditSink, Log, MemoryLogStore};
    use workjet_auth::Operator;

    use super::super::tests::{Home, at, intent, outcome};
    use super::*;

    /// An alarm that a test lets ring; it stays when the object ends.
    #[derive(Clone, Default)]
    struct Hand(Arc<StdMutex<Option<Timestamp>>>);

    impl Hand {
        fn time(&self) -> Option<Timestamp> {
            *self.0.lock().expect("no panic")
        }

        /// It rings, and is not set from now on.
        fn take(&self) -> Timestamp {
            self.0.lock().expect("no panic").take().expect("it is set")
        }
    }

    #[async_trait]
    impl Alarm for Hand {
        async fn is_set(&self) -> Result<bool, StoreError> {
            Ok(self.time().is_some())
        }

        async fn set(&self, at: Timestamp) -> Result<(), StoreError> {
            *self.0.lock().expect("no panic") = Some(at);
            Ok(())
        }
    }

    type Object = Arc<AlarmedLog<MemoryLogStore, Hand>>;

    /// Leads to the object at a certain time.
    struct Wire {
        object: Object,
        now: Timestamp,
    }

    #[async_trait]
    impl LogTransport for Wire {
        async fn call(&self, scope: &Scope, request: Vec<u8>) -> Result<Vec<u8>, StoreError> {
            self.object.answer(scope, &request, self.now).await
        }
    }

    fn wake(home: &Home, hand: &Hand) -> Object {
        Arc::new(AlarmedLog::new(home.wake(), hand.clone()))
    }

    fn sink(object: &Object, seconds: i64) -> RemoteSink<Wire> {
        RemoteSink::new(Wire {
            object: object.clone(),
            now: at(seconds),
        })
    }

    #[tokio::test]
    async fn alarm_rings_when_the_oldest_intent_is_overdue_and_rests_when_none_is_open() {
        let (home, hand) = (Home::new().await, Hand::default());
        let scope = &home.scope;
        let append = async |object: &Object, seconds: i64, entry| {
            sink(object, seconds)
                .append(scope, entry)
                .await
                .expect("is logged");
        };
        let object = wake(&home, &hand);
        append(&object, 0, intent("r-1", at(0))).await;
        append(&object, 10, intent("r-2", at(10))).await;
        append(&object, 20, outcome("r-1", at(20))).await;
        assert_eq!(hand.time(), Some(at(980)));

        // Evicted and woken by the alarm, and once more by a request.
        let object = wake(&home, &hand);
        object.ring(scope, hand.take()).await.expect("set");
        assert_eq!(hand.time(), Some(at(990)));
        let object = wake(&home, &hand);
        append(&object, 985, intent("r-3", at(985))).await;
        assert_eq!(hand.time(), Some(at(990)), "the earlier time stays");
        object.ring(scope, hand.take()).await.expect("set");
        assert_eq!(hand.time(), Some(at(1965)));
        append(&object, 1000, outcome("r-3", at(1000))).await;
        object.ring(scope, hand.take()).await.expect("set");
        assert_eq!(hand.time(), None);
        assert_eq!(
            home.ids().await[1..],
            [
                "r-1-intent",
                "r-2-intent",
                "r-1-outcome",
                "r-3-intent",
                "r-2-unknown",
                "r-3-outcome"
            ]
        );
    }

    #[tokio::test]
    async fn alarm_is_set_before_anything_is_logged() {
        let (home, hand) = (Home::new().await, Hand::default());
        let object = wake(&home, &hand);
        // The object ends in the middle.
        home.store.fail_at(0, workjet_audit::Fault::Before);
        let failed = sink(&object, 0).append(&home.scope, intent("r-1", at(0))).await;
        assert!(failed.is_err());
        assert_eq!(hand.time(), Some(at(980)));
    }

    #[tokio::test]
    async fn alarm_that_found_nothing_open_is_set_again_by_the_next_request() {
        let (home, hand) = (Home::new().await, Hand::default());
        let object = wake(&home, &hand);
        sink(&object, 0).checkpoint(&home.scope).await.expect("an answer");
        object.ring(&home.scope, hand.take()).await.expect("set");
        assert_eq!(hand.time(), None);
        sink(&object, 981)
            .append(&home.scope, intent("r-1", at(981)))
            .await
            .expect("is logged");
        assert_eq!(hand.time(), Some(at(1961)));
    }

    #[tokio::test]
    async fn no_reply_leaves_without_an_alarm() {
        struct Broken;

        #[async_trait]
        impl Alarm for Broken {
            async fn is_set(&self) -> Result<bool, StoreError> {
                Ok(false)
            }

            async fn set(&self, _: Timestamp) -> Result<(), StoreError> {
                Err(StoreError::unavailable("no alarm"))
            }
        }

        let home = Home::new().await;
        let object = AlarmedLog::new(home.wake(), Broken);
        let answer = object.answer(&home.scope, b"anything", at(0)).await;
        assert!(answer.is_err());
        let log = Log::new(home.store.clone());
        let scope = Operator::dangerously_claim().system_scope(home.scope.tenant());
        assert_eq!(log.checkpoint(&scope).await.expect("an answer").size, 0);
    }
}
