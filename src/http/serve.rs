//! The thread that serves: one runtime, its listeners, a task for each connection.

use core::net::{IpAddr, SocketAddr};
use core::pin::pin;
use core::time::Duration;
use std::io;
use std::sync::Arc;

use axum::body::Body;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::{HttpService, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use socket2::SockRef;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, UnixStream};
use tokio::sync::watch;
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;

use super::answer::Answer;
use super::bound::Bound;
use super::control::{self, Control};
use super::door::Door;
use super::gate::Origin;
use super::limit::Place;
use super::patience::Patience;
use super::pause::Pause;
use super::routes::{self, Routes};
use super::socket;
use super::turned_away::{Crier, TurnedAway};
use crate::config::plan::{ClientPort, Listen};
use crate::notify::log::Logger;

/// The longest head of a request.
pub const HEAD: usize = 8 * 1024;
/// The most headers of a request.
const HEADERS: usize = 64;
/// A head, and a greeting of TLS, must be there within this, whatever `client_idle` allows.
const HEAD_TIMEOUT: Duration = Duration::from_secs(10);
/// What the kernel keeps for a client that does not read (it doubles this).
const SEND_BUFFER: usize = 32 * 1024;
/// The file of the control socket is looked after so often: without it nobody could steer any more.
const LOST: Duration = Duration::from_secs(10);
/// A stop waits so long for answers to those who steer.
const LAST_ANSWERS: Duration = Duration::from_millis(40);

/// What one runtime serves.
pub struct Server {
    /// What all connections share.
    pub door: Arc<Door>,
    /// Where to listen.
    pub plan: ClientPort,
    /// For TLS.
    pub tls: Option<TlsAcceptor>,
    /// For those who steer.
    pub control: Option<Control>,
    /// Where it is told what was bound.
    pub bound: Bound,
    /// For what fails.
    pub logger: Logger,
}

/// One of its listeners.
struct Listening {
    door: Arc<Door>,
    routes: Routes,
    tls: Option<TlsAcceptor>,
    crier: Crier,
    logger: Logger,
}

/// Serves until the other end of `stop` is dropped; everything that it opened is closed then.
///
/// # Errors
///
/// The system has no poller for us.
pub fn serve(server: Server, mut stop: watch::Receiver<u64>) -> io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async move {
        let Server { door, plan, tls, control, bound, logger } = server;
        let listening = Arc::new(Listening {
            routes: routes::routes(Arc::clone(&door)),
            door,
            tls,
            crier: Crier::default(),
            logger,
        });
        if let Some(listen) = plan.listen {
            tokio::spawn(Arc::clone(&listening).keep_tcp(listen, bound.clone()));
        }
        if let Some(path) = plan.socket {
            tokio::spawn(Arc::clone(&listening).keep_unix(path, bound.clone()));
        }
        let control = control.map(Arc::new);
        if let Some(control) = &control {
            tokio::spawn(listening.keep_control(Arc::clone(control), bound));
        }
        while stop.changed().await.is_ok() {}
        if let Some(control) = control {
            // Who asked for something is told that the monitor closes.
            control.rest(LAST_ANSWERS).await;
        }
    });
    // Its drop ends every task where it waits.
    drop(runtime);
    Ok(())
}

impl Listening {
    async fn keep_tcp(self: Arc<Self>, listen: Listen, bound: Bound) {
        let mut pause = Pause::default();
        let listener = loop {
            match socket::tcp(listen) {
                Ok(listener) => break listener,
                Err(error) => {
                    let what = format!("the client port cannot listen at {listen:?}");
                    pause.after(&self.logger, &what, &error).await;
                }
            }
        };
        if let Ok(address) = listener.local_addr() {
            self.logger.info(format_args!("the client port listens at {address}"));
            bound.tell_tcp(address);
        }
        let mut pause = Pause::default();
        loop {
            match listener.accept().await {
                Ok((stream, from)) => {
                    pause.reset();
                    self.take_tcp(stream, from);
                }
                Err(error) if is_of_the_connection(&error) => {}
                Err(error) => {
                    pause.after(&self.logger, "the client port cannot accept", &error).await
                }
            }
        }
    }

    async fn keep_unix(self: Arc<Self>, path: std::path::PathBuf, bound: Bound) {
        let mut pause = Pause::default();
        let socket = loop {
            match socket::unix(&path, socket::CLIENTS) {
                Ok(socket) => break socket,
                Err(error) => {
                    let what = format!("the client port cannot listen at {}", path.display());
                    pause.after(&self.logger, &what, &error).await;
                }
            }
        };
        self.logger.info(format_args!("the client port listens at {}", path.display()));
        bound.tell_unix();
        let mut pause = Pause::default();
        loop {
            match socket.listener.accept().await {
                Ok((stream, _)) => {
                    pause.reset();
                    self.take(stream, None, Origin::Unix, None);
                }
                Err(error) if is_of_the_connection(&error) => {}
                Err(error) => {
                    pause.after(&self.logger, "the client port cannot accept", &error).await
                }
            }
        }
    }

    async fn keep_control(self: Arc<Self>, control: Arc<Control>, bound: Bound) {
        let path = control.socket.display();
        loop {
            let mut pause = Pause::default();
            let socket = loop {
                match socket::control(&control.socket, control.mode) {
                    Ok(socket) => break socket,
                    Err(error) => {
                        let what = format!("the control socket cannot be opened at {path}");
                        pause.after(&self.logger, &what, &error).await;
                    }
                }
            };
            self.logger.info(format_args!("the control socket listens at {path}"));
            bound.tell_control();
            let mut pause = Pause::default();
            loop {
                match timeout(LOST, socket.listener.accept()).await {
                    Ok(Ok((stream, _))) => {
                        pause.reset();
                        self.take_control(&control, stream);
                    }
                    Ok(Err(error)) if is_of_the_connection(&error) => {}
                    Ok(Err(error)) => {
                        pause.after(&self.logger, "the control socket cannot accept", &error).await
                    }
                    Err(_) if socket.is_lost() => break,
                    Err(_) => {}
                }
            }
            self.logger.warn(format_args!(
                "the control socket at {path} was removed or replaced; it is opened anew"
            ));
        }
    }

    /// Whoever may not steer has no place there, and so takes none from those who may.
    fn take_control(self: &Arc<Self>, control: &Arc<Control>, stream: UnixStream) {
        let who = stream.peer_cred().ok().and_then(|them| Some((them.uid(), them.pid()?)));
        let Some(who) = who.and_then(|(uid, pid)| control.admit(uid, pid)) else {
            return self.crier.say(stream, TurnedAway::Stranger);
        };
        let Ok(place) = control.limits.take(None) else {
            return self.crier.say(stream, TurnedAway::Steered);
        };
        let (own, control) = (Arc::clone(self), Arc::clone(control));
        tokio::spawn(async move {
            let service = service_fn(|request| {
                let (own, control, who) = (Arc::clone(&own), Arc::clone(&control), who.clone());
                async move {
                    let doors = (&*own.door, &*control);
                    let answer = routes::answer_control(doors, &own.routes, &who, request).await;
                    Ok::<Answer, core::convert::Infallible>(answer)
                }
            });
            speak(Patience::new(stream, control::IDLE), control::IDLE, service).await;
            drop(place);
        });
    }

    fn take_tcp(self: &Arc<Self>, stream: TcpStream, from: SocketAddr) {
        let Ok(own) = stream.local_addr() else { return };
        let _ = stream.set_nodelay(true);
        let socket = SockRef::from(&stream);
        let _ = socket.set_send_buffer_size(SEND_BUFFER);
        // A client whose machine is gone acknowledges nothing.
        let _ = socket.set_tcp_user_timeout(Some(self.door.idle));
        self.take(stream, Some(from.ip()), Origin::Tcp(own.ip()), self.tls.clone());
    }

    fn take<S>(
        self: &Arc<Self>,
        stream: S,
        from: Option<IpAddr>,
        origin: Origin,
        tls: Option<TlsAcceptor>,
    ) where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        use core::sync::atomic::Ordering;
        self.door.counts.accepted.fetch_add(1, Ordering::Relaxed);
        match self.door.limits.take(from) {
            Ok(place) => {
                tokio::spawn(Arc::clone(self).attend(stream, place, origin, tls));
            }
            Err(why) => {
                self.door.counts.refuse(why);
                // Within TLS it could not be said in a few bytes.
                if tls.is_none() {
                    self.crier.say(stream, TurnedAway::Crowd(why));
                }
            }
        }
    }

    /// One connection, from its first byte to its last.
    async fn attend<S>(
        self: Arc<Self>,
        stream: S,
        place: Place,
        origin: Origin,
        tls: Option<TlsAcceptor>,
    ) where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let idle = self.door.idle;
        match tls {
            None => self.speak(Patience::new(stream, idle), origin).await,
            Some(tls) => {
                // Whoever greets wrongly or slowly is closed without a word.
                if let Ok(Ok(stream)) = timeout(HEAD_TIMEOUT.min(idle), tls.accept(stream)).await {
                    self.speak(Patience::new(stream, idle), origin).await;
                }
            }
        }
        drop(place);
    }

    async fn speak<S>(self: Arc<Self>, stream: S, origin: Origin)
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let idle = self.door.idle;
        let service = service_fn(|request| {
            let own = Arc::clone(&self);
            async move {
                let answer = routes::answer(&own.door, &own.routes, request, origin).await;
                Ok::<Answer, core::convert::Infallible>(answer)
            }
        });
        speak(stream, idle, service).await;
    }
}

/// Speaks HTTP on one connection until its end.
async fn speak<S, F>(stream: S, idle: Duration, service: F)
where
    S: AsyncRead + AsyncWrite + Unpin,
    F: HttpService<Incoming, ResBody = Body, Error = core::convert::Infallible>,
{
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIMEOUT.min(idle))
        .max_headers(HEADERS)
        .max_header_size(HEAD)
        .max_buf_size(2 * HEAD);
    let connection = pin!(http.serve_connection(TokioIo::new(stream), service));
    // What goes wrong on a connection is the business of its other end.
    let _ = connection.await;
}

/// The connection was gone before it was taken; the listener is well.
fn is_of_the_connection(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionAborted
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::ConnectionRefused
            | io::ErrorKind::Interrupted
    )
}
