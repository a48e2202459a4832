//! Puts htmx where the pages embed it from. Its version stands in `package.json`.

use std::path::{Path, PathBuf};

fn main() {
    let source = Path::new("node_modules/htmx.org/dist/htmx.min.js");
    println!("cargo::rerun-if-changed={}", source.display());
    println!("cargo::rerun-if-changed=package-lock.json");
    println!("cargo::rerun-if-changed=build.rs");
    let Some(out) = std::env::var_os("OUT_DIR") else {
        println!("cargo::error=OUT_DIR is not set; build with cargo");
        return;
    };
    if let Err(error) = std::fs::copy(source, PathBuf::from(out).join("htmx.min.js")) {
        println!("cargo::error=htmx is missing ({error}); run: npm ci --ignore-scripts --prefix crates/web");
    }
}
