//! The local HTTP API: everything that a user can ask of a node, one route each.
//!
//! It listens on loopback only, asks for a bearer token that lies beside the data, and checks
//! the `Host` header, so that no web page can reach it under another name. Errors are problem
//! details (RFC 9457). `GET /openapi.json` describes it all.

mod caller;
mod identities;
mod keyring;
mod live;
mod modules;
mod moving;
mod ownership;
mod problem;
mod proofs;
mod queries;
mod records;
mod spaces;
mod status;
mod transfer;

use std::sync::Arc;

use axum::Router;
use axum::extract::{DefaultBodyLimit, Request, State};
use axum::http::{HeaderMap, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use utoipa::OpenApi;
use utoipa::openapi::security::{Http, HttpAuthScheme, SecurityScheme};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::error::NodeError;
use crate::node::Node;
pub use caller::Caller;
pub use problem::{Incomplete, Problem};

/// Bytes of a request body, but for imports and modules, which are streamed or larger.
const MOST_BODY_BYTES: usize = 1 << 20;
/// Bytes of a request to bind, whose config is in base64.
const MOST_BINDING_BYTES: usize = atlas_engine::MAX_CONFIG_BYTES / 3 * 4 + (64 << 10);
/// Bytes of a module.
const MOST_MODULE_BYTES: usize = 64 << 20;

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Atlas local API",
        description = "What an application asks of the node on its own machine. Every route but this document wants a token: `Authorization: Bearer TOKEN`. The one in `api.token` of the node's directory is the operator's; `atlas id token APP` makes one that is bound to an app's key and does what the app's grants allow. Times are milliseconds since the Unix epoch; ids are CIDs; bodies use the AT Protocol's JSON form: `{\"$link\": CID}`, `{\"$bytes\": BASE64}`, `1` an integer and `1.0` a float."
    ),
    modifiers(&Token),
    security(("token" = []))
)]
struct Document;

struct Token;

impl utoipa::Modify for Token {
    fn modify(&self, document: &mut utoipa::openapi::OpenApi) {
        let components = document.components.get_or_insert_default();
        components.add_security_scheme("token", SecurityScheme::Http(Http::new(HttpAuthScheme::Bearer)));
    }
}

fn routes() -> OpenApiRouter<Node> {
    let large = OpenApiRouter::new().routes(routes!(modules::install)).layer(DefaultBodyLimit::max(MOST_MODULE_BYTES));
    let binding = OpenApiRouter::new().routes(routes!(spaces::bind)).layer(DefaultBodyLimit::max(MOST_BINDING_BYTES));
    let streamed = OpenApiRouter::new().routes(routes!(transfer::import)).layer(DefaultBodyLimit::disable());
    OpenApiRouter::with_openapi(Document::openapi())
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
        .routes(routes!(records::get, records::put, records::delete))
        .routes(routes!(queries::query))
        .routes(routes!(queries::history))
        .routes(routes!(queries::describe))
        .routes(routes!(live::live))
        .routes(routes!(modules::list))
        .routes(routes!(modules::inspect))
        .routes(routes!(modules::code))
        .routes(routes!(transfer::export))
        .layer(DefaultBodyLimit::max(MOST_BODY_BYTES))
        .merge(large)
        .merge(binding)
        .merge(streamed)
}

/// The OpenAPI document.
pub fn openapi() -> utoipa::openapi::OpenApi {
    finished(routes().split_for_parts().1)
}

/// Says of every problem that it comes as `application/problem+json`.
fn finished(mut document: utoipa::openapi::OpenApi) -> utoipa::openapi::OpenApi {
    use utoipa::openapi::RefOr;
    for item in document.paths.paths.values_mut() {
        for operation in [&mut item.get, &mut item.post, &mut item.put, &mut item.delete].into_iter().flatten() {
            for (status, response) in &mut operation.responses.responses {
                if let (true, RefOr::T(response)) = (status.starts_with(['4', '5']), response)
                    && let Some(content) = response.content.shift_remove("application/json")
                {
                    response.content.insert("application/problem+json".to_owned(), content);
                }
            }
        }
    }
    document
}

/// All routes, on a node.
pub fn router(node: Node) -> Router {
    let (router, document) = routes().split_for_parts();
    let document: Arc<str> = finished(document).to_json().expect("the document is JSON").into();
    router
        .layer(middleware::from_fn_with_state(node.clone(), guard))
        .route(
            "/openapi.json",
            axum::routing::get(
                move || async move { ([(header::CONTENT_TYPE, "application/json")], document.to_string()) },
            ),
        )
        .fallback(|| async { Problem::new(404, "not-found", "there is no such route; GET /openapi.json lists them") })
        .with_state(node)
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

    #[test]
    fn every_route_is_described() {
        let document = openapi();
        assert!(document.paths.paths.len() >= 12);
        for (path, item) in &document.paths.paths {
            for operation in [&item.get, &item.post, &item.put, &item.delete].into_iter().flatten() {
                assert!(operation.summary.is_some() || operation.description.is_some(), "{path} has no description");
            }
        }
    }
}
