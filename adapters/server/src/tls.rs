//! The server's side of TLS: 1.3 and nothing older, with a certificate that can change while connections are open.
//!
//! [`Certificate`] is what rustls asks at every handshake. In mode `self-signed` it comes from a [`LocalCa`] in the data
//! folder; in mode `files` from somebody else. [`Certificate::refresh`] looks again, and whatever goes wrong then, the
//! last good pair stays in use.

mod local_ca;

use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use jiff::Timestamp;
use rustls::crypto::CryptoProvider;
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use sha2::{Digest as _, Sha256};

pub use self::local_ca::LocalCa;

/// The certificate in use, and where the next one comes from.
pub struct Certificate {
    origin: Origin,
    current: RwLock<Arc<CertifiedKey>>,
}

enum Origin {
    LocalCa(Box<LocalCa>),
    Files { cert: PathBuf, key: PathBuf },
}

impl Certificate {
    /// A certificate from the local CA in `folder`, which is made if there is none yet.
    ///
    /// # Errors
    /// In words: the folder cannot be written, or what lies in it is no certificate.
    pub fn self_signed(folder: &Path, names: &[String], now: Timestamp) -> Result<Self, TlsError> {
        let ca = LocalCa::open(folder, names)?;
        let pair = ca.certificate(now)?;
        Ok(Self {
            current: RwLock::new(Arc::new(pair)),
            origin: Origin::LocalCa(Box::new(ca)),
        })
    }

    /// A certificate chain and its key, in PEM files.
    ///
    /// # Errors
    /// In words: a file cannot be read or holds no certificate or key, or the two do not belong together.
    pub fn from_files(cert: &Path, key: &Path) -> Result<Self, TlsError> {
        let pair = read_pair(cert, key)?;
        let origin = Origin::Files {
            cert: cert.to_owned(),
            key: key.to_owned(),
        };
        Ok(Self {
            current: RwLock::new(Arc::new(pair)),
            origin,
        })
    }

    /// Looks for a newer certificate, renewing the local one if it is about to expire. True if it changed.
    ///
    /// # Errors
    /// As the constructors; the last good pair then stays in use.
    pub fn refresh(&self, now: Timestamp) -> Result<bool, TlsError> {
        let next = match &self.origin {
            Origin::LocalCa(ca) => ca.certificate(now)?,
            Origin::Files { cert, key } => read_pair(cert, key)?,
        };
        if next.cert == self.current().cert {
            return Ok(false);
        }
        *self.current.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(next);
        Ok(true)
    }

    /// `sha256/<base64>` of the public key in use, as clients pin it. A local certificate keeps its key when it is
    /// renewed, so its pin stays.
    pub fn pin(&self) -> String {
        let current = self.current();
        let spki = current
            .key
            .public_key()
            .expect("ring's signing keys know their public half");
        format!("sha256/{}", BASE64.encode(Sha256::digest(&spki)))
    }

    /// The file with the CA that clients should trust, if it is the local one.
    pub fn ca_file(&self) -> Option<PathBuf> {
        match &self.origin {
            Origin::LocalCa(ca) => Some(ca.certificate_file()),
            Origin::Files { .. } => None,
        }
    }

    /// What rustls needs to serve with this certificate: TLS 1.3, HTTP/2 and HTTP/1.1.
    pub fn server_config(self: &Arc<Self>) -> rustls::ServerConfig {
        let mut config = rustls::ServerConfig::builder_with_provider(provider())
            .with_protocol_versions(&[&rustls::version::TLS13])
            .expect("ring has TLS 1.3")
            .with_no_client_auth()
            .with_cert_resolver(self.clone());
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        config
    }

    fn current(&self) -> Arc<CertifiedKey> {
        self.current
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
}

impl ResolvesServerCert for Certificate {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.current())
    }
}

impl fmt::Debug for Certificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Certificate")
            .field("pin", &self.pin())
            .finish_non_exhaustive()
    }
}

/// Named at every use rather than installed for the process, so that an embedder's own choice cannot change ours.
pub(crate) fn provider() -> Arc<CryptoProvider> {
    Arc::new(rustls::crypto::ring::default_provider())
}

fn read_pair(cert: &Path, key: &Path) -> Result<CertifiedKey, TlsError> {
    let read = |path: &Path| fs::read(path).map_err(|error| TlsError::file(path, error));
    pair(&read(cert)?, &read(key)?)
        .map_err(|reason| TlsError(format!("{} and {}: {reason}", cert.display(), key.display())))
}

/// Parses a chain and a key in PEM; fails if they do not belong together.
fn pair(chain: &[u8], key: &[u8]) -> Result<CertifiedKey, String> {
    let chain: Vec<CertificateDer<'static>> = CertificateDer::pem_slice_iter(chain)
        .collect::<Result<_, _>>()
        .map_err(|error| error.to_string())?;
    if chain.is_empty() {
        return Err("no certificate in the file".into());
    }
    // Its error could quote the file, and the file is a secret.
    let key =
        PrivateKeyDer::from_pem_slice(key).map_err(|_| "no private key in PEM in the file".to_owned())?;
    CertifiedKey::from_der(chain, key, &provider()).map_err(|error| error.to_string())
}

/// No certificate can be made or read. Says what to do, and holds no secret.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{0}")]
pub struct TlsError(String);

impl TlsError {
    fn file(path: &Path, error: impl fmt::Display) -> Self {
        Self(format!("{}: {error}", path.display()))
    }
}

#[cfg(test)]
mod tests;
