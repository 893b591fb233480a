//! Texts to measure with, described in TOML files: made from sentences with a seed, or taken from a dependency's sources.
//!
//! A corpus has an endless supply of text and gives as many pieces of a size as are wanted. Pieces differ, since an engine that
//! has seen one text a thousand times is faster on it than on the next one.

mod fill;
mod package;

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result, bail, ensure};
use serde::Deserialize;

use self::fill::Sentences;
use crate::random::Random;

/// The three sizes that are measured: a document, a message, a sentence or two.
pub(crate) const SIZES: [usize; 3] = [64 << 10, 2 << 10, 200];

#[derive(Debug)]
pub(crate) struct Corpus {
    pub(crate) name: String,
    pub(crate) measures: String,
    text: Text,
}

#[derive(Debug)]
enum Text {
    Sentences { seed: u64, sentences: Sentences },
    Chat { seed: u64, sentences: Sentences },
    Files(String),
}

/// A file in `corpora/`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Described {
    measures: String,
    #[expect(dead_code, reason = "for people who read the file; it must not be missing")]
    why: String,
    source: Source,
}

#[derive(Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase", deny_unknown_fields)]
enum Source {
    /// Sentences drawn at random, `{…}` filled in.
    Sentences {
        seed: u64,
        sentences: Vec<String>,
        #[serde(default)]
        words: BTreeMap<String, Vec<String>>,
    },
    /// Bodies of chat requests around the sentences of another corpus.
    Chat { seed: u64, sentences_of: String },
    /// The files of a package in our lock file, in the order of their paths.
    Package {
        package: String,
        /// Checked against the package's own word, so that nobody measures with what they may not use.
        licence: String,
        folder: String,
        extension: String,
    },
}

impl Corpus {
    /// Reads every corpus of a folder, or those with the given names.
    pub(crate) fn all(folder: &Path, names: &[String]) -> Result<Vec<Self>> {
        let mut all: Vec<String> = Vec::new();
        for entry in fs::read_dir(folder).with_context(|| format!("cannot list {}", folder.display()))? {
            let path = entry.context("cannot list the corpora")?.path();
            if path.extension().is_some_and(|extension| extension == "toml") {
                all.extend(path.file_stem().map(|stem| stem.to_string_lossy().into_owned()));
            }
        }
        all.sort();
        for name in names {
            ensure!(
                all.contains(name),
                "no corpus {name:?}: there are {}",
                all.join(", ")
            );
        }
        all.iter()
            .filter(|name| names.is_empty() || names.contains(name))
            .map(|name| Self::read(folder, name))
            .collect()
    }

    pub(crate) fn read(folder: &Path, name: &str) -> Result<Self> {
        let described = describe(folder, name)?;
        let text = match described.source {
            Source::Sentences {
                seed,
                sentences,
                words,
            } => Text::Sentences {
                seed,
                sentences: Sentences::new(sentences, words)
                    .with_context(|| format!("the corpus {name} cannot be used"))?,
            },
            Source::Chat { seed, sentences_of } => {
                let Source::Sentences { sentences, words, .. } = describe(folder, &sentences_of)?.source
                else {
                    bail!("the corpus {name} wants the sentences of {sentences_of}, which has none");
                };
                Text::Chat {
                    seed,
                    sentences: Sentences::new(sentences, words)?,
                }
            }
            Source::Package {
                package,
                licence,
                folder,
                extension,
            } => Text::Files(
                package::files(&package, &licence, &folder, &extension)
                    .with_context(|| format!("the corpus {name} cannot be read"))?,
            ),
        };
        Ok(Self {
            name: name.to_owned(),
            measures: described.measures,
            text,
        })
    }

    /// So many texts of `bytes` bytes each, or up to three less where a character would be cut.
    pub(crate) fn texts(&self, bytes: usize, count: usize) -> Vec<String> {
        match &self.text {
            Text::Sentences { seed, sentences } => {
                let mut random = Random::new(*seed);
                (0..count)
                    .map(|_| cut(sentences.text(bytes, &mut random), bytes))
                    .collect()
            }
            Text::Chat { seed, sentences } => {
                let mut random = Random::new(*seed);
                (0..count).map(|_| chat(bytes, sentences, &mut random)).collect()
            }
            Text::Files(all) => {
                let mut rest = all.as_str();
                (0..count)
                    .map(|_| {
                        if rest.len() < bytes {
                            rest = all;
                        }
                        let (piece, after) = rest.split_at(boundary(rest, bytes));
                        rest = after;
                        piece.to_owned()
                    })
                    .collect()
            }
        }
    }
}

/// The body of a chat request: a conversation of as many turns as the size has room for.
fn chat(bytes: usize, sentences: &Sentences, random: &mut Random) -> String {
    const FRAME: usize = "{\"role\":\"assistant\",\"content\":\"\"},".len();
    let mut messages = Vec::new();
    let mut left = bytes.saturating_sub(r#"{"model":"demo","stream":true,"messages":[]}"#.len());
    while left > FRAME {
        let length = (left - FRAME).min(400 + random.below(1200));
        let mut said = cut(sentences.text(length, random), length);
        // Quotes and line breaks grow by their escapes.
        while serde_json::to_string(&said).map_or(0, |json| json.len() - 2) > length {
            said.pop();
        }
        let role = ["user", "assistant"][messages.len() % 2];
        messages.push(serde_json::json!({"role": role, "content": said}));
        left = left.saturating_sub(FRAME + length);
    }
    serde_json::json!({"model": "demo", "stream": true, "messages": messages}).to_string()
}

fn describe(folder: &Path, name: &str) -> Result<Described> {
    let path = folder.join(name).with_extension("toml");
    let text = fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
    toml::from_str(&text).with_context(|| format!("{} is not a corpus", path.display()))
}

fn cut(mut text: String, bytes: usize) -> String {
    text.truncate(boundary(&text, bytes));
    text
}

fn boundary(text: &str, bytes: usize) -> usize {
    text.floor_char_boundary(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::folder;

    fn all() -> Vec<Corpus> {
        Corpus::all(&folder().join("corpora"), &[]).expect("the corpora can be read")
    }

    #[test]
    fn every_corpus_gives_texts_of_the_size_asked_for_and_the_same_ones_each_time() {
        for corpus in all() {
            for bytes in SIZES {
                let texts = corpus.texts(bytes, 5);
                assert_eq!(texts, corpus.texts(bytes, 5), "{}", corpus.name);
                for text in texts {
                    // A chat gives up a few bytes where another message does not fit.
                    assert!(
                        text.len() <= bytes && text.len() > bytes - bytes / 4,
                        "{}: {} bytes instead of {bytes}",
                        corpus.name,
                        text.len()
                    );
                }
            }
        }
    }

    #[test]
    fn bodies_of_requests_are_json() {
        let corpora = all();
        let chat = corpora
            .iter()
            .find(|corpus| corpus.name == "chat")
            .expect("there is one");
        for text in chat.texts(2 << 10, 20) {
            serde_json::from_str::<serde_json::Value>(&text).expect("JSON");
        }
    }
}
