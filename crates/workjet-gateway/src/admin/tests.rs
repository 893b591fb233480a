//! What administrators may do, and what is left of a start that was interrupted.

use std::time::Duration;

use async_trait::async_trait;
use jiff::SignedDuration;
use workjet_auth::{
    LocalKeys, LoginName, MemoryAuth, Operator, Password, PasswordHash, SecretStore, SecretString, User,
    dummy_hash, generate_password,
};
use workjet_tenant::{Outbox, TenantId};

use super::keys::KEY_ENVIRONMENT;
use super::*;
use crate::core::default_tenant;

/// Different bytes at every call; nothing here has to be unpredictable.
#[derive(Default)]
struct Counting(std::sync::atomic::AtomicU64);

impl Entropy for Counting {
    fn fill(&self, bytes: &mut [u8]) {
        for chunk in bytes.chunks_mut(8) {
            let n = self.0.fetch_add(1, std::sync::atomic::Ordering::Relaxed) + 1;
            chunk.copy_from_slice(&n.wrapping_mul(0x9e37_79b9_7f4a_7c15).to_be_bytes()[..chunk.len()]);
        }
    }
}

/// Hashes nothing, which is fast.
struct Unhashed;

#[async_trait]
impl PasswordHasher for Unhashed {
    async fn hash(&self, _: Password) -> Result<PasswordHash, StoreError> {
        Ok(dummy_hash())
    }

    async fn verify(&self, _: Password, _: Option<PasswordHash>) -> Result<bool, StoreError> {
        Ok(false)
    }
}

fn admin(auth: &MemoryAuth) -> Admin {
    Admin {
        operators: Arc::new(auth.clone()),
        users: Arc::new(auth.clone()),
        keys: Arc::new(auth.clone()),
        entropy: Arc::new(Counting::default()),
        passwords: Arc::new(Unhashed),
    }
}

fn operator() -> Operator {
    Operator::dangerously_claim()
}

fn scope() -> Scope {
    operator().scope(&default_tenant())
}

fn now() -> Timestamp {
    "2026-11-23T12:00:00Z".parse().expect("a time")
}

/// The kinds that wait for the tenant's log.
async fn recorded(auth: &MemoryAuth, scope: &Scope) -> Vec<String> {
    let pending = auth.pending(scope, 0, 100).await.expect("records");
    let kind = |json: &str| Entry::from_json(json).expect("an entry").kind.to_string();
    pending
        .iter()
        .map(|pending| kind(pending.record.as_str()))
        .collect()
}

/// The scope of a user with `role`, as their key gives it.
async fn caller(admin: &Admin, login: &str, role: Role) -> Scope {
    let login = login.parse().expect("a login name");
    let user = admin
        .create_user(&scope(), login, role, None, now())
        .await
        .expect("a user")
        .user;
    let key = admin
        .create_key(&scope(), &user.id, "key", None, now())
        .await
        .expect("a key");
    let stored = admin
        .keys
        .find_by_hash(&key.hash())
        .await
        .expect("an answer")
        .expect("the key");
    stored.verify(&key, now()).expect("a good key").into_scope()
}

#[tokio::test]
async fn first_start_makes_an_owner_with_a_working_key_and_records_it() {
    let auth = MemoryAuth::new();
    let first = admin(&auth)
        .bootstrap(&operator(), now())
        .await
        .expect("stores")
        .expect("a first start");
    assert_eq!((first.tenant.as_str(), first.user.role), ("default", Role::Owner));
    let stored = auth
        .find_by_hash(&first.key.hash())
        .await
        .expect("an answer")
        .expect("the key");
    assert_eq!(
        stored.verify(&first.key, now()).expect("good").role(),
        Role::Owner
    );
    assert_eq!(
        recorded(&auth, &scope()).await,
        ["admin.tenant.created", "admin.user.created", "admin.key.created"]
    );
}

#[tokio::test]
async fn home_without_passwords_starts_with_a_key_alone() {
    let auth = MemoryAuth::new();
    let admin = Admin {
        passwords: Arc::new(crate::NoPasswords),
        ..admin(&auth)
    };
    let first = admin
        .bootstrap(&operator(), now())
        .await
        .expect("stores")
        .expect("a first start");
    assert!(first.password.is_none());
    let record = auth
        .login_record(&scope(), &first.user.id)
        .await
        .expect("an answer")
        .expect("the owner");
    assert!(record.password.is_none());

    let login: LoginName = "ada@example.com".parse().expect("a login name");
    let password = generate_password([3; 20]);
    let refused = admin
        .create_user(
            &scope(),
            login.clone(),
            Role::Member,
            Some(password.clone()),
            now(),
        )
        .await;
    assert_eq!(
        refused.expect_err("it could not be checked").kind(),
        AdminErrorKind::Invalid
    );
    let ada = admin
        .create_user(&scope(), login, Role::Member, None, now())
        .await
        .expect("a user");
    assert!(ada.password.is_none());
    let refused = admin.set_password(&scope(), &ada.user.id, password, now()).await;
    assert_eq!(
        refused.expect_err("it could not be checked").kind(),
        AdminErrorKind::Invalid
    );
}

#[tokio::test]
async fn second_start_makes_nothing() {
    let auth = MemoryAuth::new();
    admin(&auth).bootstrap(&operator(), now()).await.expect("stores");
    assert!(
        admin(&auth)
            .bootstrap(&operator(), now())
            .await
            .expect("stores")
            .is_none()
    );
    assert_eq!(recorded(&auth, &scope()).await.len(), 3);
}

#[tokio::test]
async fn interrupted_first_start_is_taken_up_again() {
    let auth = MemoryAuth::new();
    let admin = admin(&auth);
    admin
        .create_tenant(&operator(), scope().tenant(), "Default", now())
        .await
        .expect("a tenant");
    let login = FIRST_OWNER.parse().expect("a login name");
    admin
        .create_user(&scope(), login, Role::Owner, None, now())
        .await
        .expect("a user");
    let first = admin
        .bootstrap(&operator(), now())
        .await
        .expect("stores")
        .expect("its secrets were never shown");
    assert_eq!(admin.users(&scope()).await.expect("users").len(), 1);
    assert_eq!(admin.keys(&scope()).await.expect("keys")[0].id, *first.key.id());
}

#[tokio::test]
async fn users_of_somebodys_own_making_are_left_alone() {
    let auth = MemoryAuth::new();
    let admin = admin(&auth);
    admin
        .create_tenant(&operator(), scope().tenant(), "Default", now())
        .await
        .expect("a tenant");
    let login = "ada@example.com".parse().expect("a login name");
    admin
        .create_user(&scope(), login, Role::Owner, None, now())
        .await
        .expect("a user");
    assert!(
        admin
            .bootstrap(&operator(), now())
            .await
            .expect("stores")
            .is_none()
    );
}

#[tokio::test]
async fn only_owners_touch_owners_and_members_touch_nobody() {
    let auth = MemoryAuth::new();
    let all = admin(&auth);
    let first = all
        .bootstrap(&operator(), now())
        .await
        .expect("stores")
        .expect("a first start");
    let owner = first.user.id;
    let admin_scope = caller(&all, "admin@example.com", Role::Admin).await;
    let member_scope = caller(&all, "member@example.com", Role::Member).await;
    let kind = |result: Result<(), AdminError>| result.map_err(|error| error.kind());

    let new = "new@example.com".parse::<LoginName>().expect("a login name");
    let make_owner = all
        .create_user(&admin_scope, new.clone(), Role::Owner, None, now())
        .await;
    assert_eq!(kind(make_owner.map(|_| ())), Err(AdminErrorKind::Forbidden));
    let disable = all.set_user_disabled(&admin_scope, &owner, true, now()).await;
    assert_eq!(kind(disable), Err(AdminErrorKind::Forbidden));
    let key = all
        .create_key(&admin_scope, &owner, "mine now", None, now())
        .await;
    assert_eq!(kind(key.map(|_| ())), Err(AdminErrorKind::Forbidden));
    let revoke = all.revoke_key(&admin_scope, first.key.id(), now()).await;
    assert_eq!(kind(revoke), Err(AdminErrorKind::Forbidden));
    let promote = all
        .set_role(
            &admin_scope,
            admin_scope.user().expect("a user"),
            Role::Owner,
            now(),
        )
        .await;
    assert_eq!(kind(promote), Err(AdminErrorKind::Forbidden));
    all.create_user(&admin_scope, new, Role::Member, None, now())
        .await
        .expect("an admin makes members");

    assert_eq!(
        kind(all.users(&member_scope).await.map(|_| ())),
        Err(AdminErrorKind::Forbidden)
    );
    assert_eq!(
        kind(all.keys(&member_scope).await.map(|_| ())),
        Err(AdminErrorKind::Forbidden)
    );
}

#[tokio::test]
async fn foreign_users_and_keys_answer_like_absent_ones() {
    let auth = MemoryAuth::new();
    let admin = admin(&auth);
    let first = admin
        .bootstrap(&operator(), now())
        .await
        .expect("stores")
        .expect("a first start");
    let acme: TenantId = "acme".parse().expect("an id");
    admin
        .create_tenant(&operator(), &acme, "Acme", now())
        .await
        .expect("a tenant");
    let acme = operator().scope(&acme);
    let absent: KeyId = "nosuchkey".parse().expect("an id");

    let foreign = admin
        .revoke_key(&acme, first.key.id(), now())
        .await
        .expect_err("foreign");
    let none = admin.revoke_key(&acme, &absent, now()).await.expect_err("absent");
    assert_eq!(foreign.kind(), AdminErrorKind::NotFound);
    assert_eq!(
        foreign.to_string().replace(first.key.id().as_str(), "?"),
        none.to_string().replace("nosuchkey", "?")
    );
    assert!(admin.find_user(&acme, FIRST_OWNER).await.is_err());
    assert!(
        admin
            .create_key(&acme, &first.user.id, "mine", None, now())
            .await
            .is_err()
    );
    assert_eq!(
        recorded(&auth, &acme).await,
        ["admin.tenant.created"],
        "what fails is not recorded as done"
    );
}

#[tokio::test]
async fn rotated_key_keeps_its_lifetime_and_the_old_one_its_grace() {
    let auth = MemoryAuth::new();
    let admin = admin(&auth);
    let first = admin
        .bootstrap(&operator(), now())
        .await
        .expect("stores")
        .expect("a first start");
    let day = SignedDuration::from_hours(24);
    let old = admin
        .create_key(&scope(), &first.user.id, "ci", Some(now() + day * 10), now())
        .await
        .expect("a key");
    let later = now() + day;
    let new = admin
        .rotate_key(&scope(), old.id(), Duration::from_secs(3600), later)
        .await
        .expect("a new key");

    let keys = admin.keys(&scope()).await.expect("keys");
    let stored = |id: &KeyId| keys.iter().find(|key| key.id == *id).expect("stored");
    assert_eq!(stored(new.id()).expires, Some(later + day * 10));
    assert_eq!(stored(new.id()).name, "ci");
    assert_eq!(
        stored(old.id()).expires,
        Some(later + SignedDuration::from_hours(1))
    );
}

#[tokio::test]
async fn provider_key_is_sealed_once_for_each_value() {
    let auth = MemoryAuth::new();
    let admin = admin(&auth);
    admin.bootstrap(&operator(), now()).await.expect("stores");
    let kek = LocalKeys::new("kek-1", [7; 32]);
    let key = async |given: Option<&str>| {
        let given = given.map(SecretString::from);
        admin
            .provider_key(&scope(), &auth, &kek, "openai", given, now())
            .await
    };
    let sealed = async || {
        recorded(&auth, &scope())
            .await
            .iter()
            .filter(|kind| *kind == "admin.secret.sealed")
            .count()
    };

    assert_eq!(
        key(None).await.expect_err("there is none").kind(),
        AdminErrorKind::NotFound
    );
    for (given, times) in [("first", 1), ("first", 1), ("second", 2)] {
        key(Some(given)).await.expect("sealed");
        assert_eq!(sealed().await, times);
    }
    use workjet_auth::ExposeSecret as _;
    assert_eq!(key(None).await.expect("the sealed one").expose_secret(), "second");
    let stored = auth
        .fetch(&scope(), "provider/openai")
        .await
        .expect("an answer")
        .expect("a secret");
    assert!(!stored.ciphertext.windows(6).any(|window| window == b"second"));
}

#[test]
fn debug_shows_no_secret_of_the_first_start() {
    let key = ApiKey::generate(KEY_ENVIRONMENT, &ApiKey::new_id([1; 10]), [2; 32]);
    let password = generate_password([3; 20]);
    let first = FirstStart {
        tenant: "default".parse().expect("an id"),
        user: User {
            id: "u".parse().expect("an id"),
            tenant: "default".parse().expect("an id"),
            login: FIRST_OWNER.parse().expect("a login name"),
            role: Role::Owner,
            disabled: false,
            created: now(),
        },
        password: Some(password.clone()),
        key: key.clone(),
    };
    let shown = format!("{first:?}");
    assert!(
        !shown.contains(key.expose()) && !shown.contains(password.expose()),
        "{shown}"
    );
}
