//! The libraries that the build made, next to the test program: `target/<profile>/`.
//!
//! `cargo test` makes no shared and no static library by itself, so `cargo build` of the same
//! profile must come first; the Makefile does that.

use std::collections::BTreeSet;
use std::env;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use super::folder::Folder;

/// The name by which the loader knows the shared library.
pub const SONAME: &str = "libpeermon.so.0";

/// What a static host links with besides `libpeermon.a`.
pub const STATIC_LIBS: [&str; 7] = ["-lgcc_s", "-lutil", "-lrt", "-lpthread", "-lm", "-ldl", "-lc"];

/// The root of the sources.
pub fn sources() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// The folder of the committed header.
pub fn include() -> PathBuf {
    sources().join("include")
}

/// The functions that are exported, by the committed list.
pub fn exports() -> BTreeSet<String> {
    let list = fs::read_to_string(sources().join("tests/exports.txt")).unwrap();
    list.lines().map(str::to_owned).collect()
}

/// The shared library of this build profile.
///
/// # Panics
///
/// If it is missing, or older than a source file.
pub fn shared() -> PathBuf {
    artefact("libpeermon.so")
}

/// The static library of this build profile.
///
/// # Panics
///
/// If it is missing, or older than a source file.
pub fn archive() -> PathBuf {
    artefact("libpeermon.a")
}

/// A folder for the loader (`LD_LIBRARY_PATH`) and the linker (`-L`): the shared library under its
/// SONAME and under its development name.
pub fn loader_folder() -> Folder {
    let folder = Folder::new("loader");
    let library = shared();
    for name in [SONAME, "libpeermon.so"] {
        let link = folder.join(name);
        symlink(&library, &link).unwrap_or_else(|e| panic!("linking {}: {e}", link.display()));
    }
    folder
}

/// `target/<profile>`: the test program lies in its folder `deps`.
fn profile_folder() -> PathBuf {
    let program = env::current_exe().expect("the path of the test program");
    let folder = program.parent().and_then(Path::parent).expect("target/<profile>/deps/<test>");
    folder.to_owned()
}

fn artefact(name: &str) -> PathBuf {
    let folder = profile_folder();
    let path = folder.join(name);
    let profile = match folder.file_name().and_then(|name| name.to_str()) {
        Some("debug") | None => "dev".to_owned(),
        Some(profile) => profile.to_owned(),
    };
    let advice = format!("run `cargo build --profile {profile}` first");
    let made = modified(&path).unwrap_or_else(|| panic!("{} is missing: {advice}", path.display()));
    let (newest, source) = newest_source();
    assert!(made >= newest, "{} is older than {}: {advice}", path.display(), source.display());
    path
}

fn modified(path: &Path) -> Option<SystemTime> {
    fs::metadata(path).and_then(|data| data.modified()).ok()
}

/// The source file of the library that was changed last.
fn newest_source() -> (SystemTime, PathBuf) {
    let root = sources();
    let mut newest = (SystemTime::UNIX_EPOCH, root.clone());
    let mut pending = vec![root.join("src"), root.join("build.rs"), root.join("Cargo.toml")];
    // What only the programs consist of makes no library anew.
    let programs = root.join("src/bin");
    while let Some(path) = pending.pop() {
        if path == programs {
            continue;
        }
        if path.is_dir() {
            let entries = fs::read_dir(&path).into_iter().flatten().flatten();
            pending.extend(entries.map(|entry| entry.path()));
        } else if let Some(at) = modified(&path)
            && at > newest.0
        {
            newest = (at, path);
        }
    }
    newest
}
