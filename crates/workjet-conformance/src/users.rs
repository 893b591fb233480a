//! The contract of [`UserStore`].

use workjet_auth::{LoginName, LoginRecord, PasswordHash, User, UserStore};
use workjet_tenant::{ErrorKind, Role, UserId};

use crate::stage::{Home, Stage, at, record};

/// Checks a [`UserStore`] over an empty database. That changes of privilege end sessions is checked by
/// [`session_store`](crate::session_store).
///
/// # Panics
/// If the store breaks its contract; the message says how.
pub async fn user_store(stage: &Stage<'_>, store: &dyn UserStore) {
    let here = stage.home("users-here").await;
    let there = stage.home("users-there").await;

    created_user_is_found(stage, store, &here).await;
    nothing_is_created_over_something(stage, store, &here, &there).await;
    user_is_created_in_the_scopes_tenant_alone(stage, store, &here, &there).await;
    changes_are_seen_and_recorded(stage, store, &here).await;
    foreign_users_are_like_absent_ones(stage, store, &here, &there).await;
    login_knows_of_a_disabled_tenant(stage, store, &there).await;
}

fn hash(number: u8) -> PasswordHash {
    let text = format!("$argon2id$v=19$m=19456,t=2,p=1$c2FsdHNhbHQ$aGFzaGhhc2{number}");
    PasswordHash::parse(text).expect("a PHC string")
}

fn login(name: &str) -> LoginName {
    format!("{name}@example.com").parse().expect("an address")
}

fn user(name: &str, home: &Home) -> User {
    User {
        id: name.parse().expect("an id"),
        tenant: home.scope.tenant().clone(),
        login: login(name),
        role: Role::Auditor,
        disabled: false,
        created: at(10),
    }
}

async fn created_user_is_found(stage: &Stage<'_>, store: &dyn UserStore, here: &Home) {
    assert_eq!(
        store
            .find_by_login(&login("ada"))
            .await
            .expect("the store must answer"),
        None
    );
    let before = stage.waiting(&here.scope).await;
    let ada = user("ada", here);
    store
        .create(&here.scope, &ada, Some(&hash(1)), &record("ada"))
        .await
        .expect("a new user must be accepted");
    assert_eq!(
        stage.waiting(&here.scope).await,
        before + 1,
        "a new user must leave one record"
    );

    let stored = store
        .user(&here.scope, &ada.id)
        .await
        .expect("the store must answer");
    assert_eq!(
        stored.as_ref(),
        Some(&ada),
        "a user must come back as they were stored"
    );
    let list = store.list(&here.scope).await.expect("the store must answer");
    assert_eq!(
        list.iter().filter(|user| user.id == ada.id).collect::<Vec<_>>(),
        [&ada]
    );
    assert!(
        list.is_sorted_by(|a, b| a.id < b.id),
        "users must be listed by id"
    );
    let record = LoginRecord {
        user: ada.clone(),
        password: Some(hash(1)),
        tenant_disabled: false,
    };
    let found = store
        .find_by_login(&ada.login)
        .await
        .expect("the store must answer");
    assert_eq!(
        found.as_ref(),
        Some(&record),
        "a login must find the user with their password's hash"
    );
    let found = store
        .login_record(&here.scope, &ada.id)
        .await
        .expect("the store must answer");
    assert_eq!(found, Some(record), "the login record must be the same by id");
    let without = store
        .login_record(&here.scope, &here.user)
        .await
        .expect("the store must answer");
    assert_eq!(
        without.expect("the user exists").password,
        None,
        "a user without a password has none"
    );
}

async fn nothing_is_created_over_something(
    stage: &Stage<'_>,
    store: &dyn UserStore,
    here: &Home,
    there: &Home,
) {
    for home in [here, there] {
        let before = stage.waiting(&home.scope).await;
        let same_id = User {
            login: login("grace"),
            ..user("ada", home)
        };
        let same_login = User {
            id: "grace".parse().expect("an id"),
            ..user("ada", home)
        };
        for (what, twin) in [("id", same_id), ("login", same_login)] {
            let error = store
                .create(&home.scope, &twin, None, &record("twin"))
                .await
                .expect_err("a twin");
            assert_eq!(
                error.kind(),
                ErrorKind::AlreadyExists,
                "a user with a taken {what} exists already"
            );
        }
        assert_eq!(
            stage.waiting(&home.scope).await,
            before,
            "what was refused must not be recorded"
        );
    }
    let stored = store
        .find_by_login(&login("ada"))
        .await
        .expect("the store must answer");
    let stored = stored.expect("the first user must be unchanged");
    assert_eq!(stored.password, Some(hash(1)), "the first user must be unchanged");
}

async fn user_is_created_in_the_scopes_tenant_alone(
    stage: &Stage<'_>,
    store: &dyn UserStore,
    here: &Home,
    there: &Home,
) {
    let before = (
        stage.waiting(&here.scope).await,
        stage.waiting(&there.scope).await,
    );
    let error = store
        .create(&here.scope, &user("eve", there), None, &record("eve"))
        .await
        .expect_err("foreign");
    assert_eq!(
        error.kind(),
        ErrorKind::NotFound,
        "a user of another tenant than the scope's must be refused"
    );
    assert_eq!(
        store
            .find_by_login(&login("eve"))
            .await
            .expect("the store must answer"),
        None
    );
    let after = (
        stage.waiting(&here.scope).await,
        stage.waiting(&there.scope).await,
    );
    assert_eq!(before, after, "what was refused must not be recorded");
}

async fn changes_are_seen_and_recorded(stage: &Stage<'_>, store: &dyn UserStore, here: &Home) {
    let ada: UserId = "ada".parse().expect("an id");
    let scope = &here.scope;
    let before = stage.waiting(scope).await;
    assert!(
        store
            .set_password(scope, &ada, &hash(2), at(20), &record("p"))
            .await
            .expect("the store must answer")
    );
    assert!(
        store
            .set_role(scope, &ada, Role::Admin, at(21), &record("r"))
            .await
            .expect("the store must answer")
    );
    assert!(
        store
            .set_disabled(scope, &ada, true, at(22), &record("d"))
            .await
            .expect("the store must answer")
    );
    let changed = store
        .find_by_login(&login("ada"))
        .await
        .expect("the store must answer")
        .expect("ada exists");
    assert_eq!(
        changed.password,
        Some(hash(2)),
        "the password must be the new one"
    );
    assert_eq!(changed.user.role, Role::Admin, "the role must be the new one");
    assert!(changed.user.disabled, "the user must be disabled");
    assert!(
        store
            .set_disabled(scope, &ada, false, at(23), &record("e"))
            .await
            .expect("the store must answer")
    );
    let enabled = store
        .user(scope, &ada)
        .await
        .expect("the store must answer")
        .expect("ada exists");
    assert!(!enabled.disabled, "the user must be enabled again");
    assert_eq!(
        stage.waiting(scope).await,
        before + 4,
        "each change must leave one record"
    );
}

async fn foreign_users_are_like_absent_ones(
    stage: &Stage<'_>,
    store: &dyn UserStore,
    here: &Home,
    there: &Home,
) {
    let ada: UserId = "ada".parse().expect("an id");
    let nobody: UserId = "nobody".parse().expect("an id");
    let before = (
        stage.waiting(&here.scope).await,
        stage.waiting(&there.scope).await,
    );
    let stored = store
        .login_record(&here.scope, &ada)
        .await
        .expect("the store must answer");
    for user in [&ada, &nobody] {
        let scope = &there.scope;
        assert_eq!(
            store.user(scope, user).await.expect("the store must answer"),
            None
        );
        assert_eq!(
            store
                .login_record(scope, user)
                .await
                .expect("the store must answer"),
            None
        );
        let changed = [
            store
                .set_password(scope, user, &hash(3), at(30), &record("p"))
                .await,
            store
                .set_role(scope, user, Role::Owner, at(30), &record("r"))
                .await,
            store.set_disabled(scope, user, true, at(30), &record("d")).await,
        ];
        for outcome in changed {
            assert!(
                !outcome.expect("the store must answer"),
                "a foreign user must answer like an absent one"
            );
        }
    }
    let list = store.list(&there.scope).await.expect("the store must answer");
    assert!(
        list.iter().all(|user| user.id != ada),
        "another tenant's users must not be listed"
    );
    assert_eq!(
        store
            .login_record(&here.scope, &ada)
            .await
            .expect("the store must answer"),
        stored
    );
    let after = (
        stage.waiting(&here.scope).await,
        stage.waiting(&there.scope).await,
    );
    assert_eq!(before, after, "nothing happened, so nothing must be recorded");
}

async fn login_knows_of_a_disabled_tenant(stage: &Stage<'_>, store: &dyn UserStore, there: &Home) {
    let tenant = there.scope.tenant();
    let name = login(there.user.as_str());
    stage
        .operator
        .set_tenant_disabled(tenant, true, &record("off"))
        .await
        .expect("the store must answer");
    let found = store
        .find_by_login(&name)
        .await
        .expect("the store must answer")
        .expect("the user exists");
    assert!(
        found.tenant_disabled,
        "a login must see that its tenant is disabled"
    );
    stage
        .operator
        .set_tenant_disabled(tenant, false, &record("on"))
        .await
        .expect("the store must answer");
    let found = store
        .find_by_login(&name)
        .await
        .expect("the store must answer")
        .expect("the user exists");
    assert!(
        !found.tenant_disabled,
        "a login must see that its tenant is enabled again"
    );
}
