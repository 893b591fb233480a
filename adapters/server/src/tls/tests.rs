//! What clients may rely on over renewals.

use super::*;

fn now() -> Timestamp {
    "2026-03-01T12:00:00Z".parse().expect("a time")
}

fn later(days: i64) -> Timestamp {
    now() + jiff::SignedDuration::from_hours(24 * days)
}

fn folder() -> tempfile::TempDir {
    tempfile::tempdir().expect("a temporary folder")
}

fn ca(folder: &Path) -> Vec<u8> {
    fs::read(folder.join("ca.pem")).expect("the CA's certificate")
}

#[test]
fn a_restart_keeps_certificate_and_pin() {
    let dir = folder();
    let first = Certificate::self_signed(dir.path(), &[], now()).expect("a certificate");
    let second = Certificate::self_signed(dir.path(), &[], later(1)).expect("a certificate");
    assert_eq!(first.current().cert, second.current().cert);
    assert_eq!(first.pin(), second.pin());
}

#[test]
fn renewal_changes_the_certificate_and_keeps_pin_and_ca() {
    let dir = folder();
    let certificate = Certificate::self_signed(dir.path(), &[], now()).expect("a certificate");
    let (pin, old_ca) = (certificate.pin(), ca(dir.path()));
    assert!(!certificate.refresh(later(50)).expect("nothing to do"));
    assert!(
        certificate.refresh(later(70)).expect("a renewal"),
        "it is due 30 days before the end"
    );
    assert_eq!(certificate.pin(), pin);
    assert_eq!(ca(dir.path()), old_ca);
}

#[test]
fn a_new_name_makes_a_new_ca_but_keeps_the_pin() {
    let dir = folder();
    let before = Certificate::self_signed(dir.path(), &[], now()).expect("a certificate");
    let old_ca = ca(dir.path());
    let names = ["gateway.example".to_owned(), "192.0.2.7".to_owned()];
    let after = Certificate::self_signed(dir.path(), &names, now()).expect("a certificate");
    assert_ne!(
        ca(dir.path()),
        old_ca,
        "the old one may not vouch for the new name"
    );
    assert_eq!(before.pin(), after.pin());
}

#[test]
fn the_ca_cannot_vouch_for_other_names() {
    let (ours, theirs) = (folder(), folder());
    Certificate::self_signed(ours.path(), &[], now()).expect("a certificate");
    // A thief takes the key of the CA and signs for a bank with it.
    fs::copy(ours.path().join("ca.key"), theirs.path().join("ca.key")).expect("copy");
    Certificate::self_signed(theirs.path(), &["bank.example".to_owned()], now()).expect("a certificate");

    let mut roots = rustls::RootCertStore::empty();
    roots
        .add(CertificateDer::from_pem_slice(&ca(ours.path())).expect("PEM"))
        .expect("a CA");
    let verifier = rustls::client::WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider())
        .build()
        .expect("a verifier");
    let leaf = fs::read(theirs.path().join("server.pem")).expect("the leaf");
    let leaf = CertificateDer::from_pem_slice(&leaf).expect("PEM");
    let at = rustls_pki_types::UnixTime::since_unix_epoch(std::time::Duration::from_secs(
        now().as_second().try_into().expect("after 1970"),
    ));
    let name = "bank.example".try_into().expect("a name");
    use rustls::client::danger::ServerCertVerifier as _;
    assert!(verifier.verify_server_cert(&leaf, &[], &name, &[], at).is_err());
}

#[cfg(unix)]
#[test]
fn private_keys_are_for_their_owner_alone() {
    use std::os::unix::fs::PermissionsExt as _;
    let dir = folder();
    Certificate::self_signed(dir.path(), &[], now()).expect("a certificate");
    for name in ["ca.key", "server.key"] {
        let mode = fs::metadata(dir.path().join(name))
            .expect("a key")
            .permissions()
            .mode();
        assert_eq!(mode & 0o777, 0o600, "{name}");
    }
}

#[test]
fn files_are_reloaded_and_a_bad_pair_leaves_the_last_good_one() {
    let (one, two, used) = (folder(), folder(), folder());
    for dir in [&one, &two] {
        Certificate::self_signed(dir.path(), &[], now()).expect("a certificate");
    }
    let copy = |from: &tempfile::TempDir, name: &str| {
        fs::copy(from.path().join(name), used.path().join(name)).expect("copy");
    };
    let (cert, key) = (used.path().join("server.pem"), used.path().join("server.key"));
    copy(&one, "server.pem");
    copy(&one, "server.key");
    let certificate = Certificate::from_files(&cert, &key).expect("a pair");
    let first = certificate.pin();

    copy(&two, "server.pem");
    assert!(
        certificate.refresh(now()).is_err(),
        "a certificate without its key"
    );
    assert_eq!(certificate.pin(), first);

    copy(&two, "server.key");
    assert!(certificate.refresh(now()).expect("a pair again"));
    assert_ne!(certificate.pin(), first);
}
