//! The contract of [`SecretStore`].

use workjet_auth::{SealedSecret, SecretStore};

use crate::stage::{Stage, at, record};

/// Checks a [`SecretStore`] over an empty database.
///
/// # Panics
/// If the store breaks its contract; the message says how.
pub async fn secret_store(stage: &Stage<'_>, store: &dyn SecretStore) {
    let here = stage.home("secrets-here").await.scope;
    let there = stage.home("secrets-there").await.scope;
    let before = (stage.waiting(&here).await, stage.waiting(&there).await);

    // A secret comes back as it was stored, whatever bytes it has.
    assert_eq!(
        store
            .fetch(&here, "provider/openai")
            .await
            .expect("the store must answer"),
        None
    );
    let first = sealed("provider/openai", 1);
    store
        .put(&here, &first, &record("put"))
        .await
        .expect("a secret must be accepted");
    store
        .put(&here, &sealed("provider/another", 9), &record("put"))
        .await
        .expect("a secret must be accepted");
    assert_eq!(
        store
            .fetch(&here, &first.name)
            .await
            .expect("the store must answer")
            .as_ref(),
        Some(&first)
    );

    // The last one put stands.
    let second = sealed("provider/openai", 2);
    store
        .put(&here, &second, &record("put"))
        .await
        .expect("a newer secret must be accepted");
    assert_eq!(
        store
            .fetch(&here, &second.name)
            .await
            .expect("the store must answer")
            .as_ref(),
        Some(&second)
    );
    let names: Vec<_> = store
        .list(&here)
        .await
        .expect("the store must answer")
        .into_iter()
        .map(|s| s.name)
        .collect();
    assert_eq!(
        names,
        ["provider/another", "provider/openai"],
        "secrets must be listed once each, by name"
    );

    // A rewrap of the old one must not undo the new one.
    let third = sealed("provider/openai", 3);
    let late = store
        .replace(&here, &first, &third, &record("rewrap"))
        .await
        .expect("the store must answer");
    assert!(
        !late,
        "the secret was changed meanwhile, so it must not be replaced"
    );
    let in_time = store
        .replace(&here, &second, &third, &record("rewrap"))
        .await
        .expect("the store must answer");
    assert!(in_time, "the secret is still the same, so it must be replaced");
    assert_eq!(
        store
            .fetch(&here, &third.name)
            .await
            .expect("the store must answer")
            .as_ref(),
        Some(&third)
    );
    assert_eq!(
        stage.waiting(&here).await,
        before.0 + 4,
        "each change must leave one record, and only changes may"
    );

    // A foreign secret is like an absent one.
    assert_eq!(
        store
            .fetch(&there, &third.name)
            .await
            .expect("the store must answer"),
        None
    );
    assert_eq!(store.list(&there).await.expect("the store must answer"), []);
    let swapped = store
        .replace(&there, &third, &first, &record("theft"))
        .await
        .expect("the store must answer");
    let removed = store
        .remove(&there, &third.name, &record("theft"))
        .await
        .expect("the store must answer");
    assert!(
        !swapped && !removed,
        "another tenant reached this tenant's secret"
    );
    assert_eq!(
        stage.waiting(&there).await,
        before.1,
        "nothing happened, so nothing must be recorded"
    );

    // What is removed is gone, once.
    assert!(
        store
            .remove(&here, &third.name, &record("removed"))
            .await
            .expect("the store must answer")
    );
    assert!(
        !store
            .remove(&here, &third.name, &record("removed"))
            .await
            .expect("the store must answer")
    );
    assert_eq!(
        store
            .fetch(&here, &third.name)
            .await
            .expect("the store must answer"),
        None
    );
    assert_eq!(
        stage.waiting(&here).await,
        before.0 + 5,
        "one removal must leave one record"
    );
}

fn sealed(name: &str, number: u8) -> SealedSecret {
    SealedSecret {
        version: 1,
        name: name.to_owned(),
        provider: "openai".to_owned(),
        key_id: format!("key-{number}"),
        wrapped_key: (0..=255).map(|byte: u8| byte.wrapping_add(number)).collect(),
        ciphertext: vec![0, number, 0xff],
        created: at(i64::from(number)),
    }
}
