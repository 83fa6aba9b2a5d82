//! A program compiled against yesterday's header runs with today's library, and the reverse.
//!
//! Yesterday's library is built from the history of this repository, once: it stays in the build
//! folder. Where there is no history (an archive of the sources, a shallow clone) that half is left
//! out, in one line.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use super::header::{Declaration, declarations};
use super::support::folder::Folder;
use super::support::run::run;
use super::support::{artefacts, tool};
use super::{file, read};

/// For one program.
const LIMIT: Duration = Duration::from_secs(300);
/// For one build of the library, on a busy machine.
const BUILD_LIMIT: Duration = Duration::from_secs(900);

/// What both servers of the program share. Nothing here is judged early on a busy machine.
const SHARED: &str = "detect_within = \"10s\"\nheartbeat_interval = \"100ms\"\n";

/// Every run has addresses of its own in 127/8.
static NEXT: AtomicU32 = AtomicU32::new(0);

fn yesterday() -> PathBuf {
    file("yesterday")
}

/// Compiles the program against the header in `include`, links it with the library in `libraries`,
/// and runs it with that in `loaded`.
fn test(cc: &Path, include: &Path, libraries: &Path, loaded: &Path, newer: &str) {
    let folder = Folder::new("abi-program");
    let old = read(&yesterday().join("peermon.h"));
    let lists = newer_lists(&old, &read(&include.join("peermon.h")));
    fs::write(folder.join("newer.h"), lists).unwrap();
    fs::write(folder.join("shared.toml"), SHARED).unwrap();
    let program = folder.join("program");
    let mut command = Command::new(cc);
    command
        .args(["-std=gnu89", "-Wall", "-Wextra", "-Werror", "-pthread", "-I"])
        .arg(include)
        .arg("-I")
        .arg(folder.path())
        .arg(file("program.c"))
        .arg("-o")
        .arg(&program)
        .arg("-L")
        .arg(libraries)
        .args(["-lpeermon", "-ldl"]);
    let outcome = run(&mut command, LIMIT);
    assert!(outcome.is_success(), "{}", outcome.describe());
    let block = NEXT.fetch_add(1, Ordering::Relaxed) + 1;
    let address = |number| format!("127.{}.{block}.{number}:28190", std::process::id() % 200 + 20);
    let mut command = Command::new(&program);
    command
        .arg(folder.join("shared.toml"))
        .args([&address(1), &address(2), newer])
        .env("LD_LIBRARY_PATH", loaded);
    let outcome = run(&mut command, LIMIT);
    assert!(outcome.is_success() && outcome.is_silent(), "{}", outcome.describe());
}

/// What `new` has and `old` has not, as lists for the program.
fn newer_lists(old: &str, new: &str) -> String {
    let (old, new) = (declarations(old), declarations(new));
    let mut lists = String::new();
    let functions: BTreeSet<&String> =
        functions(&new).difference(&functions(&old)).copied().collect();
    lists += &list("NEWER_FUNCTIONS", functions.iter().map(|name| name.as_str()));
    for (name, tag) in [
        ("NEWER_EVENT", "monitor_event"),
        ("NEWER_INTERRUPT", "monitor_interrupt"),
        ("NEWER_RECORD", "monitor_peer_record"),
    ] {
        let known = members(&old, tag).len();
        let fresh = members(&new, tag).iter().skip(known);
        lists += &list(name, fresh.map(|member| member_name(member)));
    }
    lists
}

fn list<'a>(name: &str, items: impl Iterator<Item = &'a str>) -> String {
    let items: Vec<String> = items.map(|item| format!("X({item})")).collect();
    format!("#define {name}(X) {}\n", items.join(" "))
}

fn functions(declarations: &[Declaration]) -> BTreeSet<&String> {
    let names = declarations.iter().filter_map(|declaration| match declaration {
        Declaration::Function(name, _) => Some(name),
        _ => None,
    });
    names.collect()
}

fn members<'a>(declarations: &'a [Declaration], wanted: &str) -> &'a [String] {
    let found = declarations.iter().find_map(|declaration| match declaration {
        Declaration::Struct(tag, members) if tag == wanted => Some(members),
        _ => None,
    });
    found.expect("the struct is declared")
}

/// "uint32_t size" is called "size", "char name[65]" is called "name".
fn member_name(member: &str) -> &str {
    member.split('[').next().unwrap().rsplit([' ', '*']).next().unwrap()
}

/// A folder for the loader with yesterday's library; `None`, after a line, without a history.
fn yesterdays_library() -> Option<&'static Path> {
    static BUILT: OnceLock<Option<PathBuf>> = OnceLock::new();
    BUILT.get_or_init(build_yesterdays_library).as_deref()
}

fn build_yesterdays_library() -> Option<PathBuf> {
    let root = artefacts::sources();
    let commit = read(&yesterday().join("COMMIT"));
    let commit = commit.trim();
    if !root.join(".git").exists() {
        println!("skipped: yesterday's library, because these sources have no history");
        return None;
    }
    let git = tool::find("git")?;
    let mut command = Command::new(&git);
    command.arg("-C").arg(&root).args(["cat-file", "-e", &format!("{commit}^{{tree}}")]);
    if !run(&mut command, LIMIT).is_success() {
        println!("skipped: yesterday's library, because {commit} is not in this clone");
        return None;
    }
    let target = artefacts::shared().parent()?.parent()?.join("abi-yesterday");
    let source = target.join(commit);
    if !source.join("Cargo.toml").exists() {
        unpack(&git, &root, commit, &source);
    }
    build(&source, &target);
    let libraries = target.join("loader");
    fs::create_dir_all(&libraries).unwrap();
    for name in [artefacts::SONAME, "libpeermon.so"] {
        let link = libraries.join(name);
        let _ = fs::remove_file(&link);
        symlink(target.join("debug/libpeermon.so"), link).unwrap();
    }
    Some(libraries)
}

/// Puts the tree of `commit` into `source`, whole or not at all.
fn unpack(git: &Path, root: &Path, commit: &str, source: &Path) {
    let making = source.with_extension(std::process::id().to_string());
    fs::create_dir_all(&making).unwrap();
    let archive = making.join("sources.tar");
    let mut command = Command::new(git);
    command.arg("-C").arg(root).args(["archive", "--format=tar", "-o"]).arg(&archive).arg(commit);
    let outcome = run(&mut command, LIMIT);
    assert!(outcome.is_success(), "git archive: {}", outcome.describe());
    let outcome = run(Command::new("tar").arg("-xf").arg(&archive).arg("-C").arg(&making), LIMIT);
    assert!(outcome.is_success(), "tar: {}", outcome.describe());
    fs::remove_file(&archive).unwrap();
    // A workspace of its own, because the build folder may lie in that of today.
    let manifest = making.join("Cargo.toml");
    fs::write(&manifest, read(&manifest) + "\n[workspace]\n").unwrap();
    let _ = fs::remove_dir_all(source);
    fs::rename(&making, source).unwrap();
}

/// Builds the library with the crates of its own lock file: those that are here, if they suffice.
fn build(source: &Path, target: &Path) {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let command = |more: &[&str]| {
        let mut command = Command::new(&cargo);
        command
            .current_dir(source)
            .args(["build", "--lib", "--no-default-features", "--locked", "--quiet"])
            .args(more)
            .env("CARGO_TARGET_DIR", target)
            .env("CARGO_PROFILE_DEV_DEBUG", "0");
        run(&mut command, BUILD_LIMIT)
    };
    if !command(&["--offline"]).is_success() {
        let outcome = command(&[]);
        assert!(outcome.is_success(), "yesterday's library: {}", outcome.describe());
    }
}

#[test]
fn yesterdays_program_runs_with_todays_library() {
    let Some(cc) = tool::find("cc") else { return };
    let today = artefacts::loader_folder();
    test(&cc, &yesterday(), today.path(), today.path(), "present");
}

#[test]
fn todays_program_runs_with_yesterdays_library() {
    let Some(cc) = tool::find("cc") else { return };
    let Some(old) = yesterdays_library() else { return };
    let today = artefacts::loader_folder();
    test(&cc, &artefacts::include(), today.path(), old, "absent");
}

#[test]
fn todays_program_finds_in_todays_library_what_is_new() {
    let Some(cc) = tool::find("cc") else { return };
    let today = artefacts::loader_folder();
    test(&cc, &artefacts::include(), today.path(), today.path(), "present");
}

#[test]
fn the_program_uses_every_function_of_yesterday() {
    let header = declarations(&read(&yesterday().join("peermon.h")));
    let program = read(&file("program.c"));
    let unused: Vec<&String> = functions(&header)
        .into_iter()
        .filter(|name| !program.contains(&format!("{name}(")))
        .collect();
    assert!(unused.is_empty(), "{unused:?}");
}

#[test]
fn what_is_newer_is_listed() {
    let old = read(&yesterday().join("peermon.h"));
    let new = old
        .replace("  const char *address;\n};", "  const char *address;\n  char text[9];\n};")
        .replace(
            "const char *monitor_version(void);",
            "int monitor_new(int a);\nconst char *monitor_version(void);",
        );
    let lists = newer_lists(&old, &new);
    assert!(lists.contains("#define NEWER_FUNCTIONS(X) X(monitor_new)\n"), "{lists}");
    assert!(lists.contains("#define NEWER_EVENT(X) X(text)\n"), "{lists}");
    assert!(lists.contains("#define NEWER_RECORD(X) \n"), "{lists}");
}
