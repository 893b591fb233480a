//! The contract of [`SessionStore`].

use std::time::Duration;

use workjet_auth::{NewSession, PasswordHash, SessionHash, SessionStore, SessionToken, StoredSession};
use workjet_tenant::{ErrorKind, Role, SessionId};

use crate::stage::{Home, Stage, at, record};

/// Checks a [`SessionStore`] over an empty database.
///
/// # Panics
/// If the store breaks its contract; the message says how.
pub async fn session_store(stage: &Stage<'_>, store: &dyn SessionStore) {
    let here = stage.home("sessions-here").await;
    let there = stage.home("sessions-there").await;

    created_session_is_found_by_its_hash(store, &here).await;
    nothing_is_created_over_something(store, &here).await;
    session_of_a_foreign_or_absent_user_is_not_created(store, &here, &there).await;
    last_use_only_grows(store, &here).await;
    revoking_counts_once(store, &here).await;
    foreign_sessions_are_like_absent_ones(store, &here, &there).await;
    all_of_a_users_sessions_can_be_ended(store, &here, &there).await;
    changes_of_privilege_end_sessions(stage, store, &here).await;
}

fn token(number: u8) -> SessionToken {
    SessionToken::generate([number; 32])
}

fn new_session(number: u8, home: &Home) -> NewSession {
    NewSession {
        id: format!("session-{number}").parse().expect("an id"),
        user: home.user.clone(),
        hash: token(number).hash(),
        created: at(10),
        expires: at(1000),
        idle_timeout: Duration::from_secs(100),
    }
}

async fn add(store: &dyn SessionStore, home: &Home, number: u8) -> SessionId {
    let new = new_session(number, home);
    store
        .create(&home.scope, &new)
        .await
        .expect("a new session must be accepted");
    new.id
}

async fn find(store: &dyn SessionStore, number: u8) -> Option<StoredSession> {
    store
        .find_by_hash(&token(number).hash())
        .await
        .expect("the store must answer")
}

/// Whether the session is there and not revoked.
async fn lives(store: &dyn SessionStore, number: u8) -> bool {
    find(store, number)
        .await
        .is_some_and(|session| session.revoked.is_none())
}

async fn created_session_is_found_by_its_hash(store: &dyn SessionStore, here: &Home) {
    assert_eq!(
        find(store, 1).await,
        None,
        "a session that was never created was found"
    );
    let new = new_session(1, here);
    add(store, here, 1).await;
    let expected = StoredSession {
        id: new.id,
        tenant: here.scope.tenant().clone(),
        user: new.user,
        role: Role::Member,
        hash: new.hash,
        created: new.created,
        last_seen: new.created,
        expires: new.expires,
        idle_timeout: new.idle_timeout,
        revoked: None,
        owner_disabled: false,
        tenant_disabled: false,
    };
    let stored = find(store, 1)
        .await
        .expect("the session was created and must be found");
    assert_eq!(stored, expected, "a session must come back as it was stored");
    assert!(
        stored.verify(&token(1), at(20)).is_ok(),
        "a stored session must verify"
    );
    let list = store
        .list(&here.scope, &here.user)
        .await
        .expect("the store must answer");
    assert_eq!(list, [expected], "the list must show it the same");
}

async fn nothing_is_created_over_something(store: &dyn SessionStore, here: &Home) {
    add(store, here, 2).await;
    let same_id = NewSession {
        hash: token(3).hash(),
        ..new_session(2, here)
    };
    let same_hash = NewSession {
        id: new_session(3, here).id,
        ..new_session(2, here)
    };
    for (what, twin) in [("id", same_id), ("hash", same_hash)] {
        let error = store
            .create(&here.scope, &twin)
            .await
            .expect_err("a twin must be refused");
        assert_eq!(
            error.kind(),
            ErrorKind::AlreadyExists,
            "a session with a taken {what} exists already"
        );
    }
    assert_eq!(find(store, 3).await, None, "a refused session must not be there");
    assert!(lives(store, 2).await, "the first session must be unchanged");
}

async fn session_of_a_foreign_or_absent_user_is_not_created(
    store: &dyn SessionStore,
    here: &Home,
    there: &Home,
) {
    for user in [there.user.clone(), "nobody".parse().expect("an id")] {
        let stray = NewSession {
            user,
            ..new_session(4, here)
        };
        let error = store
            .create(&here.scope, &stray)
            .await
            .expect_err("a session needs a user");
        assert_eq!(
            error.kind(),
            ErrorKind::NotFound,
            "a foreign user must answer like an absent one"
        );
    }
    assert_eq!(find(store, 4).await, None, "a refused session must not be there");
}

async fn last_use_only_grows(store: &dyn SessionStore, here: &Home) {
    let id = add(store, here, 5).await;
    for seconds in [60, 40] {
        store
            .touch(&here.scope, &id, at(seconds))
            .await
            .expect("the store must answer");
    }
    let absent = "absent".parse().expect("an id");
    store
        .touch(&here.scope, &absent, at(60))
        .await
        .expect("an unknown session must be ignored");
    let session = find(store, 5).await.expect("it is there");
    assert_eq!(
        session.last_seen,
        at(60),
        "an earlier use must not replace a later one"
    );
}

async fn revoking_counts_once(store: &dyn SessionStore, here: &Home) {
    let id = add(store, here, 6).await;
    let revoke = |seconds| store.revoke(&here.scope, &id, at(seconds));
    assert_eq!(
        revoke(40).await.expect("the store must answer"),
        Some(token(6).hash()),
        "a live session can be ended, and its hash tells which copies must end"
    );
    assert_eq!(
        revoke(50).await.expect("the store must answer"),
        None,
        "an ended session cannot be ended again"
    );
    if let Some(session) = find(store, 6).await {
        assert_eq!(session.revoked, Some(at(40)), "the first end stands");
        assert!(
            session.verify(&token(6), at(41)).is_err(),
            "an ended session must not verify"
        );
    }
    let absent = "absent".parse().expect("an id");
    let ended = store
        .revoke(&here.scope, &absent, at(50))
        .await
        .expect("the store must answer");
    assert_eq!(ended, None, "a session that does not exist was ended");
}

async fn foreign_sessions_are_like_absent_ones(store: &dyn SessionStore, here: &Home, there: &Home) {
    let id = add(store, here, 7).await;
    let before = find(store, 7).await;
    store
        .touch(&there.scope, &id, at(80))
        .await
        .expect("the store must answer");
    let revoked = store
        .revoke(&there.scope, &id, at(80))
        .await
        .expect("the store must answer");
    assert_eq!(revoked, None, "another tenant ended this tenant's session");
    let listed = store
        .list(&there.scope, &here.user)
        .await
        .expect("the store must answer");
    assert_eq!(listed, [], "another tenant's sessions must not be listed");
    let ended = store
        .revoke_user(&there.scope, &here.user, at(80))
        .await
        .expect("the store must answer");
    assert_eq!(ended, [], "another tenant ended this tenant's sessions");
    assert_eq!(
        find(store, 7).await,
        before,
        "another tenant changed this tenant's session"
    );
}

async fn all_of_a_users_sessions_can_be_ended(store: &dyn SessionStore, here: &Home, there: &Home) {
    store
        .revoke_user(&here.scope, &here.user, at(90))
        .await
        .expect("the store must answer");
    add(store, here, 8).await;
    add(store, here, 9).await;
    add(store, there, 10).await;
    let mut ended = store
        .revoke_user(&here.scope, &here.user, at(91))
        .await
        .expect("the store must answer");
    let mut expected = [token(8).hash(), token(9).hash()];
    ended.sort_by_key(SessionHash::to_hex);
    expected.sort_by_key(SessionHash::to_hex);
    assert_eq!(
        ended, expected,
        "the sessions that were ended, without those ended before"
    );
    assert!(
        !lives(store, 8).await && !lives(store, 9).await,
        "all of the user's sessions must be ended"
    );
    assert!(lives(store, 10).await, "nobody else's session may be ended");
}

async fn changes_of_privilege_end_sessions(stage: &Stage<'_>, store: &dyn SessionStore, here: &Home) {
    let (scope, user) = (&here.scope, &here.user);
    let users = stage.users;
    let hash =
        PasswordHash::parse("$argon2id$v=19$m=19456,t=2,p=1$c2FsdHNhbHQ$aGFzaGhhc2g").expect("a PHC string");

    add(store, here, 11).await;
    assert!(
        users
            .set_password(scope, user, &hash, at(95), &record("p"))
            .await
            .expect("the store must answer")
    );
    assert!(
        !lives(store, 11).await,
        "a new password must end the user's sessions"
    );

    add(store, here, 12).await;
    assert!(
        users
            .set_role(scope, user, Role::Admin, at(96), &record("r"))
            .await
            .expect("the store must answer")
    );
    assert!(!lives(store, 12).await, "a new role must end the user's sessions");

    add(store, here, 13).await;
    assert!(
        users
            .set_disabled(scope, user, true, at(97), &record("d"))
            .await
            .expect("the store must answer")
    );
    assert!(
        !lives(store, 13).await,
        "disabling a user must end their sessions"
    );
}
