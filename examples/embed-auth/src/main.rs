//! API keys in a program of your own, over a store of your own.
//!
//! You bring the database (here a map), the clock and the randomness; `workjet-auth` brings what must not go wrong:
//! keys that secret scanners recognise, hashes instead of keys at rest, comparison in constant time, one answer for
//! every refusal. Run it with `cargo run -p embed-auth`.

use std::collections::HashMap;
use std::error::Error;
use std::sync::Mutex;

use futures_util::FutureExt;
use workjet_auth::jiff::Timestamp;
use workjet_auth::{
    ApiKey, ApiKeyStore, ErrorKind, KeyHash, KeyId, NewKey, Operator, OutboxRecord, RefusedKind, Role, Scope,
    StoreError, StoredKey, TenantId, async_trait,
};

fn main() -> Result<(), Box<dyn Error>> {
    // A map answers at once, so one poll is enough. With a real database you would await.
    story().now_or_never().expect("nothing here waits")
}

async fn story() -> Result<(), Box<dyn Error>> {
    let store = MyKeys::default();
    let tenant: TenantId = "acme".parse()?;
    let now = Timestamp::from_second(1_800_000_000)?;

    // Whoever sits at the console may issue keys. In a request you would take the scope of the verified caller.
    let console = Operator::dangerously_claim().scope(&tenant);

    // Issue a key: its owner sees it once, the store sees only its hash.
    let key = ApiKey::generate("live", &ApiKey::new_id(random()?), random()?);
    let new = NewKey {
        id: key.id().clone(),
        user: "ada".parse()?,
        name: "laptop".to_owned(),
        hash: key.hash(),
        created: now,
        expires: None,
    };
    store.create(&console, &new, &note("created")).await?;
    println!("Your key, shown once: {}", key.expose());

    // A request comes in with the key in a header.
    let caller = authenticate(&store, key.expose(), now).await?;
    println!(
        "Welcome, {} of {}, who is {}.",
        caller.user(),
        caller.scope().tenant(),
        caller.role()
    );
    assert_eq!(caller.user().as_str(), "ada");

    // A typing error never reaches the store.
    let mistyped = key.expose().replacen("wj_", "wk_", 1);
    println!(
        "A mistyped key: {}",
        ApiKey::parse(&mistyped).expect_err("it is no key")
    );

    // Nor does a key that nobody issued open anything.
    let made_up = ApiKey::generate("live", &ApiKey::new_id(random()?), random()?);
    assert!(store.find_by_hash(&made_up.hash()).await?.is_none());

    // Take it back. The reason for a refusal is for your log; the caller hears the same words for every reason.
    assert!(store.revoke(&console, key.id(), now, &note("revoked")).await?);
    let stored = store
        .find_by_hash(&key.hash())
        .await?
        .expect("a revoked key stays listed");
    let refused = stored
        .verify(&ApiKey::parse(key.expose())?, now)
        .expect_err("it was revoked");
    assert_eq!(refused.kind(), RefusedKind::Revoked);
    println!("After revocation: {refused}.");

    // Another tenant cannot even tell that the key exists.
    let stranger = Operator::dangerously_claim().scope(&"other".parse()?);
    assert!(store.list(&stranger).await?.is_empty());
    assert!(!store.revoke(&stranger, key.id(), now, &note("revoked")).await?);
    Ok(())
}

/// What your middleware does with the header's value.
async fn authenticate(
    store: &dyn ApiKeyStore,
    header: &str,
    now: Timestamp,
) -> Result<workjet_auth::Principal, Box<dyn Error>> {
    let presented = ApiKey::parse(header)?; // shape and checksum, without I/O
    let stored = store.find_by_hash(&presented.hash()).await?; // your database, your way
    Ok(stored
        .ok_or("the credential is not valid")?
        .verify(&presented, now)?)
}

/// A store of your own. Yours would talk to your database; the contract is on [`ApiKeyStore`], and
/// `workjet_conformance::api_key_store` tells whether you kept it.
#[derive(Default)]
struct MyKeys {
    /// By the hash in hexadecimal, as a database would index them.
    rows: Mutex<HashMap<String, StoredKey>>,
    /// What changed, written along with each change. Send it to your audit log, or leave it out.
    notes: Mutex<Vec<OutboxRecord>>,
}

impl MyKeys {
    /// Changes one of the scope's keys if `change` agrees, and notes that.
    fn change(
        &self,
        scope: &Scope,
        id: &KeyId,
        record: &OutboxRecord,
        change: impl FnOnce(&mut StoredKey) -> bool,
    ) -> Result<bool, StoreError> {
        let mut rows = self.rows.lock().map_err(|_| broken())?;
        let row = rows
            .values_mut()
            .find(|row| row.tenant == *scope.tenant() && row.id == *id);
        let changed = row.is_some_and(change);
        if changed {
            self.notes.lock().map_err(|_| broken())?.push(record.clone());
        }
        Ok(changed)
    }
}

#[async_trait]
impl ApiKeyStore for MyKeys {
    async fn find_by_hash(&self, hash: &KeyHash) -> Result<Option<StoredKey>, StoreError> {
        Ok(self
            .rows
            .lock()
            .map_err(|_| broken())?
            .get(&hash.to_hex())
            .cloned())
    }

    async fn create(&self, scope: &Scope, key: &NewKey, record: &OutboxRecord) -> Result<(), StoreError> {
        let mut rows = self.rows.lock().map_err(|_| broken())?;
        let same_id = |row: &StoredKey| row.tenant == *scope.tenant() && row.id == key.id;
        if rows.contains_key(&key.hash.to_hex()) || rows.values().any(same_id) {
            return Err(StoreError::new(
                ErrorKind::AlreadyExists,
                "this key exists already",
            ));
        }
        // Role and state belong to the user. This program has but one kind of user; yours would join two tables.
        let row = StoredKey {
            id: key.id.clone(),
            tenant: scope.tenant().clone(),
            user: key.user.clone(),
            role: Role::Member,
            name: key.name.clone(),
            hash: key.hash,
            created: key.created,
            expires: key.expires,
            revoked: None,
            last_used: None,
            owner_disabled: false,
            tenant_disabled: false,
        };
        rows.insert(key.hash.to_hex(), row);
        self.notes.lock().map_err(|_| broken())?.push(record.clone());
        Ok(())
    }

    async fn list(&self, scope: &Scope) -> Result<Vec<StoredKey>, StoreError> {
        let rows = self.rows.lock().map_err(|_| broken())?;
        let mut own: Vec<_> = rows
            .values()
            .filter(|row| row.tenant == *scope.tenant())
            .cloned()
            .collect();
        own.sort_by(|a, b| a.id.cmp(&b.id));
        Ok(own)
    }

    async fn revoke(
        &self,
        scope: &Scope,
        key: &KeyId,
        at: Timestamp,
        record: &OutboxRecord,
    ) -> Result<bool, StoreError> {
        self.change(scope, key, record, |row| {
            row.revoked.is_none() && row.revoked.replace(at).is_none()
        })
    }

    async fn rotate(
        &self,
        _: &Scope,
        _: &KeyId,
        _: Timestamp,
        _: &NewKey,
        _: &OutboxRecord,
    ) -> Result<bool, StoreError> {
        Err(StoreError::unavailable(
            "this program does not rotate keys: create a new one, then revoke the old one",
        ))
    }

    async fn touch(&self, scope: &Scope, used: &[(KeyId, Timestamp)]) -> Result<(), StoreError> {
        let mut rows = self.rows.lock().map_err(|_| broken())?;
        for (id, at) in used {
            let own = rows
                .values_mut()
                .filter(|row| row.tenant == *scope.tenant() && row.id == *id);
            own.for_each(|row| row.last_used = row.last_used.max(Some(*at)));
        }
        Ok(())
    }
}

fn broken() -> StoreError {
    StoreError::unavailable("a thread ended in the middle of a change: restart the program")
}

fn note(what: &str) -> OutboxRecord {
    OutboxRecord::new(format!("{{\"what\":\"{what}\"}}"))
}

/// Bytes from the operating system's random source.
fn random<const N: usize>() -> Result<[u8; N], getrandom::Error> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes)?;
    Ok(bytes)
}
