//! A connection whose other end must read: a write that stalls for too long is an error.
//!
//! That the other end asks is watched by hyper; that it reads what it asked for, by this.

use core::pin::Pin;
use core::task::{Context, Poll};
use core::time::Duration;
use std::io;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Sleep, sleep};

/// See the head of this file.
#[derive(Debug)]
pub struct Patience<S> {
    inner: S,
    limit: Duration,
    /// Runs while a write waits.
    writing: Wait,
    /// Runs while a flush waits. A flush of nothing is done at once, and says nothing of a write.
    flushing: Wait,
}

type Wait = Option<Pin<Box<Sleep>>>;

impl<S> Patience<S> {
    /// Waits `limit` for the other end to read.
    pub fn new(inner: S, limit: Duration) -> Self {
        Self { inner, limit, writing: None, flushing: None }
    }
}

fn judge<T>(
    wait: &mut Wait,
    limit: Duration,
    context: &mut Context<'_>,
    result: Poll<io::Result<T>>,
) -> Poll<io::Result<T>> {
    if result.is_ready() {
        *wait = None;
        return result;
    }
    match wait.get_or_insert_with(|| Box::pin(sleep(limit))).as_mut().poll(context) {
        Poll::Ready(()) => Poll::Ready(Err(io::ErrorKind::TimedOut.into())),
        Poll::Pending => Poll::Pending,
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Patience<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_read(context, buffer)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Patience<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let result = Pin::new(&mut self.inner).poll_write(context, bytes);
        let Self { writing, limit, .. } = &mut *self;
        judge(writing, *limit, context, result)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let result = Pin::new(&mut self.inner).poll_flush(context);
        let Self { flushing, limit, .. } = &mut *self;
        judge(flushing, *limit, context, result)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let result = Pin::new(&mut self.inner).poll_shutdown(context);
        let Self { flushing, limit, .. } = &mut *self;
        judge(flushing, *limit, context, result)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        parts: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let result = Pin::new(&mut self.inner).poll_write_vectored(context, parts);
        let Self { writing, limit, .. } = &mut *self;
        judge(writing, *limit, context, result)
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }
}
