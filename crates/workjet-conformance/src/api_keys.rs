//! The contract of [`ApiKeyStore`].

use futures_util::future::join_all;
use workjet_auth::{ApiKey, ApiKeyStore, NewKey, StoredKey};
use workjet_tenant::{ErrorKind, KeyId, Role, Scope};

use crate::stage::{Home, Stage, at, record};

/// Checks an [`ApiKeyStore`] over an empty database.
///
/// # Panics
/// If the store breaks its contract; the message says how.
pub async fn api_key_store(stage: &Stage<'_>, store: &dyn ApiKeyStore) {
    let here = stage.home("keys-here").await;
    let there = stage.home("keys-there").await;

    created_key_is_found_by_its_hash(store, &here).await;
    nothing_is_created_over_something(stage, store, &here).await;
    key_of_a_foreign_or_absent_user_is_not_created(stage, store, &here, &there).await;
    role_and_state_are_those_of_now(stage, store, &here).await;
    revoking_counts_once(stage, store, &here).await;
    rotation_makes_both_changes_or_none(stage, store, &here).await;
    last_use_only_grows(store, &here).await;
    foreign_keys_are_like_absent_ones(stage, store, &here, &there).await;
    parallel_revocations_record_one(stage, store, &here).await;
}

fn key(number: u8) -> ApiKey {
    ApiKey::generate(
        "test",
        &format!("key{number:05}").parse().expect("an id"),
        [number; 32],
    )
}

fn new_key(number: u8, home: &Home) -> NewKey {
    let key = key(number);
    NewKey {
        id: key.id().clone(),
        user: home.user.clone(),
        name: "a name with \"quotes\", 'more' and ünïcödé".to_owned(),
        hash: key.hash(),
        created: at(10),
        expires: None,
    }
}

async fn add(store: &dyn ApiKeyStore, home: &Home, number: u8) -> KeyId {
    let new = new_key(number, home);
    store
        .create(&home.scope, &new, &record("key"))
        .await
        .expect("a new key must be accepted");
    new.id
}

async fn find(store: &dyn ApiKeyStore, number: u8) -> Option<StoredKey> {
    store
        .find_by_hash(&key(number).hash())
        .await
        .expect("the store must answer")
}

async fn found(store: &dyn ApiKeyStore, number: u8) -> StoredKey {
    find(store, number)
        .await
        .expect("the key was created and must be found")
}

async fn created_key_is_found_by_its_hash(store: &dyn ApiKeyStore, here: &Home) {
    assert_eq!(
        find(store, 1).await,
        None,
        "a key that was never created was found"
    );
    let new = NewKey {
        expires: Some(at(500)),
        ..new_key(1, here)
    };
    store
        .create(&here.scope, &new, &record("key"))
        .await
        .expect("a new key must be accepted");
    let stored = found(store, 1).await;
    let expected = StoredKey {
        id: new.id,
        tenant: here.scope.tenant().clone(),
        user: new.user,
        role: Role::Member,
        name: new.name,
        hash: new.hash,
        created: new.created,
        expires: new.expires,
        revoked: None,
        last_used: None,
        owner_disabled: false,
        tenant_disabled: false,
    };
    assert_eq!(stored, expected, "a key must come back as it was stored");
    assert_eq!(
        list(store, &here.scope).await,
        [expected],
        "the list must show it the same"
    );
    assert!(stored.verify(&key(1), at(20)).is_ok(), "a stored key must verify");
}

async fn list(store: &dyn ApiKeyStore, scope: &Scope) -> Vec<StoredKey> {
    store.list(scope).await.expect("the store must answer")
}

async fn nothing_is_created_over_something(stage: &Stage<'_>, store: &dyn ApiKeyStore, here: &Home) {
    add(store, here, 2).await;
    let before = stage.waiting(&here.scope).await;
    let same_id = NewKey {
        hash: key(3).hash(),
        ..new_key(2, here)
    };
    let same_hash = NewKey {
        id: key(3).id().clone(),
        ..new_key(2, here)
    };
    for (what, twin) in [("id", same_id), ("hash", same_hash)] {
        let error = store
            .create(&here.scope, &twin, &record("twin"))
            .await
            .expect_err("a twin must be refused");
        assert_eq!(
            error.kind(),
            ErrorKind::AlreadyExists,
            "a key with a taken {what} exists already"
        );
    }
    assert_eq!(
        found(store, 2).await.id,
        *key(2).id(),
        "the first key must be unchanged"
    );
    assert_eq!(
        stage.waiting(&here.scope).await,
        before,
        "what was refused must not be recorded"
    );
}

async fn key_of_a_foreign_or_absent_user_is_not_created(
    stage: &Stage<'_>,
    store: &dyn ApiKeyStore,
    here: &Home,
    there: &Home,
) {
    let before = stage.waiting(&here.scope).await;
    for user in [there.user.clone(), "nobody".parse().expect("an id")] {
        let stray = NewKey {
            user,
            ..new_key(4, here)
        };
        let error = store
            .create(&here.scope, &stray, &record("stray"))
            .await
            .expect_err("a key needs a user");
        assert_eq!(
            error.kind(),
            ErrorKind::NotFound,
            "a foreign user must answer like an absent one"
        );
    }
    assert_eq!(find(store, 4).await, None, "a refused key must not be there");
    assert_eq!(
        stage.waiting(&here.scope).await,
        before,
        "what was refused must not be recorded"
    );
}

async fn role_and_state_are_those_of_now(stage: &Stage<'_>, store: &dyn ApiKeyStore, here: &Home) {
    add(store, here, 5).await;
    let (scope, user) = (&here.scope, &here.user);
    let changed = stage
        .users
        .set_role(scope, user, Role::Admin, at(30), &record("role"))
        .await;
    assert!(changed.expect("the store must answer"));
    assert_eq!(
        found(store, 5).await.role,
        Role::Admin,
        "a key has the role its user has now"
    );
    let changed = stage
        .users
        .set_disabled(scope, user, true, at(31), &record("disabled"))
        .await;
    assert!(changed.expect("the store must answer"));
    assert!(
        found(store, 5).await.owner_disabled,
        "a disabled user's keys must say so at once"
    );
    let tenant = scope.tenant();
    let changed = stage
        .operator
        .set_tenant_disabled(tenant, true, &record("tenant"))
        .await;
    assert!(changed.expect("the store must answer"));
    assert!(
        found(store, 5).await.tenant_disabled,
        "a disabled tenant's keys must say so at once"
    );
    stage
        .operator
        .set_tenant_disabled(tenant, false, &record("tenant"))
        .await
        .expect("the store must answer");
    stage
        .users
        .set_disabled(scope, user, false, at(32), &record("enabled"))
        .await
        .expect("the store must answer");
    let back = found(store, 5).await;
    assert!(
        !back.owner_disabled && !back.tenant_disabled,
        "enabled again means enabled at once"
    );
}

async fn revoking_counts_once(stage: &Stage<'_>, store: &dyn ApiKeyStore, here: &Home) {
    let id = add(store, here, 6).await;
    let before = stage.waiting(&here.scope).await;
    let revoke = |seconds| async move {
        store
            .revoke(&here.scope, key(6).id(), at(seconds), &record("revoked"))
            .await
            .expect("the store must answer")
    };
    assert!(revoke(40).await, "an active key can be revoked");
    assert!(!revoke(50).await, "a revoked key cannot be revoked again");
    assert_eq!(
        found(store, 6).await.revoked,
        Some(at(40)),
        "the first revocation stands"
    );
    assert!(
        list(store, &here.scope).await.iter().any(|key| key.id == id),
        "a revoked key stays in the list"
    );
    let absent = "absent00".parse().expect("an id");
    let outcome = store
        .revoke(&here.scope, &absent, at(50), &record("revoked"))
        .await;
    assert!(
        !outcome.expect("the store must answer"),
        "an absent key cannot be revoked"
    );
    assert_eq!(
        stage.waiting(&here.scope).await,
        before + 1,
        "one revocation must leave one record"
    );
}

async fn rotation_makes_both_changes_or_none(stage: &Stage<'_>, store: &dyn ApiKeyStore, here: &Home) {
    let old = add(store, here, 7).await;
    let before = stage.waiting(&here.scope).await;
    let rotate = |old: KeyId, end, number| async move {
        store
            .rotate(
                &here.scope,
                &old,
                at(end),
                &new_key(number, here),
                &record("rotated"),
            )
            .await
    };
    assert!(
        rotate(old.clone(), 600, 8).await.expect("the store must answer"),
        "an active key can be rotated"
    );
    assert_eq!(
        found(store, 7).await.expires,
        Some(at(600)),
        "the old key must end when the overlap does"
    );
    assert_eq!(found(store, 8).await.expires, None, "the new key must be there");
    assert!(
        rotate(old.clone(), 900, 9).await.expect("the store must answer"),
        "a key in its overlap is active"
    );
    assert_eq!(
        found(store, 7).await.expires,
        Some(at(600)),
        "no rotation may prolong a key"
    );
    assert_eq!(
        stage.waiting(&here.scope).await,
        before + 2,
        "each rotation must leave one record"
    );

    let error = rotate(old, 300, 8).await.expect_err("the new key's id is taken");
    assert_eq!(
        error.kind(),
        ErrorKind::AlreadyExists,
        "a taken id exists already"
    );
    assert_eq!(
        found(store, 7).await.expires,
        Some(at(600)),
        "a rotation that fails must leave the old key alone"
    );
    let revoked = key(6).id().clone();
    for dead in [revoked, "absent00".parse().expect("an id")] {
        assert!(
            !rotate(dead, 600, 10).await.expect("the store must answer"),
            "only an active key can be rotated"
        );
    }
    assert_eq!(
        find(store, 10).await,
        None,
        "a rotation that did not happen must leave no new key"
    );
    assert_eq!(
        stage.waiting(&here.scope).await,
        before + 2,
        "a rotation that did not happen must leave no record"
    );
}

async fn last_use_only_grows(store: &dyn ApiKeyStore, here: &Home) {
    let (one, two) = (add(store, here, 11).await, add(store, here, 12).await);
    let absent: KeyId = "absent00".parse().expect("an id");
    let used = [
        (one.clone(), at(70)),
        (absent, at(70)),
        (two, at(71)),
        (one.clone(), at(69)),
    ];
    store
        .touch(&here.scope, &used)
        .await
        .expect("unknown keys must be ignored");
    store
        .touch(&here.scope, &[(one, at(60))])
        .await
        .expect("the store must answer");
    store
        .touch(&here.scope, &[])
        .await
        .expect("nothing to note is fine");
    assert_eq!(
        found(store, 11).await.last_used,
        Some(at(70)),
        "an earlier use must not replace a later one"
    );
    assert_eq!(
        found(store, 12).await.last_used,
        Some(at(71)),
        "every key in the batch must be noted"
    );
}

async fn foreign_keys_are_like_absent_ones(
    stage: &Stage<'_>,
    store: &dyn ApiKeyStore,
    here: &Home,
    there: &Home,
) {
    let id = add(store, here, 13).await;
    let before = (
        stage.waiting(&here.scope).await,
        stage.waiting(&there.scope).await,
    );
    let stored = found(store, 13).await;
    assert_eq!(
        list(store, &there.scope).await,
        [],
        "another tenant's keys must not be listed"
    );
    let revoked = store
        .revoke(&there.scope, &id, at(80), &record("revoked"))
        .await
        .expect("the store must answer");
    assert!(!revoked, "another tenant revoked this tenant's key");
    let new = new_key(14, there);
    let rotated = store
        .rotate(&there.scope, &id, at(80), &new, &record("rotated"))
        .await;
    assert!(
        !rotated.expect("the store must answer"),
        "another tenant rotated this tenant's key"
    );
    store
        .touch(&there.scope, &[(id, at(80))])
        .await
        .expect("the store must answer");
    assert_eq!(
        found(store, 13).await,
        stored,
        "another tenant changed this tenant's key"
    );
    let after = (
        stage.waiting(&here.scope).await,
        stage.waiting(&there.scope).await,
    );
    assert_eq!(before, after, "nothing happened, so nothing must be recorded");
}

async fn parallel_revocations_record_one(stage: &Stage<'_>, store: &dyn ApiKeyStore, here: &Home) {
    let id = add(store, here, 15).await;
    let before = stage.waiting(&here.scope).await;
    let record = record("revoked");
    let outcomes = join_all((0..10).map(|_| store.revoke(&here.scope, &id, at(90), &record))).await;
    let won = outcomes
        .into_iter()
        .filter(|outcome| *outcome.as_ref().expect("the store must answer"))
        .count();
    assert_eq!(won, 1, "of parallel revocations exactly one must count");
    assert_eq!(
        stage.waiting(&here.scope).await,
        before + 1,
        "parallel revocations must leave one record"
    );
}
