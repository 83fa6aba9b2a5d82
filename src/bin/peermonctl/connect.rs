//! Which monitor is meant: the options that say so, and where its sockets are.

use std::env;
use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use toml::de::DeTable;

use crate::client::{Door, Target, Token};
use crate::failure::Failure;
use crate::units;

/// Where servers put their sockets.
const RUN: &str = "/run/peermon";
/// The largest configuration file that peermon itself reads, too.
const LARGEST: u64 = 1 << 20;
/// The longest token with its line end.
const LONGEST_TOKEN: usize = 258;

/// Which monitor, and how it is asked.
///
/// Without any of these: the environment (`PEERMON_SOCKET`, then `PEERMON_CONFIG`), and then the only
/// server whose socket (`NAME.control`, `NAME.sock`) lies in /run/peermon.
#[derive(clap::Args, Clone, Debug)]
#[command(next_help_heading = "Which server")]
pub struct ConnectArgs {
    /// Its control socket, or its client socket [env: PEERMON_SOCKET] [default: the only one in
    /// /run/peermon]
    #[arg(short, long, value_name = "PATH")]
    pub socket: Option<PathBuf>,
    /// Its configuration, which says where its sockets are [env: PEERMON_CONFIG]
    #[arg(short, long, value_name = "FILE", conflicts_with = "socket")]
    pub config: Option<PathBuf>,
    /// The token of its client port, where it wants one [default: `client_token_file` of the
    /// configuration]
    #[arg(long, value_name = "FILE")]
    pub token_file: Option<PathBuf>,
    /// How long an answer may take
    #[arg(long, value_name = "DURATION", default_value = "5s", value_parser = units::duration)]
    pub timeout: Duration,
}

/// What a configuration says about where its server can be asked. Read without checking the rest: a
/// server that runs must be found whatever happened to its file since.
#[derive(Debug, Default)]
pub struct Places {
    /// The file.
    pub file: PathBuf,
    control_socket: Option<PathBuf>,
    client_socket: Option<PathBuf>,
    client_listen: Option<String>,
    token_file: Option<PathBuf>,
    tls: bool,
    /// Where the server keeps what it remembers.
    pub status_file: Option<PathBuf>,
}

impl ConnectArgs {
    /// The configuration that is meant, if one is.
    pub fn config(&self) -> Option<PathBuf> {
        if self.socket.is_some() {
            return None;
        }
        let named = |name: &str| env::var_os(name).filter(|value| !value.is_empty());
        match &self.config {
            Some(file) => Some(file.clone()),
            None if named("PEERMON_SOCKET").is_some() => None,
            None => named("PEERMON_CONFIG").map(PathBuf::from),
        }
    }

    fn socket(&self) -> Option<PathBuf> {
        let environment = || env::var_os("PEERMON_SOCKET").filter(|value| !value.is_empty());
        match (&self.socket, &self.config) {
            (Some(path), _) => Some(path.clone()),
            (None, Some(_)) => None,
            (None, None) => environment().map(PathBuf::from),
        }
    }

    /// The token of `--token-file`, or that of `usual`.
    pub fn token(&self, usual: Option<&Path>) -> Result<Option<Token>, Failure> {
        self.token_file.as_deref().or(usual).map(token).transpose()
    }
}

impl Target {
    /// Where what is meant by `args` can be asked. Nothing is connected yet.
    pub fn find(args: &ConnectArgs) -> Result<Self, Failure> {
        if let Some(path) = args.socket() {
            let doors = vec![Door::Unix(path)];
            return Ok(Self::new(doors, args.token(None)?, args.timeout));
        }
        if let Some(file) = args.config() {
            return Places::read(&file)?.target(args);
        }
        let sockets = only_server(Path::new(RUN))?;
        let control = sockets.first().and_then(|path| path.extension()) == Some("control".as_ref());
        let doors = sockets.into_iter().map(Door::Unix).collect();
        let mut target = Self::new(doors, args.token(None)?, args.timeout);
        target.steering = Some(control);
        Ok(target)
    }
}

impl Places {
    /// Reads the configuration `file`.
    pub fn read(file: &Path) -> Result<Self, Failure> {
        let shown = file.display();
        let refused = |why: String| Failure::Refused(format!("cannot read {shown}: {why}"));
        let metadata = fs::metadata(file).map_err(|error| refused(error.to_string()))?;
        if !metadata.is_file() {
            return Err(refused("it is not a regular file".into()));
        }
        if metadata.len() > LARGEST {
            return Err(refused("it is larger than 1 MiB".into()));
        }
        let text = fs::read_to_string(file).map_err(|error| refused(error.to_string()))?;
        let document = DeTable::parse(&text)
            .map_err(|error| refused(format!("it is not TOML: {}", error.message())))?;
        let table = document.get_ref();
        let folder = file.parent().unwrap_or(Path::new(""));
        let text = |key: &str| {
            table.get(key).and_then(|value| value.get_ref().as_str()).map(str::to_owned)
        };
        let path = |key: &str| text(key).map(|path| folder.join(path));
        Ok(Self {
            file: file.to_owned(),
            control_socket: path("control_socket"),
            client_socket: path("client_socket"),
            client_listen: text("client_listen"),
            token_file: path("client_token_file"),
            tls: table.contains_key("client_tls_certificate"),
            status_file: path("status_file"),
        })
    }

    /// The control socket first, which everything can be asked of; then those that only answer.
    fn target(&self, args: &ConnectArgs) -> Result<Target, Failure> {
        let sockets = [&self.control_socket, &self.client_socket];
        let mut doors: Vec<_> = sockets.into_iter().flatten().cloned().map(Door::Unix).collect();
        match &self.client_listen {
            // A certificate is for the name of the server, which is not in its configuration.
            Some(_) if self.tls => {}
            Some(listen) => doors.push(Door::Tcp(reachable(listen))),
            None => {}
        }
        let shown = self.file.display();
        if doors.is_empty() {
            return Err(Failure::Refused(match self.tls {
                true => format!(
                    "{shown}: its client port speaks TLS, which peermonctl does not; write \
                     control_socket = \"/run/peermon/NAME.control\" or a client_socket"
                ),
                false => format!(
                    "{shown}: its server cannot be asked; write control_socket = \
                     \"/run/peermon/NAME.control\", and let the server read it"
                ),
            }));
        }
        // Who may not read the token may still use the control socket, which wants none.
        let token = match args.token(self.token_file.as_deref()) {
            Err(_) if self.control_socket.is_some() && args.token_file.is_none() => None,
            read => read?,
        };
        let mut target = Target::new(doors, token, args.timeout);
        target.steering = Some(self.control_socket.is_some());
        Ok(target)
    }
}

/// Where a port that listens at `listen` is reached from this machine.
fn reachable(listen: &str) -> String {
    for (any, here) in [("0.0.0.0:", "127.0.0.1:"), ("[::]:", "[::1]:"), (":", "127.0.0.1:")] {
        if let Some(port) = listen.strip_prefix(any) {
            return format!("{here}{port}");
        }
    }
    match listen.parse::<u16>() {
        Ok(port) => format!("127.0.0.1:{port}"),
        Err(_) => listen.to_owned(),
    }
}

/// The first line of a file, as a token.
pub fn token(file: &Path) -> Result<Token, Failure> {
    let refused =
        |why: &str| Failure::Refused(format!("cannot take the token of {}: {why}", file.display()));
    let text = fs::read(file).map_err(|error| refused(&error.to_string()))?;
    let line = text.split(|byte| *byte == b'\n').next().unwrap_or_default();
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    let fits = !line.is_empty() && line.len() < LONGEST_TOKEN;
    match std::str::from_utf8(line) {
        Ok(line) if fits && line.bytes().all(|byte| byte.is_ascii_graphic()) => {
            Ok(Token::new(line))
        }
        _ => Err(refused("its first line must be 16 to 256 visible ASCII characters")),
    }
}

/// The sockets of the only server in `folder`: the one that steers first.
fn only_server(folder: &Path) -> Result<Vec<PathBuf>, Failure> {
    const ADVICE: &str = "say which server with --socket PATH or --config FILE";
    let shown = folder.display();
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) => {
            return Err(Failure::Unreachable(format!(
                "cannot look into {shown}: {error}; {ADVICE}"
            )));
        }
    };
    let ends = ["control", "sock"].map(OsStr::new);
    let mut sockets: Vec<PathBuf> = entries
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| path.extension().is_some_and(|end| ends.contains(&end)))
        .collect();
    // "control" comes before "sock".
    sockets.sort();
    let mut names: Vec<_> = sockets.iter().filter_map(|path| path.file_stem()).collect();
    names.dedup();
    match names.as_slice() {
        [] => Err(Failure::Unreachable(format!(
            "there is no socket of a server in {shown}; {ADVICE}"
        ))),
        [_] => Ok(sockets),
        many => {
            let names: Vec<_> = many.iter().take(20).map(|name| name.to_string_lossy()).collect();
            let text =
                format!("there are several servers in {shown}: {}; {ADVICE}", names.join(", "));
            Err(Failure::Usage(text))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_that_listens_everywhere_is_reached_by_the_loopback() {
        for (listen, here) in [
            ("0.0.0.0:28180", "127.0.0.1:28180"),
            ("[::]:28180", "[::1]:28180"),
            (":28180", "127.0.0.1:28180"),
            ("28180", "127.0.0.1:28180"),
            ("10.0.0.1:28180", "10.0.0.1:28180"),
        ] {
            assert_eq!(reachable(listen), here);
        }
    }

    #[test]
    fn the_only_server_is_found_by_its_sockets_and_several_are_named() {
        let folder = std::env::temp_dir().join(format!("peermon-run-{}", std::process::id()));
        let _ = fs::remove_dir_all(&folder);
        assert!(matches!(only_server(&folder), Err(Failure::Unreachable(_))), "no folder");
        fs::create_dir_all(&folder).unwrap();
        assert!(matches!(only_server(&folder), Err(Failure::Unreachable(_))), "an empty folder");
        for name in ["orders.sock", "orders.control", "orders.status"] {
            fs::write(folder.join(name), "").unwrap();
        }
        let found = only_server(&folder).unwrap();
        assert_eq!(found, ["orders.control", "orders.sock"].map(|name| folder.join(name)));
        fs::write(folder.join("billing.sock"), "").unwrap();
        let several = only_server(&folder);
        fs::remove_dir_all(&folder).unwrap();
        let Err(Failure::Usage(why)) = several else { panic!("{several:?}") };
        assert!(why.contains(": billing, orders; "), "{why}");
    }

    #[test]
    fn a_configuration_is_read_for_its_places_alone_whatever_else_it_says() {
        let file = std::env::temp_dir().join(format!("peermon-places-{}.toml", std::process::id()));
        fs::write(
            &file,
            "control_socket = \"orders.control\"\nclient_listen = \"0.0.0.0:1\"\n\
             client_tls_certificate = \"c\"\nstatus_file = \"/s\"\nof_next_year = 7\n",
        )
        .unwrap();
        let places = Places::read(&file);
        fs::remove_file(&file).unwrap();
        let places = places.unwrap();
        assert_eq!(places.control_socket, Some(file.with_file_name("orders.control")));
        assert_eq!(places.status_file, Some("/s".into()));
        assert!(places.tls);
    }
}
