//! A certificate authority for one gateway: it can vouch for this gateway's names and for nothing else.
//!
//! Trusting it in a browser or with `--cacert` is safe even if its key is stolen, for name constraints hold it to the
//! names that it was made for. The leaf's key is made once and kept at every renewal, so clients can pin it.
//!
//! Whether the stored leaf still serves is not read from its fields but tried: it is verified as a client would, for
//! each name, at a time [`RENEW_BEFORE`] from now.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use rcgen::{
    BasicConstraints, CertificateParams, CidrSubnet, DnType, ExtendedKeyUsagePurpose, GeneralSubtree, IsCa,
    Issuer, KeyPair, KeyUsagePurpose, NameConstraints, PublicKeyData as _, SerialNumber, date_time_ymd,
};
use rustls::RootCertStore;
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::ServerCertVerifier as _;
use rustls::sign::CertifiedKey;
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, ServerName, UnixTime};
use sha2::{Digest as _, Sha256};

use super::{TlsError, pair, provider};
use crate::private_file;

/// How long a leaf is valid: well under the 825 days that some clients accept from a private CA at most.
const LEAF_DAYS: i64 = 90;

/// A leaf is renewed when it has less than this left.
const RENEW_BEFORE: Duration = Duration::from_secs(30 * 24 * 3600);

/// A local CA, its leaf key, and the names that they are for.
pub struct LocalCa {
    folder: PathBuf,
    names: BTreeSet<String>,
    ca_key: KeyPair,
    leaf_key: KeyPair,
}

impl std::fmt::Debug for LocalCa {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("LocalCa")
            .field("names", &self.names)
            .finish_non_exhaustive()
    }
}

impl LocalCa {
    /// Opens the CA in `folder`, making both keys if they are not there. The certificate will name `localhost`,
    /// `127.0.0.1`, `::1` and `names`.
    pub(super) fn open(folder: &Path, names: &[String]) -> Result<Self, TlsError> {
        private_file::create_dir(folder).map_err(|error| TlsError::file(folder, error))?;
        let always = ["localhost", "127.0.0.1", "::1"].map(str::to_owned);
        Ok(Self {
            folder: folder.to_owned(),
            names: always.into_iter().chain(names.iter().cloned()).collect(),
            ca_key: key(&folder.join("ca.key"))?,
            leaf_key: key(&folder.join("server.key"))?,
        })
    }

    /// The file that clients trust, in PEM.
    pub fn certificate_file(&self) -> PathBuf {
        self.folder.join("ca.pem")
    }

    /// The leaf with its key, made anew if the stored one does not serve any more.
    pub(super) fn certificate(&self, now: Timestamp) -> Result<CertifiedKey, TlsError> {
        let leaf_file = self.folder.join("server.pem");
        let ca_file = self.certificate_file();
        let read = |path: &Path| private_file::read(path).map_err(|error| TlsError::file(path, error));

        let stored_ca = read(&ca_file)?;
        if let (Some(ca), Some(leaf)) = (&stored_ca, read(&leaf_file)?)
            && self.serves(ca, &leaf, now)
        {
            return self.pair(&leaf);
        }

        let leaf = self.make_leaf(now)?;
        // The CA's certificate stays as long as it can vouch for all names, since clients hold copies of it.
        if !stored_ca.is_some_and(|ca| self.serves(&ca, leaf.as_bytes(), now)) {
            let ca = self.make_ca()?;
            if !self.serves(ca.as_bytes(), leaf.as_bytes(), now) {
                return Err(TlsError(format!(
                    "no certificate can be made for {:?}",
                    self.names
                )));
            }
            private_file::write(&ca_file, ca.as_bytes()).map_err(|error| TlsError::file(&ca_file, error))?;
        }
        private_file::write(&leaf_file, leaf.as_bytes())
            .map_err(|error| TlsError::file(&leaf_file, error))?;
        self.pair(leaf.as_bytes())
    }

    /// Whether a client that trusts `ca` takes `leaf` for each of our names, now and until the next renewal.
    fn serves(&self, ca: &[u8], leaf: &[u8], now: Timestamp) -> bool {
        let mut roots = RootCertStore::empty();
        let (Ok(ca), Ok(leaf)) = (
            CertificateDer::from_pem_slice(ca),
            CertificateDer::from_pem_slice(leaf),
        ) else {
            return false;
        };
        if roots.add(ca).is_err() {
            return false;
        }
        let Ok(verifier) = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider()).build()
        else {
            return false;
        };
        let now = Duration::from_secs(u64::try_from(now.as_second()).unwrap_or(0));
        self.names.iter().all(|name| {
            let Ok(name) = ServerName::try_from(name.as_str()) else {
                return false;
            };
            [now, now + RENEW_BEFORE].into_iter().all(|at| {
                verifier
                    .verify_server_cert(&leaf, &[], &name, &[], UnixTime::since_unix_epoch(at))
                    .is_ok()
            })
        }) && self.pair_der(leaf).is_ok()
    }

    fn pair(&self, leaf: &[u8]) -> Result<CertifiedKey, TlsError> {
        pair(leaf, self.leaf_key.serialize_pem().as_bytes())
            .map_err(|reason| TlsError::file(&self.folder.join("server.pem"), reason))
    }

    fn pair_der(&self, leaf: CertificateDer<'_>) -> Result<CertifiedKey, rustls::Error> {
        let key = rustls_pki_types::PrivatePkcs8KeyDer::from(self.leaf_key.serialize_der());
        CertifiedKey::from_der(vec![leaf.into_owned()], key.into(), &provider())
    }

    /// What the CA is called and may do. The same at every start, as it follows from the key and the names.
    fn ca_params(&self) -> CertificateParams {
        let id = Sha256::digest(self.ca_key.subject_public_key_info());
        let mut params = CertificateParams::default();
        params
            .distinguished_name
            .push(DnType::OrganizationName, "Workjet");
        // Told apart by key, or a client that trusts two gateways could try the wrong one of two namesakes.
        let name = format!(
            "Workjet local CA {:02x}{:02x}{:02x}{:02x}",
            id[0], id[1], id[2], id[3]
        );
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        params.name_constraints = Some(NameConstraints {
            permitted_subtrees: self
                .names
                .iter()
                .map(|name| match name.parse::<IpAddr>() {
                    Ok(IpAddr::V4(ip)) => GeneralSubtree::IpAddress(CidrSubnet::V4(ip.octets(), [0xff; 4])),
                    Ok(IpAddr::V6(ip)) => GeneralSubtree::IpAddress(CidrSubnet::V6(ip.octets(), [0xff; 16])),
                    Err(_) => GeneralSubtree::DnsName(name.clone()),
                })
                .collect(),
            excluded_subtrees: Vec::new(),
        });
        // An expiry would protect nobody: who can replace this file can replace the keys beside it.
        params.not_before = date_time_ymd(2020, 1, 1);
        params.not_after = date_time_ymd(9999, 12, 31);
        params
    }

    fn make_ca(&self) -> Result<String, TlsError> {
        let mut params = self.ca_params();
        params.serial_number = Some(serial()?);
        params.self_signed(&self.ca_key).map(|ca| ca.pem()).map_err(made)
    }

    fn make_leaf(&self, now: Timestamp) -> Result<String, TlsError> {
        let names: Vec<String> = self.names.iter().cloned().collect();
        let mut params = CertificateParams::new(names).map_err(made)?;
        params
            .distinguished_name
            .push(DnType::CommonName, "Workjet gateway");
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        params.use_authority_key_identifier_extension = true;
        params.serial_number = Some(serial()?);
        // A day back, for clients whose clocks are behind.
        params.not_before = whole_seconds(now - SignedDuration::from_hours(24));
        params.not_after = whole_seconds(now + SignedDuration::from_hours(24 * LEAF_DAYS));
        let issuer = Issuer::new(self.ca_params(), &self.ca_key);
        params
            .signed_by(&self.leaf_key, &issuer)
            .map(|leaf| leaf.pem())
            .map_err(made)
    }
}

fn whole_seconds(at: Timestamp) -> time::OffsetDateTime {
    time::OffsetDateTime::from_unix_timestamp(at.as_second()).expect("the years of jiff are years of time")
}

/// 16 random bytes: two certificates of one issuer must never share a number.
fn serial() -> Result<SerialNumber, TlsError> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).map_err(made)?;
    // Positive and of full length in DER.
    bytes[0] = bytes[0] & 0x7f | 0x40;
    Ok(SerialNumber::from_slice(&bytes))
}

/// The key in `path`, made with mode 0600 if it is not there.
fn key(path: &Path) -> Result<KeyPair, TlsError> {
    let file = |error: &dyn std::fmt::Display| TlsError::file(path, error);
    match private_file::read(path).map_err(|error| file(&error))? {
        // A parser's error could quote the key.
        Some(pem) => std::str::from_utf8(&pem)
            .ok()
            .and_then(|pem| KeyPair::from_pem(pem).ok())
            .ok_or_else(|| {
                file(&"no private key in PEM in the file: restore it, or remove it and every client's pin")
            }),
        None => {
            let key = KeyPair::generate().map_err(made)?;
            private_file::write(path, key.serialize_pem().as_bytes()).map_err(|error| file(&error))?;
            Ok(key)
        }
    }
}

fn made(error: impl std::fmt::Display) -> TlsError {
    TlsError(format!("the local certificate cannot be made: {error}"))
}
