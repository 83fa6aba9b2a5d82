//! Names the shared library, keeps it loaded, and makes the header.
//!
//! The header goes to `OUT_DIR`, never into the source tree; `tests/header.rs` compares it with the
//! committed `include/peermon.h`.

use std::env;
use std::error::Error;
use std::fs;
use std::path::Path;

use cbindgen::{Builder, Config, DocumentationLength, DocumentationStyle, Language, Style};

/// The files that the header is made of, in its order.
const BORDER: [&str; 11] = [
    "constants.rs",
    "types.rs",
    "config.rs",
    "life.rs",
    "activity.rs",
    "callbacks.rs",
    "dispatch.rs",
    "ask.rs",
    "statistics.rs",
    "control.rs",
    "text.rs",
];

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rerun-if-changed=Cargo.toml");
    println!("cargo:rerun-if-changed=src/ffi");
    println!("cargo:rustc-cdylib-link-arg=-Wl,-soname,libpeermon.so.0");
    println!("cargo:rustc-cdylib-link-arg=-Wl,-z,nodelete");

    let folder = Path::new("src/ffi");
    let mut builder = Builder::new().with_config(config(folder)?);
    for file in BORDER {
        builder = builder.with_src(folder.join(file));
    }
    let mut header = Vec::new();
    builder.generate()?.write(&mut header);
    fs::write(Path::new(&env::var("OUT_DIR")?).join("peermon.h"), header)?;
    Ok(())
}

/// What passes `-pedantic-errors -Wall -Wextra -Werror` from C89 and C++98 on: structs by their tag
/// with typedefs of our own, no `//` comments, the guard and `extern "C"` written by hand (those of
/// cbindgen bring such comments, and end before the trailer).
fn config(folder: &Path) -> Result<Config, Box<dyn Error>> {
    let part = |name: &str| -> Result<String, Box<dyn Error>> {
        Ok(fs::read_to_string(folder.join(name))?.trim_end().to_owned())
    };
    let versions = part("versions.h.in")?
        .replace("@MAJOR@", &env::var("CARGO_PKG_VERSION_MAJOR")?)
        .replace("@MINOR@", &env::var("CARGO_PKG_VERSION_MINOR")?)
        .replace("@PATCH@", &env::var("CARGO_PKG_VERSION_PATCH")?);
    Ok(Config {
        language: Language::C,
        style: Style::Tag,
        header: Some(part("opening.h.in")?),
        after_includes: Some(format!("\n{versions}")),
        trailer: Some(part("closing.h.in")?),
        no_includes: true,
        sys_includes: vec!["stddef.h".to_owned(), "stdint.h".to_owned()],
        documentation_style: DocumentationStyle::Doxy,
        documentation_length: DocumentationLength::Full,
        usize_is_size_t: true,
        cpp_compat: false,
        include_version: false,
        line_length: 100,
        ..Config::default()
    })
}
