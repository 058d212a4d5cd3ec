//! Passphrases: from `ATLAS_PASSPHRASE`, or asked for on a terminal without showing them.

use std::io::IsTerminal;

use atlas_node::client::Failure;
use atlas_node::{Node, NodeError, Refusal};
use serde_json::json;

use crate::commands::Session;

const VARIABLE: &str = "ATLAS_PASSPHRASE";

/// What seals what.
#[derive(Debug, Clone, Copy)]
pub enum Purpose<'a> {
    /// Opens something that is sealed.
    Open(&'a str),
    /// Seals something new: asked for twice.
    New(&'a str),
}

/// The passphrase, if there is any way to get one.
pub fn read(purpose: Purpose<'_>) -> Result<Option<String>, Failure> {
    if let Some(value) = std::env::var(VARIABLE).ok().filter(|value| !value.is_empty()) {
        return Ok(Some(value));
    }
    ask(purpose)
}

/// Asks on the terminal, if there is one.
pub fn ask(purpose: Purpose<'_>) -> Result<Option<String>, Failure> {
    if !std::io::stdin().is_terminal() {
        return Ok(None);
    }
    let prompt = |text: String| {
        rpassword::prompt_password(text)
            .map_err(|error| NodeError::Unavailable(format!("the terminal could not be read: {error}")))
    };
    match purpose {
        Purpose::Open(what) => Ok(Some(prompt(format!("Passphrase of {what}: "))?)),
        Purpose::New(what) => {
            let first = prompt(format!("New passphrase for {what}: "))?;
            if prompt("The same again: ".to_owned())? != first {
                return Err(NodeError::Misuse("the two passphrases differ: nothing was done".into()).into());
            }
            Ok(Some(first))
        }
    }
}

/// Opens the keys of a node in this process, where they are locked and a passphrase is to be had;
/// whether they stay locked.
pub fn unlock_here(node: &Node) -> Result<bool, Failure> {
    let keyring = node.identities().keyring();
    if keyring.is_locked()
        && let Some(passphrase) = read(Purpose::Open("the keys on this machine"))?
    {
        let passphrase = atlas_node::Passphrase::new(passphrase).map_err(NodeError::from)?;
        keyring.unlock(&passphrase).map_err(NodeError::from)?;
    }
    Ok(keyring.is_locked())
}

impl Session {
    /// Opens the node's keys, where they are locked.
    pub async fn unlock(&self) -> Result<(), Failure> {
        let keyring = self.client.ask("GET", "/v1/keyring", None).await?;
        if keyring["locked"] != json!(true) {
            return Ok(());
        }
        let Some(passphrase) = read(Purpose::Open("the keys on this machine"))? else {
            let refusal = Refusal::new("keys-locked", "the keys on this machine are locked by a passphrase")
                .hint("set ATLAS_PASSPHRASE, or run this on a terminal to be asked for it");
            return Err(NodeError::from(refusal).into());
        };
        self.client.ask("POST", "/v1/keyring/unlock", Some(&json!({ "passphrase": passphrase }))).await?;
        Ok(())
    }
}
