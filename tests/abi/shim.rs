//! A C library with the interface of a header and nothing in it: what abidiff can read.
//!
//! The debug information of a Rust library shows the types of Rust; a changed field goes unseen in
//! it. The C compiler says what a host is compiled against.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use super::header::{Declaration, declarations};
use super::support::run::run;

const LIMIT: Duration = Duration::from_secs(120);

/// Without places, so that the same interface reads the same on every machine.
const ABIDW: [&str; 5] =
    ["--no-corpus-path", "--no-comp-dir-path", "--no-show-locs", "--type-id-style", "hash"];

/// The compilers and readers that the gate needs.
#[derive(Debug)]
pub struct Tools {
    /// The C compiler.
    pub cc: PathBuf,
    /// Writes an interface down.
    pub abidw: PathBuf,
    /// Compares two.
    pub abidiff: PathBuf,
}

impl Tools {
    /// `None`, after a line, if one is missing.
    pub fn find() -> Option<Self> {
        use super::support::tool::find;
        Some(Self { cc: find("cc")?, abidw: find("abidw")?, abidiff: find("abidiff")? })
    }

    /// Compiles the shim of `header` in `folder`, which is its own, and writes its interface down.
    pub fn describe(&self, header: &str, folder: &Path) -> String {
        fs::write(folder.join("peermon.h"), header).unwrap();
        fs::write(folder.join("shim.c"), source(header)).unwrap();
        let mut command = Command::new(&self.cc);
        command.current_dir(folder).args(["-shared", "-fPIC", "-O0", "-g", "-gdwarf-4"]).args([
            "-fno-eliminate-unused-debug-types",
            "-I.",
            "-o",
            "shim.so",
            "shim.c",
        ]);
        let outcome = run(&mut command, LIMIT);
        assert!(outcome.is_success(), "the shim does not compile: {}", outcome.describe());
        let outcome = run(Command::new(&self.abidw).args(ABIDW).arg(folder.join("shim.so")), LIMIT);
        assert!(outcome.is_success(), "abidw: {}", outcome.describe());
        outcome.stdout
    }

    /// Every constant of `header` with its type and its number, as the compiler sees them.
    pub fn constants(&self, header: &str, folder: &Path) -> Vec<(String, String)> {
        let mut program = String::from(
            "#include \"peermon.h\"\n#include <stdio.h>\n\
             #define TYPE(x) _Generic((x), int: \"int\", unsigned: \"unsigned\", long: \"long\", \\\n\
             unsigned long: \"unsigned long\")\nint main(void) {\n",
        );
        for name in super::header::constants(header) {
            program +=
                &format!("printf(\"{name} %s %lld\\n\", TYPE({name}), (long long){name});\n");
        }
        program += "return 0; }\n";
        fs::write(folder.join("peermon.h"), header).unwrap();
        fs::write(folder.join("constants.c"), program).unwrap();
        let mut command = Command::new(&self.cc);
        command.current_dir(folder).args(["-std=c11", "-I.", "-o", "constants", "constants.c"]);
        let outcome = run(&mut command, LIMIT);
        assert!(outcome.is_success(), "constants: {}", outcome.describe());
        let outcome = run(&mut Command::new(folder.join("constants")), LIMIT);
        assert!(outcome.is_success(), "constants: {}", outcome.describe());
        let lines = outcome.stdout.lines().map(|line| line.split_once(' ').unwrap());
        lines.map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
    }
}

/// The functions of the header, defined; and a pointer to every type, so that one that no function
/// mentions is there too. The pointers exist in the shim only.
fn source(header: &str) -> String {
    let mut source = String::from("#include \"peermon.h\"\n");
    for declaration in declarations(header) {
        source += &match declaration {
            Declaration::Function(_, prototype) if prototype.starts_with("void monitor_") => {
                format!("{prototype} {{ }}\n")
            }
            Declaration::Function(_, prototype) => format!("{prototype} {{ return 0; }}\n"),
            Declaration::Typedef(name, _) => format!("{name} *typedef_{name};\n"),
            Declaration::Opaque(tag) | Declaration::Struct(tag, _) => {
                format!("struct {tag} *struct_{tag};\n")
            }
        };
    }
    source
}
