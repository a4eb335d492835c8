//! From the command line to a running server, and its end.

use std::env::VarError;
use std::error::Error;
use std::fmt;
use std::io::{self, Write as _};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use engineio::server::Origins;
use socketio::server::Server;
use tokio::net::{TcpListener, TcpSocket};

use crate::agent::{Agent, DemoAgent, NoAgent, OneAgent};
use crate::auth::{KeyFileError, Keys, SERVER_KEY};
use crate::config::{AgentChoice, CommandLine, Config, ConfigError, Options};
use crate::console::Console;
use crate::domain::Redaction;
use crate::http::HttpConfig;
use crate::hub::{Hub, HubConfig};
use crate::limits::Limits;
use crate::live::{self, LiveConfig, LiveContext};
use crate::log::sqlite::{self, OpenError, SqliteConfig, SqliteLog};
use crate::log::{AppendLimits, Checked};
use crate::metrics::Metrics;
use crate::origin::{self, AllowedOrigins};
use crate::settings::{SettingsError, UserSettings};
use crate::tools::{self, ToolError};
use crate::workspace::FileLimits;
use crate::{build, http, retention};

use super::{logging, serve};

/// Runs the server as the command line says, until it is told to stop. An error that keeps it from
/// running is printed in one line, and the exit code is not 0.
pub fn main() -> ExitCode {
    let CommandLine { options, command } = CommandLine::of_process();
    let ended = match command {
        None => start(options).map(|()| ExitCode::SUCCESS),
        Some(command) => options
            .resolve()
            .map_err(StartError::from)
            .and_then(|config| tools::run(command, &config).map_err(StartError::Tool)),
    };
    match ended {
        Ok(code) => code,
        Err(error) => {
            eprintln!("openhands: {error}");
            ExitCode::FAILURE
        }
    }
}

fn start(options: Options) -> Result<(), StartError> {
    let config = options.resolve()?;
    logging::start(&config.log, config.log_format)
        .map_err(|error| StartError::Log { filter: config.log.clone(), text: error.to_string() })?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|source| StartError::Runtime { source })?;
    let ended = runtime.block_on(run(&config));
    runtime.shutdown_timeout(Duration::from_secs(1));
    ended
}

async fn run(config: &Config) -> Result<(), StartError> {
    let keys = keys(config)?;
    let limits = Arc::new(Limits::new(config.limits));
    let listener = listen(config.listen)
        .map_err(|source| StartError::Listen { address: config.listen, source })?;
    let address = listener
        .local_addr()
        .map_err(|source| StartError::Listen { address: config.listen, source })?;
    if let Some(folder) = &config.static_dir {
        http::pages::check(folder)
            .map_err(|source| StartError::Page { folder: folder.clone(), source })?;
    }
    let redaction = Redaction::default();
    let on_disk = SqliteConfig { envelope: live::envelope(), ..SqliteConfig::default() };
    let log = SqliteLog::open(&config.data_dir, on_disk)?;
    let metrics = Metrics::new();
    measure(&metrics, &log, &config.data_dir);
    let log = Checked::new(log, AppendLimits::default(), redaction.clone(), metrics.clone());
    let settings = UserSettings::open_with(&config.data_dir, redaction)?;
    let agent = agent(config.agent);
    let name = agent.name().to_owned();
    let hub = Hub::new(
        Arc::new(log),
        Arc::new(OneAgent::from(agent)),
        HubConfig::new(config.workspaces()),
    );

    let origins = AllowedOrigins::new(config.allow_origin.clone(), metrics.clone());
    let context = LiveContext {
        hub: Arc::clone(&hub),
        keys: Arc::clone(&keys),
        limits: Arc::clone(&limits),
        metrics: metrics.clone(),
        config: LiveConfig { create_on_join: config.create_on_join },
    };
    let sockets = sockets(config, context, origins.clone())?;
    let stats = sockets.engine().clone();
    metrics.gauge("sessions", "Engine.IO sessions, joined or not", move || {
        let stats = stats.stats();
        stats.polling + stats.websocket
    });
    let keeper = config
        .retention
        .is_on()
        .then(|| retention::keep(Arc::clone(&hub), config.retention, metrics.clone()));
    let http = HttpConfig {
        data_dir: config.data_dir.clone(),
        static_dir: config.static_dir.clone(),
        home: Console::new(&name).routes(),
        files: FileLimits::default(),
    };
    let rest = http::router(Arc::clone(&hub), Arc::new(settings), keys, limits, metrics, http)
        .layer(origins.cors())
        .layer(axum::middleware::from_fn_with_state(origins.clone(), origin::check));
    let app = Router::new()
        .nest_service("/socket.io", sockets.service())
        .merge(rest)
        .layer(axum::middleware::from_fn_with_state(origins, origin::check_host));

    survive_size_limits().map_err(|source| StartError::Runtime { source })?;
    let stop = stop_signal().map_err(|source| StartError::Runtime { source })?;
    greet(address, &config.data_dir, &name);
    let version = env!("CARGO_PKG_VERSION");
    tracing::info!(%address, version, commit = build::COMMIT, agent = name, "started");
    let close = async {
        let left = sockets.shutdown(serve::GRACE).await;
        if left > 0 {
            tracing::warn!(left, "connections were cut");
        }
    };
    if config.agent != AgentChoice::None {
        match hub.resume().await {
            Ok(0) => {}
            Ok(resumed) => tracing::info!(resumed, "agents go on where they were interrupted"),
            Err(error) => tracing::error!(%error, "agents not resumed"),
        }
    }
    // After the agents were resumed: a running conversation is never deleted.
    let keeper = keeper.map(tokio::spawn);
    let stop = async {
        stop.await;
        tracing::info!("stopping");
    };
    serve::serve(listener, app, config.max_connections, stop, close).await;
    if let Some(keeper) = keeper {
        keeper.abort();
    }
    hub.shutdown().await;
    tracing::info!("stopped");
    Ok(())
}

/// The keys, with a task that notices their changes. An address that other machines can reach needs
/// keys, or the option that allows to have none.
fn keys(config: &Config) -> Result<Arc<Keys>, StartError> {
    let server_key = match std::env::var(SERVER_KEY) {
        // Compose files set what is not given to an empty text.
        Ok(key) => Some(key).filter(|key| !key.is_empty()),
        Err(VarError::NotPresent) => None,
        Err(VarError::NotUnicode(_)) => return Err(StartError::ServerKey),
    };
    let keys = Keys::open(&config.data_dir, server_key.as_deref()).map_err(StartError::Keys)?;
    let is_local = config.listen.ip().to_canonical().is_loopback();
    if keys.is_open() && !is_local && !config.allow_everyone_without_a_key {
        return Err(StartError::NoKeys { address: config.listen });
    }
    // Ends with the keys.
    tokio::spawn(Keys::watch(Arc::downgrade(&keys)));
    Ok(keys)
}

fn agent(choice: AgentChoice) -> Arc<dyn Agent> {
    match choice {
        AgentChoice::Demo => Arc::new(DemoAgent),
        AgentChoice::None => Arc::new(NoAgent),
    }
}

/// Registers gauges for the queue to the disk and the size of the log.
fn measure(metrics: &Metrics, log: &SqliteLog, folder: &Path) {
    let (commands, bytes, files) = (log.queue(), log.queue(), sqlite::files(folder));
    metrics.gauge("append_queue_commands", "Writes that wait for the disk", move || {
        commands.commands() as u64
    });
    metrics.gauge("append_queue_bytes", "Bytes of events that wait for the disk", move || {
        bytes.bytes() as u64
    });
    metrics.gauge("log_file_bytes", "Bytes of the event log's files", move || {
        files.iter().filter_map(|file| Some(file.metadata().ok()?.len())).sum()
    });
}

/// The Socket.IO server, with the sizes of OpenHands 0.62.
fn sockets(
    config: &Config,
    context: LiveContext,
    origins: AllowedOrigins,
) -> Result<Server, StartError> {
    let mut server = socketio::server::Config::default();
    server.engine.session.limits.max_payload = live::MAX_FRAME;
    server.engine.max_sessions = config.max_connections;
    server.engine.origins =
        Origins::Matching(Arc::new(move |origin, headers| origins.allow(origin, headers)));
    // Everything is answered, also what nobody understands.
    server.ack_refusals = true;
    // The guide's second example for websocat sends an event without a CONNECT.
    server.connection.implicit_connect = true;
    // Its first one closes right after the CONNECT, and shall still print the events.
    server.connect_before_read = true;
    // Clients reconnect by themselves after a restart; one that gets a DISCONNECT does not.
    server.disconnect_on_shutdown = false;
    let server = Server::new(server);
    live::mount(&server, context).map_err(|error| StartError::Mount(error.to_string()))?;
    Ok(server)
}

/// A socket with room for a burst: polling clients open a connection for each request, and what
/// does not fit is silently tried again after a second.
fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
    // A restarted server takes its address back at once.
    #[cfg(unix)]
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

/// Connections that wait to be accepted.
const BACKLOG: u32 = 1024;

/// Prints what runs where, and the first thing to try.
fn greet(address: SocketAddr, data_dir: &Path, agent: &str) {
    let others = match reachable(address) {
        Some(other) => format!("\n             http://{other}/ from other machines"),
        None => String::new(),
    };
    let address = at_home(address);
    let text = format!(
        "openhands {version} is running; stop it with Ctrl-C
  web        http://{address}/{others}
  Socket.IO  ws://{address}/socket.io/
  data       {data}
  agent      {agent}
  try        curl -X POST http://{address}/api/conversations -H 'content-type: application/json' \
         -d '{{\"initial_user_msg\":\"hello\"}}'
",
        version = env!("CARGO_PKG_VERSION"),
        data = data_dir.display(),
    );
    // Perhaps nobody reads: serve in spite of a closed pipe.
    let mut out = io::stdout().lock();
    let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
}

/// An address of this machine on which a server that listens on `address` answers.
fn at_home(mut address: SocketAddr) -> SocketAddr {
    match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => address.set_ip(Ipv4Addr::LOCALHOST.into()),
        IpAddr::V6(ip) if ip.is_unspecified() => address.set_ip(Ipv6Addr::LOCALHOST.into()),
        _ => {}
    }
    address
}

/// Where other machines find a server that listens on all addresses, as far as it is known: the
/// address from which this machine would speak to the world.
fn reachable(address: SocketAddr) -> Option<SocketAddr> {
    if !address.ip().is_unspecified() {
        return None;
    }
    // Choosing the peer of a UDP socket sends nothing; it only asks the table of routes. The
    // peer is of a network kept for documentation.
    let (any, peer): (SocketAddr, SocketAddr) = match address {
        SocketAddr::V4(_) => ((Ipv4Addr::UNSPECIFIED, 0).into(), ([192, 0, 2, 1], 9).into()),
        SocketAddr::V6(_) => {
            ((Ipv6Addr::UNSPECIFIED, 0).into(), ([0x2001, 0xdb8, 0, 0, 0, 0, 0, 1], 9).into())
        }
    };
    let socket = UdpSocket::bind(any).ok()?;
    socket.connect(peer).ok()?;
    let ip = socket.local_addr().ok()?.ip();
    let is_useful = !ip.is_unspecified() && !ip.is_loopback();
    is_useful.then_some(SocketAddr::new(ip, address.port()))
}

/// A write over the limit of file sizes then fails like any other, instead of ending the process.
#[cfg(unix)]
fn survive_size_limits() -> io::Result<()> {
    use tokio::signal::unix::{SignalKind, signal};
    // What is registered once stays so.
    signal(SignalKind::from_raw(rustix::process::Signal::XFSZ.as_raw())).map(drop)
}

#[cfg(not(unix))]
fn survive_size_limits() -> io::Result<()> {
    Ok(())
}

/// A future that is ready when the server is told to stop. From this call on a signal is heard.
fn stop_signal() -> io::Result<impl Future<Output = ()>> {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        let mut interrupt = signal(SignalKind::interrupt())?;
        let mut terminate = signal(SignalKind::terminate())?;
        Ok(async move {
            tokio::select! {
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
            }
        })
    }
    #[cfg(not(unix))]
    Ok(async {
        let _ = tokio::signal::ctrl_c().await;
    })
}

/// Why the server does not start.
#[derive(Debug)]
enum StartError {
    Config(ConfigError),
    Log { filter: String, text: String },
    Runtime { source: io::Error },
    Listen { address: SocketAddr, source: io::Error },
    Open(OpenError),
    Settings(SettingsError),
    Keys(KeyFileError),
    ServerKey,
    NoKeys { address: SocketAddr },
    Tool(ToolError),
    Page { folder: PathBuf, source: io::Error },
    Mount(String),
}

impl fmt::Display for StartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Config(error) => error.fmt(f),
            Self::Log { filter, text } => write!(f, "--log {filter}: {text}"),
            Self::Runtime { source } => write!(f, "cannot start the runtime: {source}"),
            Self::Listen { address, source } if source.kind() == io::ErrorKind::AddrInUse => {
                write!(
                    f,
                    "{address} is in use: stop the other server, or choose another address with \
                     --listen"
                )
            }
            Self::Listen { address, source } => write!(f, "cannot listen on {address}: {source}"),
            Self::Open(error) => whole(error, f),
            Self::Tool(error) => whole(error, f),
            Self::Settings(error) => error.fmt(f),
            Self::Keys(error) => error.fmt(f),
            Self::ServerKey => write!(f, "{SERVER_KEY} is not UTF-8"),
            Self::NoKeys { address } => write!(
                f,
                "{address} can be reached by other machines and there are no keys: make one with `openhands \
                 key add NAME`, or start with --allow-everyone-without-a-key"
            ),
            Self::Page { folder, source } => {
                let folder = folder.display();
                write!(f, "--static-dir {folder}: no page, its index.html is unreadable: {source}")
            }
            Self::Mount(text) => f.write_str(text),
        }
    }
}

/// An error and its causes, each once.
fn whole(error: &dyn Error, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let said = error.to_string();
        if !text.contains(&said) {
            text.push_str(": ");
            text.push_str(&said);
        }
        cause = error.source();
    }
    f.write_str(&text)
}

impl From<ConfigError> for StartError {
    fn from(error: ConfigError) -> Self {
        Self::Config(error)
    }
}

impl From<OpenError> for StartError {
    fn from(error: OpenError) -> Self {
        Self::Open(error)
    }
}

impl From<SettingsError> for StartError {
    fn from(error: SettingsError) -> Self {
        Self::Settings(error)
    }
}
