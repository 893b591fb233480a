//! The contract of [`LoginLinkStore`].

use futures_util::future::join_all;
use workjet_auth::{LoginLink, LoginLinkStore, NewLoginLink, User};
use workjet_tenant::ErrorKind;

use crate::stage::{Home, Stage, at, record};

/// Checks a [`LoginLinkStore`] over an empty database.
///
/// # Panics
/// If the store breaks its contract; the message says how.
pub async fn login_link_store(stage: &Stage<'_>, store: &dyn LoginLinkStore) {
    let here = stage.home("links-here").await;
    let there = stage.home("links-there").await;

    link_lets_its_user_in_once(stage, store, &here).await;
    one_of_several_callers_gets_in(store, &here).await;
    link_ends_in_time(store, &here).await;
    nothing_is_created_over_something(stage, store, &here, &there).await;
    link_of_a_foreign_or_absent_user_is_not_created(stage, store, &here, &there).await;
    disabled_user_is_not_let_in(stage, store, &here).await;
    disabled_tenant_lets_nobody_in(stage, store, &there).await;
}

fn link(number: u8) -> LoginLink {
    LoginLink::generate([number; 32])
}

fn new_link(number: u8, home: &Home) -> NewLoginLink {
    NewLoginLink {
        hash: link(number).hash(),
        user: home.user.clone(),
        created: at(10),
        expires: at(100),
    }
}

async fn add(store: &dyn LoginLinkStore, home: &Home, number: u8) {
    store
        .create(&home.scope, &new_link(number, home), &record("link"))
        .await
        .expect("a new link must be accepted");
}

async fn redeem(store: &dyn LoginLinkStore, number: u8, seconds: i64) -> Option<User> {
    store
        .redeem(&link(number).hash(), at(seconds))
        .await
        .expect("the store must answer")
}

async fn link_lets_its_user_in_once(stage: &Stage<'_>, store: &dyn LoginLinkStore, here: &Home) {
    assert_eq!(
        redeem(store, 1, 20).await,
        None,
        "a link that was never created let somebody in"
    );
    let before = stage.waiting(&here.scope).await;
    add(store, here, 1).await;
    assert_eq!(
        stage.waiting(&here.scope).await,
        before + 1,
        "a link must be recorded with its creation"
    );
    let user = stage
        .users
        .user(&here.scope, &here.user)
        .await
        .expect("the store must answer");
    assert_eq!(
        redeem(store, 1, 20).await,
        user,
        "a link must let its user in, as they are now"
    );
    assert_eq!(redeem(store, 1, 20).await, None, "a link must work once");
}

async fn one_of_several_callers_gets_in(store: &dyn LoginLinkStore, here: &Home) {
    add(store, here, 2).await;
    let callers = join_all((0..8).map(|_| redeem(store, 2, 20))).await;
    assert_eq!(
        callers.into_iter().flatten().count(),
        1,
        "a link must let one of several callers in"
    );
}

async fn link_ends_in_time(store: &dyn LoginLinkStore, here: &Home) {
    add(store, here, 3).await;
    assert_eq!(
        redeem(store, 3, 100).await,
        None,
        "a link must not work from its end on"
    );
    add(store, here, 4).await;
    assert!(
        redeem(store, 4, 99).await.is_some(),
        "a link must work until its end"
    );
}

async fn nothing_is_created_over_something(
    stage: &Stage<'_>,
    store: &dyn LoginLinkStore,
    here: &Home,
    there: &Home,
) {
    add(store, here, 5).await;
    for home in [here, there] {
        let before = stage.waiting(&home.scope).await;
        let error = store
            .create(&home.scope, &new_link(5, home), &record("twin"))
            .await
            .expect_err("a twin must be refused");
        assert_eq!(
            error.kind(),
            ErrorKind::AlreadyExists,
            "a link with this hash exists already"
        );
        assert_eq!(
            stage.waiting(&home.scope).await,
            before,
            "nothing happened, so nothing must be recorded"
        );
    }
    let user = redeem(store, 5, 20)
        .await
        .expect("the first link must be unchanged");
    assert_eq!(user.id, here.user, "the first link must be unchanged");
}

async fn link_of_a_foreign_or_absent_user_is_not_created(
    stage: &Stage<'_>,
    store: &dyn LoginLinkStore,
    here: &Home,
    there: &Home,
) {
    let before = stage.waiting(&here.scope).await;
    for user in [there.user.clone(), "nobody".parse().expect("an id")] {
        let stray = NewLoginLink {
            user,
            ..new_link(6, here)
        };
        let error = store
            .create(&here.scope, &stray, &record("stray"))
            .await
            .expect_err("a link needs a user");
        assert_eq!(
            error.kind(),
            ErrorKind::NotFound,
            "a foreign user must answer like an absent one"
        );
    }
    assert_eq!(
        redeem(store, 6, 20).await,
        None,
        "a refused link must not be there"
    );
    assert_eq!(
        stage.waiting(&here.scope).await,
        before,
        "nothing happened, so nothing must be recorded"
    );
}

async fn disabled_user_is_not_let_in(stage: &Stage<'_>, store: &dyn LoginLinkStore, here: &Home) {
    add(store, here, 7).await;
    for disabled in [true, false] {
        let changed = stage
            .users
            .set_disabled(&here.scope, &here.user, disabled, at(20), &record("state"))
            .await;
        assert!(changed.expect("the store must answer"));
        if disabled {
            assert_eq!(redeem(store, 7, 30).await, None, "a disabled user was let in");
        }
    }
}

async fn disabled_tenant_lets_nobody_in(stage: &Stage<'_>, store: &dyn LoginLinkStore, there: &Home) {
    add(store, there, 8).await;
    for (disabled, what) in [(true, "off"), (false, "on")] {
        stage
            .operator
            .set_tenant_disabled(there.scope.tenant(), disabled, &record(what))
            .await
            .expect("the store must answer");
        if disabled {
            assert_eq!(
                redeem(store, 8, 30).await,
                None,
                "a user of a disabled tenant was let in"
            );
        }
    }
}
