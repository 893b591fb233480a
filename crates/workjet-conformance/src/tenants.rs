//! The contracts of [`TenantStore`] and [`OperatorStore`].

use futures_util::future::join_all;
use workjet_tenant::{Document, ErrorKind, OperatorStore, Outbox, Tenant, TenantStore};

use crate::stage::{at, record, scope_of};

/// Checks a [`TenantStore`] and an [`OperatorStore`] over the same empty database.
///
/// # Panics
/// If a store breaks its contract; the message says how.
pub async fn tenant_store(store: &dyn TenantStore, operator: &dyn OperatorStore, outbox: &dyn Outbox) {
    tenants_are_created_once(store, operator, outbox).await;
    tenants_are_disabled_and_enabled(store, operator, outbox).await;
    documents_change_by_compare_and_swap(store, outbox).await;
    documents_belong_to_one_tenant(store, outbox).await;
    parallel_writers_get_one_version_each(store).await;
}

async fn waiting(outbox: &dyn Outbox, tenant: &str) -> usize {
    outbox
        .pending(&scope_of(tenant), 0, 10_000)
        .await
        .expect("the outbox must answer")
        .len()
}

fn tenant(name: &str, title: &str) -> Tenant {
    Tenant::new(name.parse().expect("an id"), title, at(0))
}

async fn tenants_are_created_once(
    store: &dyn TenantStore,
    operator: &dyn OperatorStore,
    outbox: &dyn Outbox,
) {
    let acme = tenant("tenants-acme", "Acme 'ö' \"quoted\"");
    assert_eq!(
        store
            .tenant(&scope_of("tenants-acme"))
            .await
            .expect("the store must answer"),
        None
    );
    for new in [&acme, &tenant("tenants-other", "Other")] {
        operator
            .create_tenant(new, &record("created"))
            .await
            .expect("a new tenant must be accepted");
    }
    let twin = tenant("tenants-acme", "Twin");
    let error = operator
        .create_tenant(&twin, &record("created"))
        .await
        .expect_err("a twin must be refused");
    assert_eq!(
        error.kind(),
        ErrorKind::AlreadyExists,
        "the tenant exists already"
    );
    assert_eq!(
        waiting(outbox, "tenants-acme").await,
        1,
        "one creation must leave one record"
    );
    let stored = store
        .tenant(&scope_of("tenants-acme"))
        .await
        .expect("the store must answer");
    assert_eq!(
        stored.as_ref(),
        Some(&acme),
        "a tenant must come back as it was stored"
    );
    let all = operator.tenants().await.expect("the store must answer");
    assert!(all.contains(&acme), "the operator sees every tenant");
    assert!(
        all.is_sorted_by(|a, b| a.id < b.id),
        "tenants must be listed by id"
    );
}

async fn tenants_are_disabled_and_enabled(
    store: &dyn TenantStore,
    operator: &dyn OperatorStore,
    outbox: &dyn Outbox,
) {
    let scope = scope_of("tenants-acme");
    let before = waiting(outbox, "tenants-acme").await;
    for disabled in [true, false] {
        let known = operator
            .set_tenant_disabled(scope.tenant(), disabled, &record("switched"))
            .await;
        assert!(known.expect("the store must answer"), "the tenant exists");
        let stored = store
            .tenant(&scope)
            .await
            .expect("the store must answer")
            .expect("the tenant exists");
        assert_eq!(stored.disabled, disabled, "the switch must be seen at once");
    }
    assert_eq!(
        waiting(outbox, "tenants-acme").await,
        before + 2,
        "each switch must leave one record"
    );
    let nobody = "tenants-nobody".parse().expect("an id");
    let known = operator
        .set_tenant_disabled(&nobody, true, &record("switched"))
        .await;
    assert!(!known.expect("the store must answer"), "there is no such tenant");
    assert_eq!(
        waiting(outbox, "tenants-nobody").await,
        0,
        "nothing happened, so nothing must be recorded"
    );
}

async fn documents_change_by_compare_and_swap(store: &dyn TenantStore, outbox: &dyn Outbox) {
    let scope = scope_of("tenants-acme");
    let before = waiting(outbox, "tenants-acme").await;
    assert_eq!(
        store
            .document(&scope, "settings")
            .await
            .expect("the store must answer"),
        None
    );
    let put = |expected, json| async move {
        store
            .put_document(
                &scope_of("tenants-acme"),
                "settings",
                expected,
                json,
                &record("settings"),
            )
            .await
    };
    assert_eq!(
        put(0, "{\"a\":1}").await.expect("nothing was there"),
        1,
        "the first version is 1"
    );
    assert_eq!(
        put(1, "{\"a\":2}").await.expect("version 1 was there"),
        2,
        "the next version is 2"
    );
    for stale in [0, 1, 3] {
        let error = put(stale, "{}").await.expect_err("version 2 is there");
        assert_eq!(
            error.kind(),
            ErrorKind::Conflict,
            "expected version {stale}, there is 2"
        );
    }
    let stored = store
        .document(&scope, "settings")
        .await
        .expect("the store must answer");
    assert_eq!(
        stored,
        Some(Document {
            version: 2,
            json: "{\"a\":2}".to_owned()
        }),
        "the last good write stands"
    );
    let error = store
        .put_document(&scope, "absent", 1, "{}", &record("absent"))
        .await
        .expect_err("not there");
    assert_eq!(
        error.kind(),
        ErrorKind::Conflict,
        "an absent document has no version 1"
    );
    assert_eq!(
        waiting(outbox, "tenants-acme").await,
        before + 2,
        "a write that lost must leave no record"
    );
}

async fn documents_belong_to_one_tenant(store: &dyn TenantStore, outbox: &dyn Outbox) {
    let (here, there) = (scope_of("tenants-acme"), scope_of("tenants-other"));
    let before = waiting(outbox, "tenants-acme").await;
    let seen = store
        .document(&there, "settings")
        .await
        .expect("the store must answer");
    assert_eq!(
        seen, None,
        "another tenant's document must answer like an absent one"
    );
    let error = store
        .put_document(&there, "settings", 2, "{}", &record("theirs"))
        .await
        .expect_err("not theirs");
    assert_eq!(
        error.kind(),
        ErrorKind::Conflict,
        "another tenant's document must answer like an absent one"
    );
    store
        .put_document(&there, "settings", 0, "{\"theirs\":1}", &record("theirs"))
        .await
        .expect("their own");
    let stored = store
        .document(&here, "settings")
        .await
        .expect("the store must answer")
        .expect("it is there");
    assert_eq!(
        stored.json, "{\"a\":2}",
        "another tenant's write must not be seen here"
    );
    assert_eq!(
        waiting(outbox, "tenants-acme").await,
        before,
        "records go to the tenant that they are about"
    );
}

async fn parallel_writers_get_one_version_each(store: &dyn TenantStore) {
    let scope = scope_of("tenants-acme");
    let record = record("race");
    for round in 0..5 {
        let writes = (0..10).map(|_| store.put_document(&scope, "race", round, "{}", &record));
        let won = join_all(writes).await.into_iter().filter(Result::is_ok).count();
        assert_eq!(
            won, 1,
            "of writers that expect the same version exactly one must win"
        );
    }
    let stored = store
        .document(&scope, "race")
        .await
        .expect("the store must answer")
        .expect("it is there");
    assert_eq!(stored.version, 5, "each round adds one version");
}
