//! `make install` puts a tree together that works where it is, where it is moved to, and for every way
//! of looking for a library; `make uninstall` takes all of it away again.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by a panic, in its helpers too"
)]

mod support;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use support::folder::Folder;
use support::run::{self, Outcome};
use support::{artefacts, tool};

/// For one command, of which the longest compiles and runs all examples four times.
const LIMIT: Duration = Duration::from_secs(600);

/// Where these tools are, or nothing if one is missing.
fn tools<const N: usize>(names: [&str; N]) -> Option<[PathBuf; N]> {
    let found: Vec<PathBuf> = names.into_iter().map_while(tool::find).collect();
    found.try_into().ok()
}

/// Runs `make TARGET` for what this build profile made, with a manual of two pages.
fn make(target: &str, stage: &Folder, more: &[&str]) -> Outcome {
    let manual = stage.join("manual");
    for page in ["man1/peermon-page.1", "man3/peermon-page.3"] {
        let page = manual.join(page);
        fs::create_dir_all(page.parent().unwrap()).unwrap();
        fs::write(page, ".TH page\n").unwrap();
    }
    let library = artefacts::shared();
    let mut command = Command::new("make");
    command
        .arg("-C")
        .arg(artefacts::sources())
        .arg(target)
        .arg(format!("BUILT={}", library.parent().unwrap().display()))
        .arg(format!("MAN={}", manual.display()))
        .arg(format!("DESTDIR={}", stage.join("root").display()))
        .args(more)
        // This test may itself run under a make, whose settings are not for this one.
        .env_remove("MAKEFLAGS")
        .env_remove("MFLAGS");
    let outcome = run::run(&mut command, LIMIT);
    assert!(outcome.is_success(), "{}", outcome.describe());
    outcome
}

/// Every file and link below `folder`, by its path in it.
fn files(folder: &Path) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let mut pending = vec![folder.to_owned()];
    while let Some(path) = pending.pop() {
        if path.is_dir() && !path.is_symlink() {
            pending.extend(fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().path()));
        } else {
            found.insert(path.strip_prefix(folder).unwrap().display().to_string());
        }
    }
    found
}

fn pkg_config(pkg_config: &Path, environment: &[(&str, &Path)], arguments: &[&str]) -> String {
    let mut command = Command::new(pkg_config);
    command.args(arguments).arg("peermon").envs(environment.iter().copied());
    let outcome = run::run(&mut command, LIMIT);
    assert!(outcome.is_success(), "{}", outcome.describe());
    outcome.stdout
}

/// The header and the library are where these flags say.
fn assert_flags_lead_to(flags: &str, root: &Path) {
    for (flag, file) in [("-I", "peermon.hpp"), ("-L", "libpeermon.so.0")] {
        let folder = flags.split_whitespace().find_map(|word| word.strip_prefix(flag));
        let folder = PathBuf::from(folder.unwrap_or_else(|| panic!("no {flag} in {flags}")));
        let file = folder.join(file);
        assert!(file.is_file() && file.canonicalize().unwrap().starts_with(root), "{flags}");
    }
}

#[test]
fn the_examples_build_and_run_with_a_tree_that_was_moved() {
    let wanted = ["python3", "make", "cc", "c++", "pkg-config", "cmake", "readelf"];
    let Some([python, ..]) = tools(wanted) else { return };
    let stage = Folder::new("install");
    make("install", &stage, &[]);
    let moved = stage.join("moved");
    fs::rename(stage.join("root/usr/local"), &moved).unwrap();
    let mut command = Command::new(python);
    command.arg(artefacts::sources().join("packaging/check/tryout.py")).arg(&moved);
    let outcome = run::run(&mut command, LIMIT);
    assert!(outcome.is_success(), "{}", outcome.describe());
    assert_eq!(outcome.stdout.lines().count(), 4, "{}", outcome.describe());
}

#[test]
fn pkg_config_finds_the_tree_in_its_stage_by_every_way_of_asking() {
    let Some([tool, _]) = tools(["pkg-config", "make"]) else { return };
    let usr = ["PREFIX=/usr", "LIBDIR=/usr/lib/an-architecture", "INCLUDEDIR=/usr/include/sub"];
    for places in [[].as_slice(), usr.as_slice()] {
        let stage = Folder::new("install");
        make("install", &stage, places);
        let root = stage.join("root").canonicalize().unwrap();
        let pc = files(&root).into_iter().find(|file| file.ends_with("peermon.pc")).unwrap();
        let folder = root.join(pc).parent().unwrap().to_owned();

        let path = ("PKG_CONFIG_PATH", folder.as_path());
        assert_flags_lead_to(&pkg_config(&tool, &[path], &["--cflags", "--libs"]), &root);
        let sysroot = [("PKG_CONFIG_LIBDIR", folder.as_path()), ("PKG_CONFIG_SYSROOT_DIR", &root)];
        assert_flags_lead_to(&pkg_config(&tool, &sysroot, &["--cflags", "--libs"]), &root);
        if places.is_empty() {
            let flags = pkg_config(&tool, &[path], &["--define-prefix", "--cflags", "--libs"]);
            assert_flags_lead_to(&flags, &root);
        }
        let version = pkg_config(&tool, &[path], &["--modversion"]);
        assert_eq!(version.trim(), env!("CARGO_PKG_VERSION"));
        let private = pkg_config(&tool, &[path], &["--static", "--libs"]);
        assert!(private.contains(&artefacts::STATIC_LIBS.join(" ")), "{private}");
    }
}

#[test]
fn who_wants_a_fixed_prefix_in_the_pkg_config_file_gets_it() {
    let Some([tool, _]) = tools(["pkg-config", "make"]) else { return };
    let stage = Folder::new("install");
    make("install", &stage, &["PREFIX=/opt/peermon", "PC_PREFIX=/opt/peermon"]);
    let folder = stage.join("root/opt/peermon/lib/pkgconfig");
    let libdir = pkg_config(&tool, &[("PKG_CONFIG_PATH", &folder)], &["--variable=libdir"]);
    assert_eq!(libdir.trim(), "/opt/peermon/lib");
}

#[test]
fn nothing_that_is_installed_names_the_stage_or_the_sources() {
    let Some([_]) = tools(["make"]) else { return };
    let stage = Folder::new("install");
    make("install", &stage, &[]);
    let root = stage.join("root");
    let named = [root.display().to_string(), artefacts::sources().display().to_string()];
    for file in files(&root) {
        if file.ends_with(".pc") || file.ends_with(".cmake") {
            let text = fs::read_to_string(root.join(&file)).unwrap();
            assert!(!named.iter().any(|name| text.contains(name)), "{file}:\n{text}");
            assert!(!text.contains('@'), "{file} has a word that was not filled in:\n{text}");
            assert!(!text.contains("/usr/local"), "{file}:\n{text}");
        }
    }
}

#[test]
fn uninstalling_leaves_what_was_there_before_and_nothing_else() {
    let Some([_]) = tools(["make"]) else { return };
    let stage = Folder::new("install");
    let root = stage.join("root");
    let stranger = root.join("usr/local/lib/cmake/other/otherConfig.cmake");
    fs::create_dir_all(stranger.parent().unwrap()).unwrap();
    fs::write(&stranger, "").unwrap();

    let before = files(&root);
    make("install", &stage, &[]);
    let installed = files(&root);
    for page in ["man1/peermon-page.1", "man3/peermon-page.3"] {
        assert!(installed.contains(&format!("usr/local/share/man/{page}")), "{installed:?}");
    }
    for name in ["libpeermon.so", "libpeermon.so.0", "libpeermon.a", "pkgconfig/peermon.pc"] {
        assert!(installed.contains(&format!("usr/local/lib/{name}")), "{installed:?}");
    }
    for name in [
        "bash-completion/completions/peermonctl",
        "zsh/site-functions/_peermonctl",
        "fish/vendor_completions.d/peermonctl.fish",
    ] {
        assert!(installed.contains(&format!("usr/local/share/{name}")), "{installed:?}");
    }
    make("uninstall", &stage, &[]);
    assert_eq!(files(&root), before);
    assert!(!root.join("usr/local/lib/cmake/peermon").exists());
    // Taking away what is not there is no error.
    make("uninstall", &stage, &[]);
}

#[test]
fn cmake_takes_an_older_patch_of_the_same_minor_version_and_nothing_else() {
    let Some([cmake, _]) = tools(["cmake", "make"]) else { return };
    let stage = Folder::new("install");
    make("install", &stage, &[]);
    let file = stage.join("root/usr/local/lib/cmake/peermon/peermonConfigVersion.cmake");
    let text = fs::read_to_string(&file).unwrap();
    let accepted = |given: &str, asked: &str, width: u32| {
        let file = stage.join("version.cmake");
        let own = format!("set(PACKAGE_VERSION \"{}\")", env!("CARGO_PKG_VERSION"));
        assert!(text.contains(&own), "{text}");
        fs::write(&file, text.replace(&own, &format!("set(PACKAGE_VERSION \"{given}\")"))).unwrap();
        let mut parts = asked.split('.');
        let mut part = || parts.next().unwrap_or("0").to_owned();
        let script = stage.join("ask.cmake");
        let ask = format!(
            "set(PACKAGE_FIND_VERSION {asked})\nset(PACKAGE_FIND_VERSION_MAJOR {})\n\
             set(PACKAGE_FIND_VERSION_MINOR {})\nset(CMAKE_SIZEOF_VOID_P {width})\n\
             include(\"{}\")\nif(PACKAGE_VERSION_COMPATIBLE AND NOT PACKAGE_VERSION_UNSUITABLE)\n\
             message(STATUS accepted)\nelse()\nmessage(STATUS refused)\nendif()\n",
            part(),
            part(),
            file.display()
        );
        fs::write(&script, ask).unwrap();
        let outcome = run::run(Command::new(&cmake).arg("-P").arg(&script), LIMIT);
        assert!(outcome.is_success(), "{}", outcome.describe());
        assert!(outcome.stdout.contains("accepted") != outcome.stdout.contains("refused"));
        outcome.stdout.contains("accepted")
    };
    let width = usize::BITS / 8;
    for (given, asked) in
        [("0.3.4", "0.3"), ("0.3.4", "0.3.4"), ("0.3.4", "0.3.1"), ("2.3.4", "2.1")]
    {
        assert!(accepted(given, asked, width), "{given} for {asked}");
    }
    for (given, asked) in
        [("0.3.4", "0.3.5"), ("0.3.4", "0.2"), ("0.3.4", "0.4"), ("0.3.4", "1.0"), ("2.3.4", "1.9")]
    {
        assert!(!accepted(given, asked, width), "{given} for {asked}");
    }
    assert!(!accepted("0.3.4", "0.3", width / 2), "a project of another width");
}
