//! The contract of [`Outbox`].

use workjet_tenant::{OperatorStore, Outbox, OutboxRecord, Tenant, TenantStore};

use crate::stage::{at, record, scope_of};

/// Checks an [`Outbox`] over an empty database, filled through documents of `tenants`.
///
/// # Panics
/// If the store breaks its contract; the message says how.
pub async fn outbox(outbox: &dyn Outbox, tenants: &dyn TenantStore, operator: &dyn OperatorStore) {
    let (here, there) = (scope_of("outbox-here"), scope_of("outbox-there"));
    for scope in [&here, &there] {
        let tenant = Tenant::new(scope.tenant().clone(), "Outbox", at(0));
        operator
            .create_tenant(&tenant, &record("created"))
            .await
            .expect("a new tenant must be accepted");
    }
    let change = |version: u64, text: &'static str| {
        let scope = here.clone();
        async move {
            let written = tenants
                .put_document(&scope, "doc", version, "{}", &OutboxRecord::new(text.to_owned()))
                .await;
            written.expect("the version is right");
        }
    };
    let pending = |after: u64, limit: usize| {
        let scope = here.clone();
        async move {
            outbox
                .pending(&scope, after, limit)
                .await
                .expect("the outbox must answer")
        }
    };
    let texts = |records: &[workjet_tenant::PendingRecord]| -> Vec<String> {
        records
            .iter()
            .map(|pending| pending.record.as_str().to_owned())
            .collect()
    };

    change(0, "{\"n\":\"one 'quoted' ü\"}").await;
    change(1, "{\"n\":2}").await;
    change(2, "{\"n\":3}").await;
    let all = pending(0, 100).await;
    let expected = [
        "{\"about\":\"created\"}",
        "{\"n\":\"one 'quoted' ü\"}",
        "{\"n\":2}",
        "{\"n\":3}",
    ];
    assert_eq!(
        texts(&all),
        expected,
        "records must come back byte for byte, oldest first"
    );
    assert!(
        all.is_sorted_by(|a, b| a.sequence < b.sequence),
        "the sequence must grow"
    );
    assert!(all[0].sequence > 0, "0 stands for \"before the first\"");

    assert_eq!(pending(0, 100).await, all, "listing must not consume");
    assert_eq!(
        pending(0, 2).await,
        all[..2],
        "no more than asked for, and the oldest first"
    );
    assert_eq!(
        pending(all[1].sequence, 100).await,
        all[2..],
        "only what comes after"
    );

    outbox
        .forget(&there, all[3].sequence)
        .await
        .expect("the outbox must answer");
    assert_eq!(
        pending(0, 100).await,
        all,
        "another tenant forgot this tenant's records"
    );
    outbox
        .forget(&here, all[1].sequence)
        .await
        .expect("the outbox must answer");
    assert_eq!(
        pending(0, 100).await,
        all[2..],
        "what is forgotten is gone, and only that"
    );
    outbox
        .forget(&here, all[3].sequence)
        .await
        .expect("the outbox must answer");
    assert_eq!(pending(0, 100).await, [], "what is forgotten is gone");

    change(3, "{\"n\":4}").await;
    let next = pending(0, 100).await;
    assert_eq!(texts(&next), ["{\"n\":4}"]);
    assert!(
        next[0].sequence > all[3].sequence,
        "a sequence must never be used twice, also after everything is gone"
    );
}
