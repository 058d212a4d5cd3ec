//! The local HTTP API: everything that a user can ask of a node, one route each.
//!
//! It listens on loopback only, asks for a bearer token that lies beside the data, and checks
//! the `Host` header, so that no web page can reach it under another name. Errors are problem
//! details (RFC 9457). `GET /openapi.json` describes it all.

mod blobs;
mod caller;
mod conditional;
mod denied;
mod document;
mod extract;
mod identities;
mod joining;
mod keyring;
mod live;
mod metrics;
mod modules;
mod moving;
mod ownership;
mod peers;
mod pieces;
mod problem;
mod proofs;
mod queries;
mod range;
mod records;
mod releases;
mod spaces;
mod status;
mod transfer;

use std::sync::Arc;

use axum::Router;
use axum::extract::{DefaultBodyLimit, Request, State};
use axum::http::{HeaderMap, Method, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use utoipa::OpenApi;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::error::NodeError;
use crate::node::Node;
pub use caller::Caller;
use extract::Path;
pub use problem::{Incomplete, Problem};

/// Bytes of a request body, but for imports and modules, which are streamed or larger.
const MOST_BODY_BYTES: usize = 1 << 20;
/// Bytes of a request to bind, whose config is in base64.
const MOST_BINDING_BYTES: usize = atlas_engine::MAX_CONFIG_BYTES / 3 * 4 + (64 << 10);
/// Bytes of a module.
const MOST_MODULE_BYTES: usize = 64 << 20;

fn routes() -> OpenApiRouter<Node> {
    let large = OpenApiRouter::new()
        .routes(routes!(modules::install))
        .routes(routes!(modules::examine))
        .routes(routes!(releases::publish))
        .routes(routes!(releases::sign))
        .layer(DefaultBodyLimit::max(MOST_MODULE_BYTES));
    let binding = OpenApiRouter::new()
        .routes(routes!(spaces::bind))
        .routes(routes!(releases::rehearse))
        .layer(DefaultBodyLimit::max(MOST_BINDING_BYTES));
    let streamed = OpenApiRouter::new()
        .routes(routes!(transfer::import))
        .routes(routes!(blobs::store))
        .layer(DefaultBodyLimit::disable());
    OpenApiRouter::with_openapi(document::Document::openapi())
        .routes(routes!(status::status))
        .routes(routes!(status::doctor))
        .routes(routes!(identities::list, identities::create))
        .routes(routes!(identities::show))
        .routes(routes!(ownership::rotate))
        .routes(routes!(ownership::recover))
        .routes(routes!(ownership::close))
        .routes(routes!(ownership::add_device))
        .routes(routes!(ownership::remove_device))
        .routes(routes!(ownership::grant))
        .routes(routes!(ownership::revoke))
        .routes(routes!(moving::export))
        .routes(routes!(moving::forget_root))
        .routes(routes!(keyring::create_token, keyring::drop_tokens))
        .routes(routes!(moving::import))
        .routes(routes!(keyring::keyring, keyring::protect))
        .routes(routes!(keyring::unlock))
        .routes(routes!(proofs::proof))
        .routes(routes!(spaces::list, spaces::create))
        .routes(routes!(spaces::show))
        .routes(routes!(joining::invite))
        .routes(routes!(joining::join))
        .routes(routes!(joining::leave))
        .routes(routes!(joining::members, joining::set_members))
        .routes(routes!(metrics::metrics))
        .routes(routes!(denied::list))
        .routes(routes!(denied::add, denied::remove))
        .routes(routes!(peers::list, peers::add))
        .routes(routes!(peers::block, peers::unblock))
        .routes(routes!(records::get, records::put, records::delete))
        .routes(routes!(blobs::get))
        .routes(routes!(queries::query))
        .routes(routes!(queries::history))
        .routes(routes!(queries::describe))
        .routes(routes!(live::live))
        .routes(routes!(modules::list))
        .routes(routes!(modules::inspect, modules::remove))
        .routes(routes!(releases::list))
        .routes(routes!(releases::package))
        .routes(routes!(releases::yank))
        .routes(routes!(modules::code))
        .routes(routes!(transfer::export))
        .layer(DefaultBodyLimit::max(MOST_BODY_BYTES))
        .merge(large)
        .merge(binding)
        .merge(streamed)
}

/// The OpenAPI document.
pub fn openapi() -> serde_json::Value {
    document::finished(routes().split_for_parts().1)
}

/// All routes, on a node.
pub fn router(node: Node) -> Router {
    let (router, document) = routes().split_for_parts();
    let document: Arc<str> = document::finished(document).to_string().into();
    let document = move || async move { ([(header::CONTENT_TYPE, "application/json")], document.to_string()) };
    router
        .method_not_allowed_fallback(other_method)
        .layer(middleware::from_fn_with_state(node.clone(), guard))
        .route("/openapi.json", axum::routing::get(document).fallback(other_method))
        .layer(middleware::from_fn(conditional::tag))
        .fallback(|| async { Problem::new(404, "not-found", "there is no such route; GET /openapi.json lists them") })
        .with_state(node)
}

async fn other_method(method: Method) -> Problem {
    let text = format!("this route does not take {method}; the header `Allow` says what it takes");
    Problem::new(405, "method-not-allowed", text)
}

/// Lets a request pass that shows the token and names this machine.
async fn guard(State(node): State<Node>, mut request: Request, next: Next) -> Response {
    let caller = match check(&node, request.headers()) {
        Ok(caller) => caller,
        Err(problem) => return problem.into_response(),
    };
    if !caller.may_use(request.uri().path()) {
        let text = "an app's token reads and writes records; this is for the operator of the node";
        return Problem::new(403, "operators-only", text).into_response();
    }
    request.extensions_mut().insert(caller);
    next.run(request).await
}

fn check(node: &Node, headers: &HeaderMap) -> Result<Caller, Box<Problem>> {
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
    if text(header::HOST).is_some_and(|host| !is_loopback(host)) {
        return Err(
            Problem::new(403, "foreign-host", "the API answers under 127.0.0.1, [::1] and localhost only").into()
        );
    }
    let shown = text(header::AUTHORIZATION).and_then(|value| value.strip_prefix("Bearer ")).unwrap_or_default();
    if let Some(caller) = Caller::of(node, shown).map_err(Problem::from)? {
        return Ok(caller);
    }
    let text =
        format!("send `Authorization: Bearer TOKEN` with the token in {}", node.dir().join("api.token").display());
    Err(Problem::new(401, "no-token", text).into())
}

fn is_loopback(host: &str) -> bool {
    let name = match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|b| b.is_ascii_digit()) => name,
        _ => host,
    };
    matches!(name, "127.0.0.1" | "[::1]" | "localhost")
}

/// Runs what touches the disk or a module away from the threads that serve connections.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, NodeError> + Send + 'static,
) -> Result<T, Problem> {
    match tokio::task::spawn_blocking(work).await {
        Ok(outcome) => outcome.map_err(Problem::from),
        Err(_) => Err(Problem::new(500, "internal", "the node failed on this request: its log says where")),
    }
}

fn parse<T: std::str::FromStr<Err: std::fmt::Display>>(text: &str) -> Result<T, NodeError> {
    text.parse().map_err(|error: T::Err| NodeError::Misuse(error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_names_of_this_machine_pass() {
        for host in ["127.0.0.1", "127.0.0.1:7420", "localhost:1", "[::1]:80"] {
            assert!(is_loopback(host), "{host}");
        }
        for host in ["evil.example", "127.0.0.1.evil.example", "localhost.evil.example:80", "10.0.0.1:80", ""] {
            assert!(!is_loopback(host), "{host}");
        }
    }
}
