//! Workjet with a store of your own: write it, let `workjet-conformance` judge it, hand it to the gateway.

mod rates;

use std::error::Error;
use std::num::NonZeroU64;
use std::time::Duration;

use futures_util::FutureExt;
use jiff::Timestamp;
use workjet_auth::Operator;
use workjet_tenant::{Charge, Decision, LimitKey, Quota, RateStore};

fn main() -> Result<(), Box<dyn Error>> {
    // A map answers at once, so one poll is enough.
    story().now_or_never().expect("nothing here waits")
}

async fn story() -> Result<(), Box<dyn Error>> {
    let rates = rates::MyRates::default();
    let scope = Operator::dangerously_claim().scope(&"acme".parse()?);
    let now = Timestamp::from_second(1_800_000_000)?;
    let burst = NonZeroU64::new(3).ok_or("not zero")?;
    let quota = Quota {
        limit: burst,
        per: Duration::from_secs(60),
        burst,
    };
    let charge = Charge {
        key: LimitKey::user_requests(&"ada".parse()?),
        quota,
        amount: 1,
    };

    let mut admitted = 0;
    for number in 0..5 {
        let id = format!("request-{number}").parse()?;
        let ttl = Duration::from_secs(300);
        match rates
            .reserve(&scope, &id, std::slice::from_ref(&charge), now, ttl)
            .await?
        {
            Decision::Allow(standings) => {
                admitted += 1;
                println!("{id}: admitted, {} left", standings[0].remaining);
            }
            Decision::Deny { retry_after, .. } => println!("{id}: denied, try again after {retry_after:?}"),
        }
    }
    assert_eq!(admitted, 3, "exactly the burst passes at once");
    Ok(())
}
