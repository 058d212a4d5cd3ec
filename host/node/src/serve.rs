//! Running a node until it is told to stop.

use std::net::SocketAddr;
use std::time::Duration;

use axum::serve::ListenerExt;
use tokio::net::TcpListener;

use crate::error::NodeError;
use crate::node::Node;
use crate::{api, client};

/// How often expired bodies are dropped and waiting records looked at.
const TEND_EVERY: Duration = Duration::from_secs(30);

/// How long requests that are under way may take once the node is told to stop.
const FINISH_WITHIN: Duration = Duration::from_secs(10);

/// The address that the API is offered on where nothing else is said.
pub const DEFAULT_ADDRESS: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 7420);

/// Opens the address for the API. Where none was chosen and the usual one is taken, any
/// free one does.
pub async fn listen(chosen: Option<SocketAddr>) -> Result<TcpListener, NodeError> {
    let wanted = chosen.unwrap_or(DEFAULT_ADDRESS);
    if !wanted.ip().is_loopback() {
        return Err(NodeError::Misuse(format!(
            "the API listens on this machine only: {wanted} is not a loopback address"
        )));
    }
    match TcpListener::bind(wanted).await {
        Ok(listener) => Ok(listener),
        Err(_) if chosen.is_none() => {
            let any = SocketAddr::new(wanted.ip(), 0);
            TcpListener::bind(any)
                .await
                .map_err(|error| NodeError::Unavailable(format!("cannot listen on {any}: {error}")))
        }
        Err(error) => Err(NodeError::Unavailable(format!(
            "cannot listen on {wanted}: {error}; choose another address with --api"
        ))),
    }
}

/// Serves the API until `stop` resolves, and leaves the network then if the node is on it; then finishes what is under way.
pub async fn serve(
    node: Node,
    listener: TcpListener,
    stop: impl Future<Output = ()> + Send + 'static,
) -> Result<(), NodeError> {
    let failed = |error: std::io::Error| NodeError::Unavailable(format!("the API stopped: {error}"));
    let dir = node.dir().to_owned();
    client::announce(&dir, listener.local_addr().map_err(failed)?)?;
    let (tended, leaving) = (node.clone(), node.clone());
    let tending = tokio::spawn(async move {
        loop {
            let node = tended.clone();
            match tokio::task::spawn_blocking(move || node.tend()).await {
                Ok(Ok(())) => {}
                Ok(Err(error)) => tracing::error!("upkeep: {error}"),
                Err(_) => tracing::error!("upkeep failed: this is a defect"),
            }
            tokio::time::sleep(TEND_EVERY).await;
        }
    });
    // Full text follows from the start, so that the first question finds it ready.
    node.text().start()?;
    let (stopping, stopped) = tokio::sync::oneshot::channel();
    let listening = node.clone();
    let stop = async move {
        stop.await;
        // Live queries never end by themselves.
        listening.live().stop();
        let _ = stopping.send(());
    };
    // An answer is written at once, so there is nothing to gain by holding back its last part
    // until the client has confirmed the others.
    let listener = listener.tap_io(|stream| {
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%error, "a connection delays small packets");
        }
    });
    let serving = axum::serve(listener, api::router(node)).with_graceful_shutdown(stop);
    let served = tokio::select! {
        served = serving => served.map_err(failed),
        // A client that does not read its answer would hold the node up for good.
        () = async {
            if stopped.await.is_ok() {
                tokio::time::sleep(FINISH_WITHIN).await;
            } else {
                std::future::pending().await
            }
        } => Ok(()),
    };
    tending.abort();
    if let Some(net) = leaving.net() {
        net.stop().await;
    }
    client::withdraw(&dir);
    served
}
