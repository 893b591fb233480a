//! Links Hyperscan, or Vectorscan, which has its interface, if the machine has it: Debian's `libhyperscan-dev` or
//! `libvectorscan-dev`.

use std::process::Command;

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rustc-check-cfg=cfg(hyperscan)");
    let found = Command::new("pkg-config").args(["--libs", "libhs"]).output();
    let Some(flags) = found.ok().filter(|output| output.status.success()) else {
        println!(
            "cargo::warning=libhs is not there, so Hyperscan is not measured: apt-get install libvectorscan-dev pkg-config"
        );
        return;
    };
    println!("cargo::rustc-cfg=hyperscan");
    for flag in String::from_utf8_lossy(&flags.stdout).split_whitespace() {
        if let Some(folder) = flag.strip_prefix("-L") {
            println!("cargo::rustc-link-search=native={folder}");
        } else if let Some(library) = flag.strip_prefix("-l") {
            println!("cargo::rustc-link-lib={library}");
        }
    }
}
