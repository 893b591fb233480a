//! Where the server listens, and with which certificate.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::str::FromStr;

use super::error::{ConfigError, Source};
use super::raw;

/// A host, by address or name, and a port; port 0 takes a free one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listen {
    host: String,
    port: u16,
}

impl Listen {
    /// The host without brackets: `127.0.0.1`, `::1`, `localhost`, `gateway.example`.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The port.
    pub const fn port(&self) -> u16 {
        self.port
    }

    /// The host as an address, if it is one.
    pub fn address(&self) -> Option<IpAddr> {
        self.host.parse().ok()
    }

    /// Whether only this machine can reach it.
    pub fn is_loopback(&self) -> bool {
        self.address()
            .map_or(self.host == "localhost", |address| address.is_loopback())
    }

    /// Whether it means every address of the machine, and so names none.
    pub fn is_wildcard(&self) -> bool {
        self.address().is_some_and(|address| address.is_unspecified())
    }
}

impl Default for Listen {
    fn default() -> Self {
        Self {
            host: Ipv4Addr::LOCALHOST.to_string(),
            port: 8787,
        }
    }
}

impl fmt::Display for Listen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.host.contains(':') {
            write!(f, "[{}]:{}", self.host, self.port)
        } else {
            write!(f, "{}:{}", self.host, self.port)
        }
    }
}

impl FromStr for Listen {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if let Ok(address) = text.parse::<SocketAddr>() {
            return Ok(Self {
                host: address.ip().to_string(),
                port: address.port(),
            });
        }
        let help =
            || format!("{text:?} is no address to listen on: write host:port, as in \"127.0.0.1:8787\"");
        let (host, port) = text.rsplit_once(':').ok_or_else(help)?;
        if !is_host_name(host) {
            return Err(help());
        }
        Ok(Self {
            host: host.to_ascii_lowercase(),
            port: port.parse().map_err(|_| help())?,
        })
    }
}

/// Where the server's certificate comes from. TLS 1.3 in every mode but `Off`.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Tls {
    /// A local CA and a certificate, made on first start.
    SelfSigned {
        /// Names and addresses for the certificate, beside localhost and the listen host.
        names: Vec<String>,
    },
    /// Somebody else's certificate.
    Files {
        /// The chain, leaf first, in PEM.
        cert: PathBuf,
        /// The leaf's private key, in PEM.
        key: PathBuf,
    },
    /// Plain HTTP on a loopback address, for a proxy on the same host.
    Off,
}

pub(super) fn tls(source: &Source<'_>, raw: Option<&toml::Spanned<raw::Tls>>) -> Result<Tls, ConfigError> {
    let Some(spanned) = raw else {
        return Ok(Tls::SelfSigned { names: Vec::new() });
    };
    let raw = spanned.get_ref();
    let mode = raw.mode.as_ref().map_or("self-signed", |mode| mode.get_ref());
    let foreign = |field: &str| {
        source.at(
            spanned.span(),
            format!("`{field}` means nothing with mode = {mode:?}"),
        )
    };
    if mode != "files" && (raw.cert.is_some() || raw.key.is_some()) {
        return Err(foreign(if raw.cert.is_some() { "cert" } else { "key" }));
    }
    if mode != "self-signed" && !raw.names.is_empty() {
        return Err(foreign("names"));
    }
    match mode {
        "self-signed" => {
            for name in &raw.names {
                let text = name.get_ref();
                if text.parse::<IpAddr>().is_err() && !is_host_name(text) {
                    return Err(source.at(
                        name.span(),
                        format!("{text:?} is neither a host name nor an address"),
                    ));
                }
            }
            Ok(Tls::SelfSigned {
                names: raw
                    .names
                    .iter()
                    .map(|name| name.get_ref().to_ascii_lowercase())
                    .collect(),
            })
        }
        "files" => match (&raw.cert, &raw.key) {
            (Some(cert), Some(key)) => Ok(Tls::Files {
                cert: cert.clone(),
                key: key.clone(),
            }),
            _ => Err(source.at(spanned.span(), "mode = \"files\" needs both `cert` and `key`")),
        },
        "off" => Ok(Tls::Off),
        _ => Err(source.at(
            raw.mode.as_ref().map_or(spanned.span(), toml::Spanned::span),
            format!("unknown mode {mode:?}: use \"self-signed\", \"files\" or \"off\""),
        )),
    }
}

/// Whether `tls` is possible on `listen`.
pub(super) fn check(listen: &Listen, tls: &Tls) -> Result<(), String> {
    match tls {
        Tls::Off if !listen.is_loopback() => Err(format!(
            "TLS may be off on a loopback address only, and {listen} is none: listen on 127.0.0.1, or use mode = \"self-signed\" or \"files\""
        )),
        Tls::SelfSigned { names } if listen.is_wildcard() && names.is_empty() => Err(format!(
            "{listen} stands for every address and names none: list the names that clients use, as in [tls] names = [\"gateway.example\"]"
        )),
        _ => Ok(()),
    }
}

/// Letters, digits, hyphens and dots, as host names have them; not something that is meant to be an address.
fn is_host_name(text: &str) -> bool {
    let label = |label: &str| {
        !label.is_empty()
            && label.len() <= 63
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
    };
    let last_is_a_number = text
        .rsplit('.')
        .next()
        .is_some_and(|last| last.bytes().all(|b| b.is_ascii_digit()));
    text.len() <= 253 && !last_is_a_number && text.split('.').all(label)
}
