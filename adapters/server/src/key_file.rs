//! Keys that exist in the data folder alone, each in a file with mode 0600, made on first start.

use std::path::Path;

use workjet_auth::{LocalKeys, SecretString};
use workjet_gateway::Entropy as _;
use workjet_gateway::secrets::parse_key;

use crate::error::StartError;
use crate::host::SystemEntropy;
use crate::private_file;

/// The key-encryption keys: one a line, `<id> <64 hex digits>`. The first wraps; the others can still unwrap.
pub(crate) fn key_encryption_keys(path: &Path) -> Result<LocalKeys, StartError> {
    let text = read_or_make(path, || {
        let id: [u8; 4] = random();
        format!("kek-{} {}\n", hex(&id), hex(&random::<32>()))
    })?;
    let keys = text.lines().filter(|line| !line.trim().is_empty()).map(|line| {
        let (id, key) = line.trim().split_once(' ')?;
        Some((id.to_owned(), unhex(key)?))
    });
    keys.collect::<Option<Vec<_>>>()
        .and_then(|keys| {
            let mut keys = keys.into_iter();
            let (id, key) = keys.next()?;
            Some(keys.fold(LocalKeys::new(id, key), |keys, (id, key)| keys.with_old(id, key)))
        })
        .ok_or_else(|| damaged(path))
}

/// The key of commitments to bodies and of pseudonyms: 64 hex digits.
pub(crate) fn commitment_key(path: &Path) -> Result<[u8; 32], StartError> {
    let text = read_or_make(path, || format!("{}\n", hex(&random::<32>())))?;
    unhex(&text).ok_or_else(|| damaged(path))
}

fn read_or_make(path: &Path, make: impl FnOnce() -> String) -> Result<String, StartError> {
    match private_file::read(path).map_err(|error| StartError::file(path, error))? {
        Some(bytes) => String::from_utf8(bytes).map_err(|_| damaged(path)),
        None => {
            let text = make();
            private_file::write(path, text.as_bytes()).map_err(|error| StartError::file(path, error))?;
            Ok(text)
        }
    }
}

/// Never says what is in the file.
fn damaged(path: &Path) -> StartError {
    StartError::file(path, "the key file is damaged: restore it from a backup")
}

fn random<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    SystemEntropy.fill(&mut bytes);
    bytes
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn unhex(text: &str) -> Option<[u8; 32]> {
    parse_key(&SecretString::from(text)).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_made_once_and_read_again() {
        let dir = tempfile::tempdir().expect("a temporary folder");
        let path = dir.path().join("commitment.key");
        let first = commitment_key(&path).expect("made");
        assert_eq!(commitment_key(&path).expect("read"), first);
        assert_ne!(first, [0; 32]);
    }

    #[test]
    fn a_damaged_key_file_is_refused_and_not_shown() {
        let dir = tempfile::tempdir().expect("a temporary folder");
        let path = dir.path().join("kek");
        for damaged in ["", "kek-1", "kek-1 abcd", "kek-1 zz\n"] {
            std::fs::write(&path, damaged).expect("written");
            let error = key_encryption_keys(&path).expect_err("damaged").to_string();
            assert!(error.contains("backup") && !error.contains("abcd"), "{error}");
        }
    }
}
