//! Errors as problem details.

use atlas_engine::EngineError;
use axum::extract::rejection::{BytesRejection, JsonRejection, QueryRejection};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};

use crate::error::{NodeError, Refusal};

/// What went wrong, as `application/problem+json` (RFC 9457).
#[derive(Debug, Clone, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Problem {
    /// `urn:atlas:problem:CODE`.
    #[serde(rename = "type")]
    pub kind: String,
    /// The code again, for people.
    pub title: String,
    /// The HTTP status.
    pub status: u16,
    /// What is wrong, and where.
    pub detail: String,
    /// Stable, for programs.
    pub code: String,
    /// What to do, where that is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
    /// After how many milliseconds the same request may be taken, where that is known; the header
    /// `Retry-After` says it in seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retry_ms: Option<u64>,
    /// For `config-incomplete`: what the module asks for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub incomplete: Option<Incomplete>,
}

/// The documents that a config lacks. Pack them and the one that was given in a bundle, the
/// DAG-CBOR map `{"main": PATH, "documents": {PATH: bytes}}`, and send that instead.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Incomplete {
    /// Where the document that was given has its place: its path in the bundle.
    pub main: String,
    /// Paths of the documents that are missing.
    pub documents: Vec<String>,
}

impl Problem {
    /// Of a status, a code and a sentence.
    pub fn new(status: u16, code: &str, detail: impl Into<String>) -> Self {
        Self {
            kind: format!("urn:atlas:problem:{code}"),
            title: code.replace('-', " "),
            status,
            detail: detail.into(),
            code: code.to_owned(),
            hint: None,
            retry_ms: None,
            incomplete: None,
        }
    }
}

impl From<NodeError> for Problem {
    fn from(error: NodeError) -> Self {
        if error.status() >= 500 {
            tracing::error!("{error}");
        }
        let mut problem = Self::new(error.status(), error.code(), error.to_string());
        problem.hint = error.hint().map(str::to_owned);
        if let NodeError::Refused(refusal) = &error {
            problem.retry_ms = refusal.retry_ms;
        }
        if let NodeError::Engine(EngineError::ConfigIncomplete { main, documents, .. }) = error {
            problem.incomplete = Some(Incomplete { main, documents });
        }
        problem
    }
}

impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Self {
        NodeError::from(refusal).into()
    }
}

impl From<JsonRejection> for Problem {
    fn from(rejection: JsonRejection) -> Self {
        // What is too large stays so; whatever else is wrong with the request is misuse.
        match rejection.status().as_u16() {
            413 => Self::new(413, "too-large", rejection.body_text()),
            _ => Self::new(400, "misuse", rejection.body_text()),
        }
    }
}

impl From<BytesRejection> for Problem {
    fn from(rejection: BytesRejection) -> Self {
        let status = rejection.status().as_u16();
        Self::new(status, if status == 413 { "too-large" } else { "misuse" }, rejection.body_text())
    }
}

impl From<QueryRejection> for Problem {
    fn from(rejection: QueryRejection) -> Self {
        Self::new(400, "misuse", rejection.body_text())
    }
}

/// Seconds after which to ask again what cannot be done now.
const RETRY_AFTER: HeaderValue = HeaderValue::from_static("5");

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let body = serde_json::to_string(&self).expect("a problem is JSON");
        let mut response = (status, [(header::CONTENT_TYPE, "application/problem+json")], body).into_response();
        if let Some(wait) = self.retry_ms {
            response.headers_mut().insert(header::RETRY_AFTER, wait.div_ceil(1000).into());
        } else if status == StatusCode::SERVICE_UNAVAILABLE {
            response.headers_mut().insert(header::RETRY_AFTER, RETRY_AFTER);
        } else if status == StatusCode::UNAUTHORIZED {
            response.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response
    }
}
