//! The gate is proven by breaking what it guards: each change below is made to a header, and must
//! be found, or must be let pass.

use std::sync::atomic::{AtomicUsize, Ordering};

use super::judge::{Verdict, judge};
use super::shim::Tools;
use super::support::folder::Folder;
use super::{file, has_the_architecture, interface, read};

/// A story, and what is replaced by what in the header.
type Mutant = (&'static str, &'static [(&'static str, &'static str)]);

/// The end of `monitor_event` and of `monitor_interrupt`.
const EVENT_END: &str = "  const char *address;\n};";
const INTERRUPT_END: &str = "  int64_t raised_at;\n};";
/// Where a declaration can be put.
const LAST: &str = "const char *monitor_version(void);";

const BREAKS: [Mutant; 25] = [
    ("a field in the middle", &[("  uint64_t epoch;\n", "  uint64_t epoch;\n  uint64_t new;\n")]),
    ("a field removed", &[("  uint64_t outage;\n", "")]),
    ("the last field removed", &[(EVENT_END, "};")]),
    ("a field renamed", &[("  uint64_t outage;\n", "  uint64_t span;\n")]),
    ("a field of another sign", &[("  uint32_t merged;\n", "  int32_t merged;\n")]),
    ("a field of another kind", &[("  uint64_t outage;\n", "  double outage;\n")]),
    ("a field of another size", &[("  uint32_t path;\n", "  uint64_t path;\n")]),
    ("a field without its const", &[("  const char *address;\n", "  char *address;\n")]),
    (
        "two fields swapped, and one added at the end",
        &[
            ("  uint32_t merged;\n", "  uint32_t new;\n"),
            ("  uint32_t path;\n", "  uint32_t merged;\n"),
            (EVENT_END, "  const char *address;\n  uint32_t path;\n};"),
        ],
    ),
    (
        "a type changed, and a field added at the end",
        &[
            ("  uint64_t outage;\n", "  int64_t outage;\n"),
            (EVENT_END, "  const char *address;\n  uint64_t new;\n};"),
        ],
    ),
    ("an opaque struct opened", &[("struct monitor;", "struct monitor {\n  int inside;\n};")]),
    ("a longer array", &[("#define MONITOR_NAME_SIZE 65", "#define MONITOR_NAME_SIZE 66")]),
    ("a function removed", &[("monitor_result_t monitor_resume(monitor_t *monitor);", "")]),
    ("a function renamed", &[("monitor_resume(monitor_t", "monitor_continue(monitor_t")]),
    ("a parameter added", &[("uint32_t max_events)", "uint32_t max_events, int more)")]),
    (
        "a parameter removed",
        &[(
            "size_t monitor_last_error(char *buf, size_t len)",
            "size_t monitor_last_error(char *buf)",
        )],
    ),
    ("a parameter of another type", &[("uint32_t max_events)", "uint64_t max_events)")]),
    (
        "two parameters of one type swapped",
        &[("uint32_t timers, uint32_t seconds)", "uint32_t seconds, uint32_t timers)")],
    ),
    (
        "a parameter without its const",
        &[(
            "monitor_init(monitor_t **out, const monitor_config_t",
            "monitor_init(monitor_t **out, monitor_config_t",
        )],
    ),
    ("another result", &[("int monitor_event_fd(", "int64_t monitor_event_fd(")]),
    (
        "a callback with a parameter more",
        &[(
            "const char *message, void *user_data);",
            "const char *message, void *user_data, int more);",
        )],
    ),
    (
        "a typedef of another size",
        &[("typedef int32_t monitor_result_t;", "typedef int64_t monitor_result_t;")],
    ),
    (
        "a constant renumbered",
        &[("#define MONITOR_ERR_LIMIT (0 - 10)", "#define MONITOR_ERR_LIMIT (0 - 12)")],
    ),
    ("a constant removed", &[("#define MONITOR_STATE_OVERDUE 4\n", "\n")]),
    (
        "a number used twice",
        &[(
            "#define MONITOR_STATE_OVERDUE 4\n",
            "#define MONITOR_STATE_OVERDUE 4\n#define MONITOR_STATE_NEW 4\n",
        )],
    ),
];

/// What only the record of names and numbers finds.
const UNSEEN_BY_ABIDIFF: [&str; 7] = [
    "an opaque struct opened",
    "a field without its const",
    "two parameters of one type swapped",
    "a parameter without its const",
    "a constant renumbered",
    "a constant removed",
    "a number used twice",
];

const GROWTH: [Mutant; 7] = [
    ("a field at the end", &[(EVENT_END, "  const char *address;\n  uint64_t new;\n};")]),
    (
        "fields at the end of two structs",
        &[
            (
                EVENT_END,
                "  const char *address;\n  uint32_t one;\n  uint32_t two;\n  const char *three;\n};",
            ),
            (INTERRUPT_END, "  int64_t raised_at;\n  const char *text;\n};"),
        ],
    ),
    (
        "a function",
        &[(LAST, "const char *monitor_version(void);\nvoid monitor_new(monitor_t *monitor);")],
    ),
    (
        "a struct, a callback and a function that takes both",
        &[(
            LAST,
            "const char *monitor_version(void);\nstruct monitor_new { uint32_t size; uint64_t a; };\n\
             typedef struct monitor_new monitor_new_t;\ntypedef void (*monitor_new_fn)(int a);\n\
             monitor_result_t monitor_make(monitor_new_t *out, monitor_new_fn callback);",
        )],
    ),
    (
        "a constant",
        &[(
            "#define MONITOR_STATE_OVERDUE 4\n",
            "#define MONITOR_STATE_OVERDUE 4\n#define MONITOR_STATE_NEW 6\n",
        )],
    ),
    ("another comment", &[("The name of the peer", "What the peer is called")]),
    ("another version", &[("#define MONITOR_VERSION_MINOR 1", "#define MONITOR_VERSION_MINOR 2")]),
];

fn mutate(header: &str, story: &str, changes: &[(&str, &str)]) -> String {
    changes.iter().fold(header.to_owned(), |header, (from, to)| {
        assert!(header.contains(from), "{story}: there is no {from:?}");
        header.replacen(from, to, 1)
    })
}

/// What the gate says about each mutant of yesterday's header.
fn judged(mutants: &[Mutant]) -> Vec<(&'static str, Verdict)> {
    let Some(tools) = Tools::find().filter(|_| has_the_architecture()) else { return Vec::new() };
    let header = read(&file("yesterday/peermon.h"));
    let old = interface(&tools, &header);
    let next = AtomicUsize::new(0);
    let work = || {
        let mut verdicts = Vec::new();
        while let Some(mutant) = mutants.get(next.fetch_add(1, Ordering::Relaxed)) {
            let new = interface(&tools, &mutate(&header, mutant.0, mutant.1));
            let folder = Folder::new("abi-mutant");
            verdicts.push((mutant.0, judge(&tools, &old, &new, folder.path())));
        }
        verdicts
    };
    std::thread::scope(|scope| {
        let threads = [scope.spawn(work), scope.spawn(work)];
        threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
    })
}

#[test]
fn every_change_that_breaks_a_program_is_found() {
    for (story, verdict) in judged(&BREAKS) {
        let Verdict::Broken { is_layout, .. } = verdict else { panic!("{story}: {verdict:?}") };
        assert_eq!(
            is_layout,
            !UNSEEN_BY_ABIDIFF.contains(&story),
            "{story}: whether abidiff sees it"
        );
    }
}

#[test]
fn growth_passes() {
    for (story, verdict) in judged(&GROWTH) {
        assert!(!matches!(verdict, Verdict::Broken { .. }), "{story}: {verdict:?}");
    }
}

#[test]
fn a_field_in_what_was_padding_is_found() {
    let Some(tools) = Tools::find().filter(|_| has_the_architecture()) else { return };
    let header = read(&file("yesterday/peermon.h"));
    let with = |end| interface(&tools, &mutate(&header, "padding", &[(INTERRUPT_END, end)]));
    let padded = with("  int64_t raised_at;\n  uint32_t one;\n};");
    let filled = with("  int64_t raised_at;\n  uint32_t one;\n  uint32_t two;\n};");
    let folder = Folder::new("abi-padding");
    let verdict = judge(&tools, &padded, &filled, folder.path());
    assert!(matches!(verdict, Verdict::Broken { is_layout: true, .. }), "{verdict:?}");
}
