//! The C interface, tested from C: every program of `tests/c` is compiled as C89 and as C++98,
//! linked with the shared and with the static library, run, and run under valgrind.
//!
//! A program checks itself and says nothing if all is well; the test looks that really nothing was
//! printed, so that the library cannot print either.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by a panic, in its helpers too"
)]

mod support;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use support::folder::Folder;
use support::run::{self, Outcome};
use support::{artefacts, tool};

/// For one run of one program; a deadlock ends here.
const LIMIT: Duration = Duration::from_secs(120);

/// Under valgrind everything is this many times slower, so repetitions are this many times fewer.
const VALGRIND_SHARE: &str = "20";

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Language {
    C89,
    Cxx98,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Linkage {
    Shared,
    Static,
}

/// One way to build and run one program.
#[derive(Clone, Debug)]
struct Case {
    source: PathBuf,
    language: Language,
    linkage: Linkage,
    under_valgrind: bool,
}

struct Tools {
    cc: Option<PathBuf>,
    cxx: Option<PathBuf>,
    valgrind: Option<PathBuf>,
}

impl Case {
    fn name(&self) -> String {
        let stem = self.source.file_stem().unwrap().to_string_lossy();
        format!("{stem}-{:?}-{:?}", self.language, self.linkage).to_lowercase()
    }

    fn compile(&self, compiler: &Path, libraries: &Path, program: &Path) -> Outcome {
        let mut command = Command::new(compiler);
        match self.language {
            Language::C89 => command.args(["-x", "c", "-std=c89"]),
            Language::Cxx98 => command.args(["-x", "c++", "-std=c++98"]),
        };
        command
            .args(["-pedantic-errors", "-Wall", "-Wextra", "-Werror", "-g", "-pthread", "-I"])
            .arg(artefacts::include())
            .arg(&self.source)
            .args(["-x", "none", "-o"])
            .arg(program);
        match self.linkage {
            Linkage::Shared => command.arg("-L").arg(libraries).arg("-lpeermon"),
            Linkage::Static => command.arg(artefacts::archive()).args(artefacts::STATIC_LIBS),
        };
        run::run(&mut command, LIMIT)
    }

    fn execute(&self, valgrind: Option<&Path>, libraries: &Path, program: &Path) -> Outcome {
        let mut command = match valgrind {
            None => Command::new(program),
            Some(valgrind) => {
                let mut command = Command::new(valgrind);
                // The report goes to a file: stderr belongs to the program.
                command
                    .arg("-q")
                    .arg(format!("--log-file={}.%p.log", program.display()))
                    .args(["--error-exitcode=99", "--leak-check=full"])
                    .args(["--show-leak-kinds=definite", "--errors-for-leak-kinds=definite"])
                    .arg(program)
                    .env("PEERMON_TEST_SHARE", VALGRIND_SHARE);
                command
            }
        };
        command.env("LD_LIBRARY_PATH", libraries);
        run::run(&mut command, LIMIT)
    }

    /// Compiles and runs it; what went wrong, if anything.
    fn test(&self, tools: &Tools, libraries: &Path, folder: &Path) -> Result<(), String> {
        let compiler = match self.language {
            Language::C89 => &tools.cc,
            Language::Cxx98 => &tools.cxx,
        };
        let Some(compiler) = compiler else { return Ok(()) };
        let program = folder.join(self.name());
        let compiled = self.compile(compiler, libraries, &program);
        if !compiled.is_success() {
            return Err(format!("{} does not compile: {}", self.name(), compiled.describe()));
        }
        let outcome = self.execute(None, libraries, &program);
        if !outcome.is_success() || !outcome.is_silent() {
            return Err(format!("{}: {}", self.name(), outcome.describe()));
        }
        if let (true, Some(valgrind)) = (self.under_valgrind, &tools.valgrind) {
            let outcome = self.execute(Some(valgrind), libraries, &program);
            if !outcome.is_success() || !outcome.is_silent() {
                let report = valgrind_report(&program);
                let described = outcome.describe();
                return Err(format!("{} under valgrind: {described}\n{report}", self.name()));
            }
        }
        // Static programs are large.
        let _ = fs::remove_file(&program);
        Ok(())
    }
}

fn valgrind_report(program: &Path) -> String {
    let prefix = format!("{}.", program.file_name().unwrap().to_string_lossy());
    let entries = fs::read_dir(program.parent().unwrap()).into_iter().flatten().flatten();
    entries
        .filter(|entry| entry.file_name().to_string_lossy().starts_with(&prefix))
        .filter(|entry| entry.file_name().to_string_lossy().ends_with(".log"))
        .filter_map(|entry| fs::read_to_string(entry.path()).ok())
        .collect()
}

/// Every program in every way. Valgrind sees each once with the shared library as C and once with
/// the static one as C++, which covers both borders in half the time.
fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    let entries = fs::read_dir(artefacts::sources().join("tests/c")).unwrap();
    let mut sources: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    sources.sort();
    for source in sources {
        let name = source.file_name().unwrap().to_string_lossy().into_owned();
        let languages = match source.extension().and_then(|extension| extension.to_str()) {
            Some("c") => [Language::C89, Language::Cxx98].as_slice(),
            Some("cc") => [Language::Cxx98].as_slice(),
            _ => continue,
        };
        if !name.starts_with("api_") {
            continue;
        }
        for &language in languages {
            for linkage in [Linkage::Shared, Linkage::Static] {
                let under_valgrind = name.ends_with(".c")
                    && (language == Language::C89) == (linkage == Linkage::Shared);
                cases.push(Case { source: source.clone(), language, linkage, under_valgrind });
            }
        }
    }
    cases
}

#[test]
fn every_c_program_passes_in_both_languages_with_both_libraries() {
    let tools =
        Tools { cc: tool::find("cc"), cxx: tool::find("g++"), valgrind: tool::find("valgrind") };
    let libraries = artefacts::loader_folder();
    let folder = Folder::new("c-api");
    let only = std::env::var("PEERMON_TEST_ONLY").unwrap_or_default();
    let cases: Vec<Case> = cases().into_iter().filter(|case| case.name().contains(&only)).collect();
    assert!(!cases.is_empty(), "no program in tests/c has \"{only}\" in its name");

    let next = AtomicUsize::new(0);
    let workers = thread::available_parallelism().map_or(2, usize::from);
    let work = || {
        let mut failures = Vec::new();
        while let Some(case) = cases.get(next.fetch_add(1, Ordering::Relaxed)) {
            if let Err(failure) = case.test(&tools, libraries.path(), folder.path()) {
                failures.push(failure);
            }
        }
        failures
    };
    let failures: Vec<String> = thread::scope(|scope| {
        let threads: Vec<_> = (0..workers).map(|_| scope.spawn(work)).collect();
        threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
    });
    assert!(failures.is_empty(), "{} failed:\n\n{}", failures.len(), failures.join("\n\n"));
}

#[test]
fn a_program_with_the_shared_library_finds_it_by_its_soname() {
    let (Some(cc), Some(ldd)) = (tool::find("cc"), tool::find("ldd")) else { return };
    let libraries = artefacts::loader_folder();
    let folder = Folder::new("soname");
    let case = Case {
        source: artefacts::sources().join("tests/c/api_names.c"),
        language: Language::C89,
        linkage: Linkage::Shared,
        under_valgrind: false,
    };
    let program = folder.join("names");
    let compiled = case.compile(&cc, libraries.path(), &program);
    assert!(compiled.is_success(), "{}", compiled.describe());
    let mut command = Command::new(ldd);
    command.arg(&program).env("LD_LIBRARY_PATH", libraries.path());
    let outcome = run::run(&mut command, LIMIT);
    let wanted = format!("{} => {}/", artefacts::SONAME, libraries.path().display());
    assert!(outcome.stdout.contains(&wanted), "{}", outcome.describe());
}
