//! Everything that is wrong with a file, for whoever mends it.

use std::path::Path;

use super::faults::Faults;
use super::plan::Plan;
use super::{Config, check, file};
use crate::error::Error;

/// What a look at a whole file found.
#[derive(Clone, Debug)]
pub struct Inspection {
    /// All that is wrong, in the order of the file, then what is wrong between settings; the text of
    /// each says the line, where there is one, and what would be right.
    pub errors: Vec<Error>,
    /// What the file amounts to, if nothing is wrong.
    pub plan: Option<Plan>,
}

impl Config {
    /// Everything that is wrong with the file `path`, as [`Config::load`] and [`Config::check`] would
    /// say it one by one, without what only follows from another error; and the plan, if nothing is.
    pub fn inspect(path: &Path) -> Inspection {
        let refused = |error: Error| Inspection { errors: vec![error], plan: None };
        let bytes = match file::read_regular(path, file::MAX_FILE) {
            Ok(bytes) => bytes,
            Err(error) => {
                let why = format!("cannot read {}: {}", path.display(), error.text);
                return refused(Error::new(error.code, why));
            }
        };
        let mut faults = Faults::default();
        let content = file::parse(path, &bytes, &mut faults);
        if !faults.is_empty() && content.is_empty() {
            // Of a file that cannot be read nothing is missing.
            return Inspection { errors: faults.into_list(), plan: None };
        }
        let mut config = Self::new();
        if let Err(error) = config.take(path, content) {
            faults.add(error);
        }
        let plan = check::plan(&config, &mut faults);
        let plan = plan.filter(|_| faults.is_empty());
        Inspection { errors: faults.into_list(), plan }
    }
}
