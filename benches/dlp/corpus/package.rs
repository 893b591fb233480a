//! The source files of a package that the lock file names: building us has put them on this machine already.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, ensure};
use serde::Deserialize;

use crate::folder;

/// All files below `inside` with that extension, one after another, in the order of their paths.
pub(crate) fn files(package: &str, licence: &str, inside: &str, extension: &str) -> Result<String> {
    let root = unpacked(package)?;
    let manifest: Manifest = toml::from_str(&read(&root.join("Cargo.toml"))?)
        .with_context(|| format!("the manifest of {package} cannot be read"))?;
    let says = manifest.package.license;
    ensure!(
        says.as_deref() == Some(licence),
        "{package} stands under {says:?}, not {licence:?}"
    );
    let mut paths = Vec::new();
    collect(&root.join(inside), extension, &mut paths)?;
    paths.sort();
    ensure!(
        !paths.is_empty(),
        "no file in {inside} of {package} ends in .{extension}"
    );
    paths.iter().map(|path| read(path)).collect()
}

#[derive(Deserialize)]
struct Manifest {
    package: Licensed,
}

#[derive(Deserialize)]
struct Licensed {
    license: Option<String>,
}

#[derive(Deserialize)]
struct Lock {
    package: Vec<Locked>,
}

#[derive(Deserialize)]
struct Locked {
    name: String,
    version: String,
}

/// Where cargo unpacked the version that the workspace is locked to.
///
/// Not by `cargo metadata`, which wants the packages of every member, also of those that were never built here.
fn unpacked(package: &str) -> Result<PathBuf> {
    let lock: Lock =
        toml::from_str(&read(&folder().join("../Cargo.lock"))?).context("the lock file cannot be read")?;
    let version = lock
        .package
        .into_iter()
        .find(|locked| locked.name == package)
        .with_context(|| format!("{package} is not in the lock file"))?
        .version;
    let home = env::var_os("CARGO_HOME")
        .map(PathBuf::from)
        .or_else(|| env::home_dir().map(|home| home.join(".cargo")))
        .context("there is no home folder")?;
    let sources = home.join("registry/src");
    for registry in list(&sources)? {
        let unpacked = registry.join(format!("{package}-{version}"));
        if unpacked.is_dir() {
            return Ok(unpacked);
        }
    }
    anyhow::bail!(
        "{package} {version} is not in {}: `cargo fetch` gets it",
        sources.display()
    )
}

fn collect(folder: &Path, extension: &str, paths: &mut Vec<PathBuf>) -> Result<()> {
    for path in list(folder)? {
        if path.is_dir() {
            collect(&path, extension, paths)?;
        } else if path.extension().is_some_and(|ends| ends == extension) {
            paths.push(path);
        }
    }
    Ok(())
}

fn list(folder: &Path) -> Result<Vec<PathBuf>> {
    fs::read_dir(folder)
        .and_then(|entries| entries.map(|entry| Ok(entry?.path())).collect())
        .with_context(|| format!("cannot list {}", folder.display()))
}

fn read(path: &Path) -> Result<String> {
    fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))
}
