//! Requests: one line of text by which an app asks for a grant, or a new device to be added.
//!
//! Signed by the key that asks, so that nobody can ask for another's key.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use data_encoding::BASE64URL_NOPAD;

use crate::Timestamp;
use crate::cbor::{Fault, Writer};
use crate::id::PublicKey;
use crate::name::TypeName;
use crate::sign::SecretKey;

use super::keys::sound_key;
use super::scope::{Action, set};
use super::signed::{IdentityError, check, read_sealed, seal};
use super::statement::plain_text;

const DOMAIN: &[u8] = b"atlas/request/1\0";
const VERSION: u64 = 1;
const WHAT: &str = "request";
const APP: &str = "atlas-app:";
const DEVICE: &str = "atlas-device:";
/// Characters of a request's text.
const TEXT_BYTES: usize = 16 * 1024;

/// What is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RequestKind {
    /// A grant.
    App,
    /// To be a device.
    Device,
}

/// What an app says that it needs. Whoever grants decides what it gets.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Asks {
    /// Types.
    pub types: BTreeSet<TypeName>,
    /// Actions.
    pub actions: BTreeSet<Action>,
}

/// A key that asks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// For what.
    pub kind: RequestKind,
    /// The key.
    pub key: PublicKey,
    /// What it calls itself.
    pub label: String,
    /// What it says that it needs.
    pub asks: Asks,
    /// When, by its own clock.
    pub created: Timestamp,
}

/// Why a text is no request.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RequestError {
    /// It does not look like one.
    #[error("this is no request: expected one line that starts with `{APP}` or `{DEVICE}`")]
    Text,
    /// It looks like one, and says nothing sound.
    #[error("the request is damaged: {0}")]
    Content(#[from] IdentityError),
}

impl Request {
    fn encode(&self) -> Vec<u8> {
        let mut w = Writer::default();
        w.array(7);
        w.uint(VERSION);
        w.uint(match self.kind {
            RequestKind::App => 0,
            RequestKind::Device => 1,
        });
        w.bytes(&self.key.0);
        w.text(&self.label);
        w.array(self.asks.types.len());
        self.asks.types.iter().for_each(|name| w.text(name.as_str()));
        w.array(self.asks.actions.len());
        self.asks.actions.iter().for_each(|action| w.text(action.as_str()));
        w.uint(self.created);
        w.into_bytes()
    }

    /// The line, signed.
    pub fn to_line(&self, key: &SecretKey) -> String {
        let prefix = match self.kind {
            RequestKind::App => APP,
            RequestKind::Device => DEVICE,
        };
        format!("{prefix}{}", BASE64URL_NOPAD.encode(&seal(&self.encode(), DOMAIN, key)))
    }
}

impl FromStr for Request {
    type Err = RequestError;

    fn from_str(line: &str) -> Result<Self, RequestError> {
        let line = line.trim();
        let (kind, text) = if let Some(text) = line.strip_prefix(APP) {
            (RequestKind::App, text)
        } else {
            (RequestKind::Device, line.strip_prefix(DEVICE).ok_or(RequestError::Text)?)
        };
        if text.len() > TEXT_BYTES {
            return Err(IdentityError::TooLarge(WHAT, text.len()).into());
        }
        let bytes = BASE64URL_NOPAD.decode(text.as_bytes()).map_err(|_| RequestError::Text)?;
        let (request, content, signature) = read_sealed(&bytes, WHAT, |r| {
            r.tuple(7, "a request of 7 items")?;
            let at = r.at();
            if r.uint()? != VERSION {
                return r.fail(at, Fault::Expected("request format version 1"));
            }
            let at = r.at();
            let said = match r.uint()? {
                0 => RequestKind::App,
                1 => RequestKind::Device,
                _ => return r.fail(at, Fault::Expected("a kind: 0 (app) or 1 (device)")),
            };
            if said != kind {
                return r.fail(at, Fault::Expected("the kind that the line begins with"));
            }
            Ok(Self {
                kind,
                key: sound_key(r)?,
                label: plain_text(r)?,
                asks: Asks {
                    types: set(r, "64 types at most, sorted, each once", |r| r.parsed("a type name"))?,
                    actions: set(r, "64 actions at most, sorted, each once", |r| r.parsed("an action"))?,
                },
                created: r.timestamp()?,
            })
        })?;
        check(&request.key, &[DOMAIN, content].concat(), &signature)?;
        Ok(request)
    }
}

impl fmt::Display for RequestKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            RequestKind::App => "app",
            RequestKind::Device => "device",
        })
    }
}
