//! What a configuration file says in so many words, where the plan no longer knows it.

use std::fs;
use std::path::{Path, PathBuf};

use toml::de::DeTable;

/// A file with its keys.
#[derive(Clone, Debug, Default)]
pub struct Written {
    /// Where the file of the key is.
    pub key_file: Option<PathBuf>,
    /// The key stands in the configuration itself.
    pub key_inside: bool,
}

impl Written {
    /// What `file` says; nothing if it cannot be read.
    pub fn read(file: &Path) -> Self {
        let text = fs::read_to_string(file).unwrap_or_default();
        let (document, _) = DeTable::parse_recoverable(&text);
        let table = document.get_ref();
        let folder = file.parent().unwrap_or(Path::new(""));
        let path = |key: &str| Some(folder.join(table.get(key)?.get_ref().as_str()?));
        Self { key_file: path("key_file"), key_inside: table.contains_key("key") }
    }

    /// The key file as people are told of it.
    pub fn key_place(&self) -> String {
        self.key_file.as_ref().map_or_else(
            || "the key of the configuration".to_owned(),
            |path| path.display().to_string(),
        )
    }
}
