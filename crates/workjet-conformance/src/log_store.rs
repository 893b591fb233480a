//! The contract of [`LogStore`].

use workjet_audit::{Creation, Durability, LogStore};
use workjet_tenant::ErrorKind;

use crate::stage::scope_of;

/// Checks an empty [`LogStore`].
///
/// # Panics
/// If the store breaks its contract; the message says how.
pub async fn log_store(store: &dyn LogStore) {
    objects(store).await;
    head(store).await;
    journal(store).await;
}

async fn objects(store: &dyn LogStore) {
    let (here, there) = (scope_of("log-here"), scope_of("log-there"));
    let path = "entries/000/000/007";
    let create = async |path: &str, bytes: &[u8]| {
        store
            .create(&here, path, bytes)
            .await
            .expect("a new object is accepted")
    };
    let read = async |path: &str| store.read(&here, path).await.expect("reading must answer");

    assert_eq!(
        read(path).await,
        None,
        "an object that was never created must be absent"
    );
    assert_eq!(create(path, b"one\ntwo\n").await, Creation::Created);
    assert_eq!(
        read(path).await.as_deref(),
        Some(&b"one\ntwo\n"[..]),
        "objects come back byte for byte"
    );
    assert_eq!(
        create(path, b"one\ntwo\n").await,
        Creation::Identical,
        "the same bytes again must be recognised: an acknowledgement may have been lost"
    );
    assert_eq!(
        create(path, b"one\n").await,
        Creation::Conflict,
        "an object must never change"
    );
    assert_eq!(
        create(path, b"one\ntwo\nthree\n").await,
        Creation::Conflict,
        "an object must never grow"
    );
    assert_eq!(
        read(path).await.as_deref(),
        Some(&b"one\ntwo\n"[..]),
        "a conflict must leave the object alone"
    );
    assert_eq!(
        create("entries/000/001/000", b"").await,
        Creation::Created,
        "an object may be empty"
    );
    assert_eq!(read("entries/000/001/000").await, Some(Vec::new()));
    let large = vec![b'x'; 1 << 20];
    assert_eq!(create("entries/000/000/008", &large).await, Creation::Created);
    assert!(
        read("entries/000/000/008").await == Some(large),
        "a megabyte comes back byte for byte"
    );

    assert_eq!(
        store.read(&there, path).await.expect("reading must answer"),
        None,
        "another tenant must not see it"
    );
    assert_eq!(
        store
            .create(&there, path, b"theirs")
            .await
            .expect("their own object"),
        Creation::Created,
        "another tenant's object of the same path is another object"
    );
    assert_eq!(
        read(path).await.as_deref(),
        Some(&b"one\ntwo\n"[..]),
        "another tenant must not change it"
    );

    for path in [
        "",
        "/",
        "/entries/1",
        "entries/../../log-there/head",
        "entries//1",
        "entries/1/",
        "entries/.x",
        "entries/A",
        "entries/a\\b",
    ] {
        store
            .create(&here, path, b"x")
            .await
            .expect_err("a path with other characters must be refused");
    }
}

async fn head(store: &dyn LogStore) {
    let (here, there) = (scope_of("head-here"), scope_of("head-there"));
    let swap = async |expected: Option<&[u8]>, new: &[u8], durability| {
        store
            .compare_and_swap_head(&here, expected, new, durability)
            .await
            .expect("swapping must answer")
    };
    let read = async || store.read_head(&here).await.expect("reading must answer");

    assert_eq!(read().await, None, "a new log has no head");
    assert!(
        !swap(Some(b"head 0\n"), b"head 1\n", Durability::Machine).await,
        "what is absent equals nothing"
    );
    assert_eq!(read().await, None, "a swap that fails must change nothing");
    assert!(
        swap(None, b"head 1\n", Durability::Machine).await,
        "the first head needs no predecessor"
    );
    assert_eq!(read().await.as_deref(), Some(&b"head 1\n"[..]));
    assert!(
        !swap(None, b"head 2\n", Durability::Machine).await,
        "there is a head now"
    );
    assert!(
        !swap(Some(b"head 0\n"), b"head 2\n", Durability::Process).await,
        "the head is another"
    );
    assert!(
        !swap(Some(b"head 1"), b"head 2\n", Durability::Process).await,
        "the head is longer"
    );
    assert_eq!(
        read().await.as_deref(),
        Some(&b"head 1\n"[..]),
        "a swap that fails must change nothing"
    );
    assert!(swap(Some(b"head 1\n"), b"head 2\n", Durability::Process).await);
    assert_eq!(
        read().await.as_deref(),
        Some(&b"head 2\n"[..]),
        "a swap must show at once"
    );
    assert!(
        swap(Some(b"head 2\n"), b"a longer head 3\n", Durability::Process).await,
        "a head may change its length"
    );
    assert!(
        swap(Some(b"a longer head 3\n"), b"4\n", Durability::Machine).await,
        "a head may change its length"
    );
    assert_eq!(
        read().await.as_deref(),
        Some(&b"4\n"[..]),
        "nothing of a longer head may be left"
    );
    assert_eq!(
        store.read_head(&there).await.expect("reading must answer"),
        None,
        "tenants share no head"
    );
}

async fn journal(store: &dyn LogStore) {
    let (here, there) = (scope_of("journal-here"), scope_of("journal-there"));
    let read = async || store.read_journal(&here).await.expect("reading must answer");
    let append = async |at: u64, bytes: &[u8]| store.append_journal(&here, at, bytes).await;

    assert_eq!(read().await, None, "a new log has no journal");
    append(0, b"lost")
        .await
        .expect_err("a journal must be begun before it is appended to");
    store
        .reset_journal(&here, b"begin\n")
        .await
        .expect("a journal can be begun");
    assert_eq!(read().await.as_deref(), Some(&b"begin\n"[..]));
    append(6, b"one\n").await.expect("the length is right");
    append(10, b"two\n").await.expect("the length is right");
    assert_eq!(
        read().await.as_deref(),
        Some(&b"begin\none\ntwo\n"[..]),
        "appends come back in order, byte for byte"
    );
    for wrong in [0, 10, 13, 15] {
        let error = append(wrong, b"three\n")
            .await
            .expect_err("a writer that lost track must be refused");
        assert_eq!(
            error.kind(),
            ErrorKind::Conflict,
            "the refusal must say that nothing was written"
        );
    }
    assert_eq!(
        read().await.as_deref(),
        Some(&b"begin\none\ntwo\n"[..]),
        "a refused append must write nothing"
    );
    append(14, b"three\n").await.expect("the length is right");

    store
        .reset_journal(&here, b"again\n")
        .await
        .expect("a journal can be begun anew");
    assert_eq!(
        read().await.as_deref(),
        Some(&b"again\n"[..]),
        "nothing of the old journal may be left"
    );
    append(6, b"four\n").await.expect("appends go to the new journal");
    assert_eq!(read().await.as_deref(), Some(&b"again\nfour\n"[..]));
    assert_eq!(
        store.read_journal(&there).await.expect("reading must answer"),
        None,
        "tenants share no journal"
    );
}
