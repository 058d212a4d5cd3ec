//! Asking a node: the one that runs on a directory, or one opened in this process.
//!
//! Both are asked the same way, through the same routes: a command behaves the same whether
//! a node runs or not.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use atlas_store::StoreError;
use axum::Router;
use axum::body::Body;
use axum::http::{Request, Response, header};
use hyper_util::client::legacy::Client as HttpClient;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use serde::{Deserialize, Serialize};
use tower::ServiceExt;

use crate::api;
use crate::error::NodeError;
use crate::node::{Node, NodeConfig};
use atlas_keys::write_private;

/// Where a running node listens: `api.json` in its directory.
#[derive(Debug, Serialize, Deserialize)]
struct Endpoint {
    address: SocketAddr,
}

fn endpoint_file(dir: &Path) -> PathBuf {
    dir.join("api.json")
}

/// Says where a node listens, for clients on this machine.
pub fn announce(dir: &Path, address: SocketAddr) -> Result<(), NodeError> {
    let content = serde_json::to_vec(&Endpoint { address }).expect("an address is JSON");
    Ok(write_private(&endpoint_file(dir), &content)?)
}

/// Takes the announcement back.
pub fn withdraw(dir: &Path) {
    // What is left over is harmless: the next client finds nobody there and says so.
    let _ = std::fs::remove_file(endpoint_file(dir));
}

enum Transport {
    Here(Box<Node>, Router),
    There(SocketAddr, HttpClient<HttpConnector, Body>),
}

/// A way to ask a node.
pub struct Client {
    transport: Transport,
    token: String,
}

/// How often, and how long apart, a node that is just starting or stopping is tried.
const TRIES: u32 = 40;
const BETWEEN: Duration = Duration::from_millis(50);

impl Client {
    /// To the node that runs on `dir`; if none does, one is opened in this process.
    pub async fn connect(dir: &Path) -> Result<Self, NodeError> {
        let mut last = None;
        for _ in 0..TRIES {
            match Node::open(NodeConfig::new(dir)) {
                Ok(node) => return Ok(Self::to(node)),
                Err(NodeError::Store(StoreError::InUse { .. })) => {}
                Err(error) => return Err(error),
            }
            match Self::to_running(dir).await {
                Ok(client) => return Ok(client),
                Err(error) => last = Some(error),
            }
            tokio::time::sleep(BETWEEN).await;
        }
        Err(last.unwrap_or_else(|| NodeError::Unavailable("the node does not answer".into())))
    }

    /// To a node in this process.
    pub fn to(node: Node) -> Self {
        let token = node.token().to_owned();
        Self { transport: Transport::Here(Box::new(node.clone()), api::router(node)), token }
    }

    async fn to_running(dir: &Path) -> Result<Self, NodeError> {
        let busy = || {
            NodeError::Unavailable(format!(
                "{} is in use by another process that does not answer: wait for it, or stop it, or choose another --dir",
                dir.display()
            ))
        };
        let endpoint = std::fs::read(endpoint_file(dir)).map_err(|_| busy())?;
        let Endpoint { address } = serde_json::from_slice(&endpoint).map_err(|_| busy())?;
        let token = std::fs::read_to_string(dir.join("api.token")).map_err(|_| busy())?;
        tokio::net::TcpStream::connect(address).await.map_err(|_| busy())?;
        let http = HttpClient::builder(TokioExecutor::new()).build_http();
        Ok(Self { transport: Transport::There(address, http), token: token.trim().to_owned() })
    }

    /// Whether the node runs in another process.
    pub fn is_remote(&self) -> bool {
        matches!(self.transport, Transport::There(..))
    }

    /// Sends a request to a path of the API.
    pub async fn send(
        &self,
        method: &str,
        path_and_query: &str,
        content_type: &str,
        body: Body,
    ) -> Result<Response<Body>, NodeError> {
        self.send_with(method, path_and_query, content_type, None, body).await
    }

    /// As [`send`](Self::send), with a header more.
    pub async fn send_with(
        &self,
        method: &str,
        path_and_query: &str,
        content_type: &str,
        also: Option<(&str, &str)>,
        body: Body,
    ) -> Result<Response<Body>, NodeError> {
        let address = match &self.transport {
            Transport::Here(..) => SocketAddr::from(([127, 0, 0, 1], 0)),
            Transport::There(address, _) => *address,
        };
        let mut request = Request::builder()
            .method(method)
            .uri(format!("http://{address}{path_and_query}"))
            .header(header::AUTHORIZATION, format!("Bearer {}", self.token))
            .header(header::CONTENT_TYPE, content_type);
        if let Some((name, value)) = also {
            request = request.header(name, value);
        }
        let request =
            request.body(body).map_err(|error| NodeError::Misuse(format!("the request cannot be sent: {error}")))?;
        match &self.transport {
            Transport::Here(_, router) => {
                let Ok(response) = router.clone().oneshot(request).await;
                Ok(response)
            }
            Transport::There(_, http) => match http.request(request).await {
                Ok(response) => Ok(response.map(Body::new)),
                Err(error) => Err(NodeError::Unavailable(format!(
                    "the node at {address} broke the connection ({error}): see its log, and `atlas status`"
                ))),
            },
        }
    }
}

/// A node of this process that others can reach, until it is stopped or dropped.
pub struct Shared {
    stop: tokio::sync::oneshot::Sender<()>,
    served: tokio::task::JoinHandle<Result<(), NodeError>>,
}

impl Shared {
    /// Others reach it no more.
    pub async fn stop(self) {
        let _ = self.stop.send(());
        match self.served.await {
            Ok(Err(error)) => tracing::warn!("{error}"),
            Ok(Ok(())) => {}
            Err(_) => tracing::error!("serving failed: this is a defect"),
        }
    }
}

impl Client {
    /// Lets other commands reach the node, if it is one of this process. For commands that take
    /// long: meanwhile nobody else can open the directory.
    pub async fn share(&self) -> Result<Option<Shared>, NodeError> {
        let Transport::Here(node, _) = &self.transport else { return Ok(None) };
        let any = SocketAddr::from(([127, 0, 0, 1], 0));
        let listener = crate::serve::listen(Some(any)).await?;
        let (stop, stopped) = tokio::sync::oneshot::channel();
        let node = Node::clone(node);
        let served =
            tokio::spawn(async move { crate::serve::serve(node, listener, async { drop(stopped.await) }).await });
        Ok(Some(Shared { stop, served }))
    }
}

/// Pieces of an upload that wait to be sent.
const PIECES: usize = 8;

impl Client {
    /// Sends what a reader gives as the body of a request. `sent` hears of every piece.
    pub async fn upload(
        &self,
        path_and_query: &str,
        mut input: impl std::io::Read + Send + 'static,
        mut sent: impl FnMut(usize) + Send + 'static,
    ) -> Result<Response<Body>, NodeError> {
        let (sender, pieces) = tokio::sync::mpsc::channel(PIECES);
        // Standard input can only be read by blocking; the thread ends with the input, or with
        // the request.
        std::thread::spawn(move || {
            loop {
                let mut piece = vec![0; 256 * 1024];
                let read = match input.read(&mut piece) {
                    Ok(0) => return,
                    Ok(length) => {
                        piece.truncate(length);
                        sent(length);
                        Ok(axum::body::Bytes::from(piece))
                    }
                    Err(error) => Err(error),
                };
                let failed = read.is_err();
                if sender.blocking_send(read).is_err() || failed {
                    return;
                }
            }
        });
        let body = Body::from_stream(tokio_stream::wrappers::ReceiverStream::new(pieces));
        self.send("POST", path_and_query, "application/octet-stream", body).await
    }

    /// Asks, and reads the answer as JSON; an error is the problem that the node reports.
    pub async fn ask(
        &self,
        method: &str,
        path_and_query: &str,
        body: Option<&serde_json::Value>,
    ) -> Result<serde_json::Value, Failure> {
        match body {
            Some(json) => self.ask_with(method, path_and_query, json).await,
            None => self.exchange(method, path_and_query, Body::empty()).await,
        }
    }

    /// As [`ask`](Self::ask), with anything that is JSON.
    pub async fn ask_with(
        &self,
        method: &str,
        path_and_query: &str,
        body: &impl Serialize,
    ) -> Result<serde_json::Value, Failure> {
        let json =
            serde_json::to_vec(body).map_err(|error| NodeError::Misuse(format!("the request is not JSON: {error}")))?;
        self.exchange(method, path_and_query, json.into()).await
    }

    async fn exchange(&self, method: &str, path_and_query: &str, body: Body) -> Result<serde_json::Value, Failure> {
        let response = self.send(method, path_and_query, "application/json", body).await?;
        let bytes = read_all(response).await?;
        if bytes.is_empty() {
            return Ok(serde_json::Value::Null); // done, and there is nothing to say
        }
        serde_json::from_slice(&bytes)
            .map_err(|_| NodeError::Unavailable("the node's answer is not JSON".into()).into())
    }
}

/// What a node answers, as it comes.
pub type Answer = Response<Body>;

/// Hashes a blob as it arrives, to hold it against its id.
#[derive(Debug, Default)]
pub struct Hasher(blake3::Hasher);

impl Hasher {
    /// More of the blob.
    pub fn update(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    /// Whether that was the blob of this id.
    pub fn check(&self, id: &str) -> Result<(), NodeError> {
        let arrived = atlas_record::BlobId(*self.0.finalize().as_bytes());
        if id.parse() == Ok(arrived) {
            return Ok(());
        }
        Err(NodeError::Unavailable(format!("what arrived is blob {arrived} and not {id}: run `atlas doctor`")))
    }
}

/// Why the command line cannot do what it was asked.
#[derive(Debug)]
pub enum Failure {
    /// The node says no.
    Problem(Box<api::Problem>),
    /// It did not come to that.
    Local(Box<NodeError>),
}

impl From<NodeError> for Failure {
    fn from(error: NodeError) -> Self {
        Failure::Local(Box::new(error))
    }
}

/// The body of an answer, or the problem that it is.
pub async fn read_all(response: Response<Body>) -> Result<axum::body::Bytes, Failure> {
    let good = response.status().is_success();
    let bytes = axum::body::to_bytes(response.into_body(), usize::MAX)
        .await
        .map_err(|error| NodeError::Unavailable(format!("the node's answer broke off: {error}")))?;
    if good {
        return Ok(bytes);
    }
    match serde_json::from_slice(&bytes) {
        Ok(problem) => Err(Failure::Problem(Box::new(problem))),
        Err(_) => Err(NodeError::Unavailable(format!("the node answered: {}", String::from_utf8_lossy(&bytes))).into()),
    }
}

/// Copies the body of an answer as it comes, or returns the problem that it is.
pub async fn copy_to(response: Response<Body>, out: &mut impl std::io::Write) -> Result<u64, Failure> {
    use futures_util::StreamExt;
    if !response.status().is_success() {
        return read_all(response).await.map(|_| 0);
    }
    let (mut stream, mut bytes) = (response.into_body().into_data_stream(), 0);
    while let Some(piece) = stream.next().await {
        let piece = piece.map_err(|error| NodeError::Unavailable(format!("the node's answer broke off: {error}")))?;
        out.write_all(&piece)
            .map_err(|error| NodeError::Unavailable(format!("the output could not be written: {error}")))?;
        bytes += piece.len() as u64;
    }
    Ok(bytes)
}
