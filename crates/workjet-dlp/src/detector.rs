//! Names of what is looked for.

use std::fmt;
use std::sync::Arc;

/// The name of a detector: one of six built in, or that of a custom pattern. Cheap to clone.
#[derive(Clone)]
pub struct Detector(Name);

#[derive(Clone)]
enum Name {
    BuiltIn(&'static str),
    Custom(Arc<str>),
}

impl Detector {
    /// Payment card numbers ([ISO/IEC 7812](https://www.iso.org/standard/70484.html)), by issuer prefix and Luhn sum.
    pub const CREDIT_CARD: Self = Self(Name::BuiltIn("credit_card"));
    /// United States social security numbers; taxpayer numbers (ITIN) carry the subtype `us_itin`.
    pub const US_SSN: Self = Self(Name::BuiltIn("us_ssn"));
    /// E-mail addresses.
    pub const EMAIL: Self = Self(Name::BuiltIn("email"));
    /// Telephone numbers: E.164, North American, and national formats of other countries.
    pub const PHONE: Self = Self(Name::BuiltIn("phone"));
    /// Amazon Web Services access key ids, secret keys and Bedrock keys.
    pub const AWS_KEY: Self = Self(Name::BuiltIn("aws_key"));
    /// Vendor tokens, private keys, JSON Web Tokens, passwords in URLs, and values assigned to secret-sounding names.
    pub const API_SECRET: Self = Self(Name::BuiltIn("api_secret"));

    /// The six built-in detectors that are there without a pack.
    pub const BUILT_IN: [Self; 6] = [
        Self::CREDIT_CARD,
        Self::US_SSN,
        Self::EMAIL,
        Self::PHONE,
        Self::AWS_KEY,
        Self::API_SECRET,
    ];

    /// International bank account numbers ([ISO 13616](https://www.iso.org/standard/81090.html)). With [`Preset::European`](crate::Preset).
    pub const IBAN: Self = Self(Name::BuiltIn("iban"));
    /// National identity, tax and social security numbers of European countries; the subtype says which. With
    /// [`Preset::European`](crate::Preset).
    pub const NATIONAL_ID: Self = Self(Name::BuiltIn("national_id"));
    /// Medicare beneficiary identifiers. With [`Preset::Health`](crate::Preset).
    pub const US_MBI: Self = Self(Name::BuiltIn("us_mbi"));
    /// National provider identifiers. With [`Preset::Health`](crate::Preset).
    pub const US_NPI: Self = Self(Name::BuiltIn("us_npi"));
    /// Registration numbers of the Drug Enforcement Administration. With [`Preset::Health`](crate::Preset).
    pub const US_DEA: Self = Self(Name::BuiltIn("us_dea"));
    /// Medical-record numbers, by the words before them. With [`Preset::Health`](crate::Preset).
    pub const MEDICAL_RECORD: Self = Self(Name::BuiltIn("medical_record"));

    pub(crate) fn custom(name: Arc<str>) -> Self {
        Self(Name::Custom(name))
    }

    /// The name, as it stands in configurations and placeholders.
    #[must_use]
    pub fn as_str(&self) -> &str {
        match &self.0 {
            Name::BuiltIn(name) => name,
            Name::Custom(name) => name,
        }
    }
}

impl PartialEq for Detector {
    fn eq(&self, other: &Self) -> bool {
        self.as_str() == other.as_str()
    }
}

impl Eq for Detector {}

impl std::hash::Hash for Detector {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        self.as_str().hash(state);
    }
}

impl PartialEq<str> for Detector {
    fn eq(&self, other: &str) -> bool {
        self.as_str() == other
    }
}

impl PartialEq<&str> for Detector {
    fn eq(&self, other: &&str) -> bool {
        self.as_str() == *other
    }
}

impl AsRef<str> for Detector {
    fn as_ref(&self) -> &str {
        self.as_str()
    }
}

impl fmt::Display for Detector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl fmt::Debug for Detector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Detector({})", self.as_str())
    }
}

#[cfg(feature = "serde")]
impl serde::Serialize for Detector {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}
