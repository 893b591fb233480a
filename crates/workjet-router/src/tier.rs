//! What a model name means.
//!
//! A client names a tier (`fast`), an alias (`gpt-5`), or one target (`openai:gpt-5-mini`). [`Routes`] was checked when it
//! was made, so a name either leads to targets, in the order to try them, or is not known at all.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::str::FromStr;

/// One model of one provider, written `provider:model` and split at the first colon: `ollama:llama3.2:3b` is the model
/// `llama3.2:3b`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Target {
    /// The provider's name in the configuration.
    pub provider: String,
    /// The model, in the provider's own words.
    pub model: String,
}

impl Target {
    /// A target out of its two names.
    pub fn new(provider: impl Into<String>, model: impl Into<String>) -> Self {
        Self {
            provider: provider.into(),
            model: model.into(),
        }
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.provider, self.model)
    }
}

/// The text is not `provider:model`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a target is written provider:model, such as openai:gpt-5-mini")]
pub struct InvalidTarget;

impl FromStr for Target {
    type Err = InvalidTarget;

    fn from_str(text: &str) -> Result<Self, InvalidTarget> {
        let (provider, model) = text.split_once(':').ok_or(InvalidTarget)?;
        let plain = |text: &str| !text.is_empty() && text.len() <= 256 && !text.contains(char::is_control);
        if plain(provider) && plain(model) {
            Ok(Self::new(provider, model))
        } else {
            Err(InvalidTarget)
        }
    }
}

/// What every model name leads to.
///
/// ```
/// use workjet_router::Routes;
///
/// let routes = Routes::new(
///     ["openai", "ollama"],
///     [("fast", vec!["openai:gpt-5-mini".parse()?, "ollama:llama3.2:3b".parse()?])],
///     [("gpt-5", "fast")],
/// )?;
/// let resolved = routes.resolve("gpt-5")?;
/// assert_eq!(resolved.tier.as_deref(), Some("fast"));
/// assert_eq!(resolved.targets[1].model, "llama3.2:3b");
/// assert_eq!(routes.resolve("ollama:qwen3")?.targets.len(), 1);
/// assert!(routes.resolve("gpt-4").is_err());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Default)]
pub struct Routes {
    providers: BTreeSet<String>,
    // In the order of the configuration, which is the order of the list.
    tiers: Vec<(String, Vec<Target>)>,
    aliases: BTreeMap<String, Resolved>,
}

/// Where a request may go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resolved {
    /// The tier, if the name led to one.
    pub tier: Option<String>,
    /// The targets to try, in order; never empty.
    pub targets: Vec<Target>,
}

/// A name that clients can use for `model`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    /// The name.
    pub id: String,
    /// What kind of name it is.
    pub kind: ListedKind,
}

/// What kind of name a [`Listed`] is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ListedKind {
    /// A tier.
    Tier,
    /// Another name for a tier or a target.
    Alias,
    /// One model of one provider.
    Target,
}

/// No tier, alias or provider has this name.
///
/// Does not repeat the name: a client may have put anything there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("unknown model: use a tier, an alias or provider:model, as GET /v1/models lists them")]
pub struct ModelNotFound;

/// Why names do not make [`Routes`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RouteError {
    /// Two tiers, or a tier and an alias, have one name.
    #[error("{0:?} is the name of two tiers, or of a tier and an alias")]
    Duplicate(String),
    /// A tier or alias without a name, or a tier with a colon in its name, which would read as a target.
    #[error("{0:?} cannot be the name of a tier or alias: it must not be empty, and a tier's has no colon")]
    BadName(String),
    /// A tier without targets.
    #[error("the tier {0:?} has no targets")]
    EmptyTier(String),
    /// A tier names one target twice.
    #[error("the tier {tier:?} names {target} twice")]
    RepeatedTarget {
        /// The tier.
        tier: String,
        /// The target.
        target: Target,
    },
    /// A tier or alias names a provider that does not exist.
    #[error("{name:?} names the provider {provider:?}, which does not exist")]
    UnknownProvider {
        /// The tier or alias.
        name: String,
        /// The provider.
        provider: String,
    },
    /// An alias leads to nothing.
    #[error(
        "the alias {alias:?} leads to {leads_to:?}, which is neither a tier, an alias nor provider:model"
    )]
    UnknownName {
        /// The alias.
        alias: String,
        /// What it leads to.
        leads_to: String,
    },
    /// An alias leads back to itself.
    #[error("the alias {0:?} leads back to itself")]
    Cycle(String),
}

impl Routes {
    /// Routes over `providers`, by `tiers` (name and targets, in the order to try them) and `aliases` (a client's model
    /// name, and the tier, alias or target it stands for).
    ///
    /// # Errors
    /// [`RouteError`] says which name is wrong, and why.
    pub fn new<P: Into<String>, T: Into<String>, A: Into<String>, L: Into<String>>(
        providers: impl IntoIterator<Item = P>,
        tiers: impl IntoIterator<Item = (T, Vec<Target>)>,
        aliases: impl IntoIterator<Item = (A, L)>,
    ) -> Result<Self, RouteError> {
        let mut routes = Self {
            providers: providers.into_iter().map(Into::into).collect(),
            ..Self::default()
        };
        for (name, targets) in tiers {
            routes.add_tier(name.into(), targets)?;
        }
        let mut names = BTreeMap::new();
        for (alias, leads_to) in aliases {
            let alias = alias.into();
            if alias.is_empty() {
                return Err(RouteError::BadName(alias));
            }
            if routes.tier(&alias).is_some() || names.insert(alias.clone(), leads_to.into()).is_some() {
                return Err(RouteError::Duplicate(alias));
            }
        }
        for alias in names.keys() {
            let resolved = routes.follow(alias, &names)?;
            routes.aliases.insert(alias.clone(), resolved);
        }
        Ok(routes)
    }

    /// What `model` means: an alias, a tier, or `provider:model`, looked up in this order.
    ///
    /// # Errors
    /// [`ModelNotFound`] if it is none of them.
    pub fn resolve(&self, model: &str) -> Result<Resolved, ModelNotFound> {
        if let Some(resolved) = self.aliases.get(model) {
            return Ok(resolved.clone());
        }
        self.direct(model).ok_or(ModelNotFound)
    }

    /// The names that clients can use: tiers, aliases, and the targets that tiers name. A provider may know more models
    /// than these, and all of them can be asked for as `provider:model`.
    pub fn list(&self) -> Vec<Listed> {
        let mut list: Vec<Listed> = Vec::new();
        list.extend(self.tiers.iter().map(|(name, _)| Listed {
            id: name.clone(),
            kind: ListedKind::Tier,
        }));
        list.extend(self.aliases.keys().map(|name| Listed {
            id: name.clone(),
            kind: ListedKind::Alias,
        }));
        let targets: BTreeSet<String> = (self.tiers.iter())
            .flat_map(|(_, targets)| targets)
            .chain(self.aliases.values().flat_map(|resolved| &resolved.targets))
            .map(ToString::to_string)
            .filter(|id| !self.aliases.contains_key(id))
            .collect();
        list.extend(targets.into_iter().map(|id| Listed {
            id,
            kind: ListedKind::Target,
        }));
        list
    }

    fn add_tier(&mut self, name: String, targets: Vec<Target>) -> Result<(), RouteError> {
        if name.is_empty() || name.contains(':') {
            return Err(RouteError::BadName(name));
        }
        if self.tier(&name).is_some() {
            return Err(RouteError::Duplicate(name));
        }
        if targets.is_empty() {
            return Err(RouteError::EmptyTier(name));
        }
        let mut seen = BTreeSet::new();
        for target in &targets {
            if !self.providers.contains(&target.provider) {
                return Err(RouteError::UnknownProvider {
                    name,
                    provider: target.provider.clone(),
                });
            }
            if !seen.insert(target) {
                return Err(RouteError::RepeatedTarget {
                    target: target.clone(),
                    tier: name,
                });
            }
        }
        self.tiers.push((name, targets));
        Ok(())
    }

    fn follow(&self, alias: &str, names: &BTreeMap<String, String>) -> Result<Resolved, RouteError> {
        let mut at = alias;
        // A chain without a cycle visits no alias twice.
        for _ in 0..=names.len() {
            let leads_to = &names[at];
            if names.contains_key(leads_to) {
                at = leads_to;
            } else if let Some(resolved) = self.direct(leads_to) {
                return Ok(resolved);
            } else if let Ok(target) = leads_to.parse::<Target>() {
                return Err(RouteError::UnknownProvider {
                    name: alias.to_owned(),
                    provider: target.provider,
                });
            } else {
                return Err(RouteError::UnknownName {
                    alias: alias.to_owned(),
                    leads_to: leads_to.clone(),
                });
            }
        }
        Err(RouteError::Cycle(alias.to_owned()))
    }

    fn direct(&self, name: &str) -> Option<Resolved> {
        if let Some(targets) = self.tier(name) {
            return Some(Resolved {
                tier: Some(name.to_owned()),
                targets: targets.to_vec(),
            });
        }
        let target = name
            .parse::<Target>()
            .ok()
            .filter(|target| self.providers.contains(&target.provider))?;
        Some(Resolved {
            tier: None,
            targets: vec![target],
        })
    }

    fn tier(&self, name: &str) -> Option<&[Target]> {
        self.tiers
            .iter()
            .find(|(tier, _)| tier == name)
            .map(|(_, targets)| targets.as_slice())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn targets(texts: &[&str]) -> Vec<Target> {
        texts.iter().map(|text| text.parse().expect("a target")).collect()
    }

    fn error(tiers: &[(&str, &[&str])], aliases: &[(&str, &str)]) -> RouteError {
        let tiers = tiers.iter().map(|(name, list)| (*name, targets(list)));
        Routes::new(["openai", "ollama"], tiers, aliases.iter().copied()).expect_err("must be refused")
    }

    #[test]
    fn target_is_split_at_the_first_colon() {
        let target: Target = "ollama:llama3.2:3b".parse().expect("a target");
        assert_eq!(
            (target.provider.as_str(), target.model.as_str()),
            ("ollama", "llama3.2:3b")
        );
        assert_eq!(target.to_string(), "ollama:llama3.2:3b");
        for text in ["", "gpt-5", ":gpt-5", "openai:", "openai:a\nb", "open\0ai:a"] {
            assert_eq!(text.parse::<Target>(), Err(InvalidTarget), "{text:?}");
        }
    }

    #[test]
    fn every_wrong_name_is_named() {
        assert_eq!(
            error(&[("a", &["openai:x"]), ("a", &["openai:y"])], &[]),
            RouteError::Duplicate("a".into())
        );
        assert_eq!(
            error(&[("a", &["openai:x"])], &[("a", "openai:x")]),
            RouteError::Duplicate("a".into())
        );
        assert_eq!(
            error(&[], &[("b", "openai:x"), ("b", "openai:y")]),
            RouteError::Duplicate("b".into())
        );
        assert_eq!(error(&[("a", &[])], &[]), RouteError::EmptyTier("a".into()));
        assert_eq!(
            error(&[("a:b", &["openai:x"])], &[]),
            RouteError::BadName("a:b".into())
        );
        assert_eq!(
            error(&[], &[("", "openai:x")]),
            RouteError::BadName(String::new())
        );
        let unknown = |name: &str| RouteError::UnknownProvider {
            name: name.into(),
            provider: "azure".into(),
        };
        assert_eq!(error(&[("a", &["azure:x"])], &[]), unknown("a"));
        assert_eq!(error(&[], &[("b", "azure:x")]), unknown("b"));
        assert_eq!(
            error(&[], &[("b", "nowhere")]),
            RouteError::UnknownName {
                alias: "b".into(),
                leads_to: "nowhere".into()
            }
        );
        assert_eq!(
            error(&[("a", &["openai:x", "openai:x"])], &[]),
            RouteError::RepeatedTarget {
                tier: "a".into(),
                target: Target::new("openai", "x")
            }
        );
        assert_eq!(
            error(&[], &[("b", "c"), ("c", "b")]),
            RouteError::Cycle("b".into())
        );
        assert_eq!(error(&[], &[("b", "b")]), RouteError::Cycle("b".into()));
    }

    #[test]
    fn aliases_may_lead_to_aliases_and_may_look_like_targets() {
        let routes = Routes::new(
            ["openai"],
            [("fast", targets(&["openai:small"]))],
            [
                ("gpt-5", "quick"),
                ("quick", "fast"),
                ("openai:old", "openai:new"),
            ],
        )
        .expect("valid");
        assert_eq!(
            routes.resolve("gpt-5").expect("known").tier.as_deref(),
            Some("fast")
        );
        assert_eq!(
            routes.resolve("openai:old").expect("known").targets,
            targets(&["openai:new"])
        );
        assert_eq!(
            routes.resolve("openai:other").expect("known").targets,
            targets(&["openai:other"])
        );
    }

    #[test]
    fn unknown_names_are_not_found() {
        let routes = Routes::new(
            ["openai"],
            [("fast", targets(&["openai:small"]))],
            [("a", "fast")],
        )
        .expect("valid");
        for name in [
            "",
            "Fast",
            "small",
            "azure:small",
            "openai:",
            ":small",
            "llama3.2:3b",
        ] {
            assert_eq!(routes.resolve(name), Err(ModelNotFound), "{name}");
        }
        assert_eq!(Routes::default().resolve("fast"), Err(ModelNotFound));
    }

    #[test]
    fn list_names_everything_once() {
        let routes = Routes::new(
            ["openai"],
            [
                ("smart", targets(&["openai:big", "openai:small"])),
                ("fast", targets(&["openai:small"])),
            ],
            [("gpt-5", "fast"), ("old", "openai:older")],
        )
        .expect("valid");
        let ids: Vec<String> = routes.list().into_iter().map(|listed| listed.id).collect();
        assert_eq!(
            ids,
            [
                "smart",
                "fast",
                "gpt-5",
                "old",
                "openai:big",
                "openai:older",
                "openai:small"
            ]
        );
        for id in ids {
            routes.resolve(&id).expect("what is listed can be used");
        }
    }
}
