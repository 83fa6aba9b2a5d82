//! Names the shared library and keeps it loaded.

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rustc-cdylib-link-arg=-Wl,-soname,libpeermon.so.0");
    println!("cargo:rustc-cdylib-link-arg=-Wl,-z,nodelete");
}
