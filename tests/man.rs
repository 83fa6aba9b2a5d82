//! The manual pages are the generated ones, they are well made, and they leave nothing out.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by a panic, in its helpers too"
)]

mod support;

use std::collections::{BTreeMap, BTreeSet};
use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use support::folder::Folder;
use support::{artefacts, run, tool};

const LIMIT: Duration = Duration::from_secs(120);

/// The folders of the pages.
const SECTIONS: [&str; 4] = ["man1", "man3", "man5", "man7"];

/// The only pages of others that ours refer to.
const OTHERS: [&str; 1] = ["open 2"];

fn root() -> PathBuf {
    artefacts::sources().join("man")
}

/// Every page below `folder`, by its path from there.
fn pages(folder: &Path) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    for section in SECTIONS {
        for entry in fs::read_dir(folder.join(section)).into_iter().flatten() {
            let path = entry.unwrap().path();
            let name = format!("{section}/{}", path.file_name().unwrap().to_str().unwrap());
            found.insert(name, fs::read_to_string(&path).unwrap());
        }
    }
    found
}

/// Which page a page is: itself, or the one that it leads to.
fn target(text: &str) -> Option<&str> {
    text.strip_prefix(".so ").map(str::trim_end)
}

/// The committed pages that are no links.
fn written() -> BTreeMap<String, String> {
    let mut pages = pages(&root());
    pages.retain(|_, text| target(text).is_none());
    assert!(!pages.is_empty(), "there are no pages");
    pages
}

/// A page as a terminal shows it, without the overstriking.
fn rendered(mandoc: &Path, page: &str) -> String {
    let outcome = run::run(Command::new(mandoc).args(["-Tutf8", page]).current_dir(root()), LIMIT);
    assert!(outcome.is_success(), "{page}: {}", outcome.describe());
    let mut shown = String::new();
    for c in outcome.stdout.chars() {
        if c == '\u{8}' {
            shown.pop();
        } else {
            shown.push(c);
        }
    }
    shown
}

#[test]
fn the_committed_pages_are_the_generated_ones() {
    let Some(python) = tool::find("python3") else { return };
    let folder = Folder::new("man");
    let mut command = Command::new(python);
    command.arg("-B").arg(root().join("generate")).arg(folder.path());
    command.args(["--peermonctl", env!("CARGO_BIN_EXE_peermonctl")]);
    let outcome = run::run(&mut command, LIMIT);
    assert!(outcome.is_success() && outcome.is_silent(), "{}", outcome.describe());
    let generated = pages(folder.path());
    assert!(generated.len() > artefacts::exports().len(), "{:?}", generated.keys());
    if tool::is_accepted() {
        accept(&generated);
    }
    let committed = pages(&root());
    let advice = "`PEERMON_ACCEPT=1 cargo test --test man the_committed` takes the generated ones";
    let names = |pages: &BTreeMap<String, String>| pages.keys().cloned().collect::<Vec<_>>();
    assert_eq!(names(&committed), names(&generated), "{advice}");
    for (name, text) in &generated {
        let difference =
            committed[name].lines().zip(text.lines()).position(|(old, new)| old != new);
        let line = difference.unwrap_or_else(|| committed[name].lines().count()) + 1;
        assert!(committed[name] == *text, "man/{name} differs from line {line} on; {advice}");
    }
}

fn accept(generated: &BTreeMap<String, String>) {
    for name in pages(&root()).keys().filter(|name| !generated.contains_key(*name)) {
        fs::remove_file(root().join(name)).unwrap();
    }
    for (name, text) in generated {
        let path = root().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
}

#[test]
fn what_the_generator_does_not_understand_it_refuses() {
    let Some(python) = tool::find("python3") else { return };
    let mut command = Command::new(python);
    command.args(["-B", "-m", "unittest", "discover", "-s"]).arg(root().join("generate"));
    let outcome = run::run(&mut command, LIMIT);
    assert!(outcome.is_success(), "{}", outcome.describe());
    assert!(!outcome.stderr.contains("Ran 0 tests"), "{}", outcome.describe());
}

/// Two messages do not count, because they tell about the machine and not about the page: that a
/// page of ours that is referred to is not installed (the next test looks for it), and that the
/// machine's own index of pages is old.
#[test]
fn mandoc_finds_nothing_to_complain_about() {
    let Some(mandoc) = tool::find("mandoc") else { return };
    let mut command = Command::new(mandoc);
    command.args(["-Tlint", "-Wstyle"]).args(written().keys()).current_dir(root());
    let outcome = run::run(&mut command, LIMIT);
    let about_the_machine = |line: &&str| {
        line.contains(": STYLE: referenced manual not found: Xr ")
            || line.starts_with("mandoc: outdated mandoc.db lacks ")
    };
    let said = outcome.stdout.lines().chain(outcome.stderr.lines());
    let complaints = said.filter(|line| !about_the_machine(line)).collect::<Vec<_>>();
    assert!(complaints.is_empty(), "{}", complaints.join("\n"));
    let ended = outcome.status.is_some_and(|status| status.code().is_some());
    assert!(ended, "{}", outcome.describe());
}

#[test]
fn every_page_that_is_referred_to_exists() {
    let pages = pages(&root());
    let mut seen = 0;
    for (name, text) in &written() {
        for line in text.lines().filter_map(|line| line.strip_prefix('.')) {
            let words = line.split(' ').collect::<Vec<_>>();
            for reference in words.windows(3).filter(|words| words[0] == "Xr") {
                let (page, section) = (reference[1], reference[2]);
                let known = pages.contains_key(&format!("man{section}/{page}.{section}"));
                let other = OTHERS.contains(&format!("{page} {section}").as_str());
                assert!(known || other, "man/{name} refers to {page}({section})");
                seen += 1;
            }
        }
    }
    assert!(seen > 100, "only {seen} references");
}

#[test]
fn every_function_has_a_page_that_names_it() {
    let Some(mandoc) = tool::find("mandoc") else { return };
    let pages = pages(&root());
    for function in artefacts::exports() {
        let page = format!("man3/{function}.3");
        let text = pages.get(&page).unwrap_or_else(|| panic!("there is no man/{page}"));
        let home = target(text).unwrap_or(&page);
        assert!(target(&pages[home]).is_none(), "{page} leads to a page that leads elsewhere");
        let shown = rendered(&mandoc, home);
        let (_, name) = shown.split_once("NAME\n").unwrap();
        let (name, rest) = name.split_once("\n\n").unwrap();
        let words = |text: &str| -> BTreeSet<String> {
            text.split([' ', ',', '\n', '(']).map(str::to_owned).collect()
        };
        assert!(words(name).contains(&function), "{home} does not name {function}");
        let (_, synopsis) = rest.split_once("SYNOPSIS\n").unwrap();
        let (synopsis, _) = synopsis.split_once("DESCRIPTION\n").unwrap();
        assert!(words(synopsis).contains(&function), "{home} does not declare {function}");
    }
}

#[test]
fn every_constant_is_explained_on_one_page_alone() {
    let header = fs::read_to_string(artefacts::include().join("peermon.h")).unwrap();
    let constants = header.lines().filter_map(|line| line.strip_prefix("#define MONITOR_"));
    let written = written();
    let mut seen = 0;
    for constant in constants {
        let name = constant.split(' ').next().unwrap();
        let entry = format!("\n.It Dv MONITOR_{name} Pq Li ");
        let times = written.values().map(|text| text.matches(&entry).count()).sum::<usize>();
        assert_eq!(times, 1, "MONITOR_{name} is explained {times} times");
        seen += 1;
    }
    assert!(seen > 50, "only {seen} constants");
}

#[test]
fn every_key_of_the_configuration_is_explained() {
    let table = fs::read_to_string(artefacts::sources().join("src/config/keys.rs")).unwrap();
    let keys = table.lines().filter_map(|line| line.trim_start().strip_prefix("row(\""));
    let page = &written()["man5/peermon.toml.5"];
    let mut seen = 0;
    for key in keys.map(|rest| rest.split('"').next().unwrap()) {
        let heading = format!("\n.Ss Cm {key}\n");
        assert_eq!(page.matches(&heading).count(), 1, "{key} in peermon.toml(5)");
        seen += 1;
    }
    assert!(seen > 30, "only {seen} keys");
}

#[test]
fn no_page_is_wider_than_a_terminal() {
    let Some(mandoc) = tool::find("mandoc") else { return };
    for page in written().keys() {
        let shown = rendered(&mandoc, page);
        assert!(shown.lines().count() > 20, "{page}: {shown}");
        let wide = shown.lines().filter(|line| line.chars().count() > 80).collect::<Vec<_>>();
        assert!(wide.is_empty(), "{page}:\n{}", wide.join("\n"));
    }
}

/// With the `man` of the machine, if it has one: it may be another renderer, and finds by itself
/// the page that a link leads to.
#[test]
fn man_shows_every_function() {
    let path = env::var_os("PATH").unwrap_or_default();
    let Some(man) = env::split_paths(&path).map(|one| one.join("man")).find(|one| one.is_file())
    else {
        println!("skipped: there is no man on this machine");
        return;
    };
    for function in artefacts::exports() {
        let mut command = Command::new(&man);
        command.arg("-M").arg(root()).args(["3", &function]);
        command.env("MANPAGER", "cat").env("PAGER", "cat").env("MANWIDTH", "80");
        let outcome = run::run(&mut command, LIMIT);
        assert!(outcome.is_success(), "{function}: {}", outcome.describe());
        assert!(outcome.stderr.is_empty(), "{function}: {}", outcome.stderr);
        assert!(outcome.stdout.contains("RETURN VALUES"), "{function}: {}", outcome.stdout);
    }
}

#[test]
fn the_examples_of_the_command_line_work() {
    let page = &written()["man1/peermonctl.1"];
    let (_, examples) = page.split_once(".Sh EXAMPLES\n").unwrap();
    let folder = Folder::new("man-examples");
    let program = Path::new(env!("CARGO_BIN_EXE_peermonctl"));
    let path = env::join_paths(
        std::iter::once(program.parent().unwrap().to_owned())
            .chain(env::split_paths(&env::var_os("PATH").unwrap_or_default())),
    );
    let mut seen = 0;
    for example in examples.split(".Bd -literal").skip(1) {
        let line = example.split_once('\n').unwrap().1.split("\n.Ed").next().unwrap();
        let line = line.replace("\\-", "-").replace("\\(aq", "'").replace("\\e", "\\");
        let mut command = Command::new("sh");
        command.args(["-ec", &line]).current_dir(folder.path());
        command.env("PATH", path.as_ref().unwrap());
        let outcome = run::run(&mut command, LIMIT);
        assert!(outcome.is_success(), "{line}: {}", outcome.describe());
        seen += 1;
    }
    assert!(seen > 0, "no examples");
}
