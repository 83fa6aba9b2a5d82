//! The table of the README: how it is written, and how it is read back.

use std::process::Command;

use super::bench::{Figures, SCENARIOS};

/// Between these the README belongs to this table.
const BEGIN: &str = "<!-- cost: made by \"make cost\" -->\n";
const END: &str = "<!-- /cost -->\n";

/// Rows that are held to a limit.
pub const DESCRIPTORS: &str = "descriptors in your table";
pub const PRIVATE: &str = "private dirty memory";
pub const TIMERS: &str = "wake-ups by timers, a heartbeat period";
pub const PROCESSOR: &str = "processor time";
pub const SYSTEM_CALLS: &str = "system calls on your threads";

/// What is printed.
#[derive(Debug)]
pub struct Table {
    /// When and where it was measured.
    caption: String,
    /// What the columns are about.
    pub columns: Vec<String>,
    rows: Vec<(String, Vec<String>)>,
}

impl Table {
    /// Of what was measured, whether the host's threads are proven quiet, and the size of the
    /// library in bytes.
    pub fn new(measured: &[Figures], is_quiet: bool, library: u64) -> Self {
        let row = |label: &str, cell: &dyn Fn(&Figures) -> String| {
            (label.to_owned(), measured.iter().map(cell).collect::<Vec<_>>())
        };
        let megabytes = format!("{:.2} MB", library as f64 / 1e6);
        let rows = vec![
            row("threads", &|f| format!("{}", f.threads)),
            row(DESCRIPTORS, &|f| format!("{}", f.descriptors)),
            row(PRIVATE, &|f| format!("{} kB", f.private_kb)),
            row(TIMERS, &|f| format!("{:.2}", per(f.timers, f.seconds / f.period))),
            row("wake-ups by arrivals, a second", &|f| {
                format!("{:.1}", per(f.arrivals, f.seconds))
            }),
            row(PROCESSOR, &|f| format!("{:.3} % of a core", per(100.0 * f.processor, f.seconds))),
            row(SYSTEM_CALLS, &|_| if is_quiet { "0" } else { "unknown" }.to_owned()),
            row("shared library, stripped", &|_| megabytes.clone()),
        ];
        let columns = SCENARIOS.map(|scenario| scenario.label.to_owned()).to_vec();
        Self { caption: caption(), columns, rows }
    }

    /// The one in `readme`.
    pub fn read(readme: &str) -> Self {
        let (_, after) = readme.split_once(BEGIN).expect("the README has the table");
        let (text, _) = after.split_once(END).expect("the table ends");
        let mut lines = text.lines().filter_map(|line| {
            let cells = line.strip_prefix("| ")?.strip_suffix(" |")?;
            Some(cells.split(" | ").map(|cell| cell.trim().to_owned()).collect::<Vec<_>>())
        });
        let columns = lines.next().expect("a heading").split_off(1);
        let rows = lines.map(|mut cells| (cells.remove(0), cells)).collect();
        Self { caption: text.lines().next().unwrap_or_default().to_owned(), columns, rows }
    }

    /// What the rows are about.
    pub fn labels(&self) -> Vec<&str> {
        self.rows.iter().map(|(label, _)| label.as_str()).collect()
    }

    /// The number in a row and a column.
    pub fn number(&self, label: &str, column: usize) -> f64 {
        let (_, cells) = self.rows.iter().find(|row| row.0 == label).expect("the row is there");
        let number = cells[column].split(' ').next().unwrap();
        number.parse().unwrap_or_else(|_| panic!("{label}: {:?}", cells[column]))
    }

    /// With its caption.
    pub fn to_markdown(&self) -> String {
        let mut text = format!("{}\n\n|  | {} |\n", self.caption, self.columns.join(" | "));
        text += &format!("|---|{}\n", "---|".repeat(self.columns.len()));
        for (label, cells) in &self.rows {
            text += &format!("| {label} | {} |\n", cells.join(" | "));
        }
        text
    }
}

/// `readme` with `table` in the place of the one that it has.
pub fn replaced(readme: &str, table: &str) -> String {
    let (before, rest) = readme.split_once(BEGIN).expect("the README has the table");
    let (_, after) = rest.split_once(END).expect("the table ends");
    format!("{before}{BEGIN}{table}{END}{after}")
}

fn per(count: f64, of: f64) -> f64 {
    if of > 0.0 { count / of } else { 0.0 }
}

fn caption() -> String {
    let said = |program: &str, arguments: &[&str]| {
        let output =
            Command::new(program).args(arguments).output().expect("a tool of every system");
        String::from_utf8_lossy(&output.stdout).trim().to_owned()
    };
    let processors = std::thread::available_parallelism().map_or(1, usize::from);
    let release = said("uname", &["-r"]);
    let release: Vec<&str> = release.split('.').take(2).collect();
    let machine = said("uname", &["-m"]).replace('_', "-");
    let date = said("date", &["-u", "+%F"]);
    let load = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let load = load.split(' ').next().unwrap_or_default();
    let kernel = release.join(".");
    format!(
        "Measured on {date}, {processors} processors with a load of {load}, {machine}, Linux {kernel}:"
    )
}
