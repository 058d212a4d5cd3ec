//! Invitations: one line that says which space, and whom to ask for it.
//!
//! `atlas:SPACE,name=NAME,private,peer=MULTIADDR,...`: only the space has to be there, and the id
//! alone, without `atlas:`, will do too. There is no character in it that a shell would read. An
//! invitation is no secret of a public space; that of a private one holds the space's id, which
//! is known to its members only, and lets nobody in who is no member.

use std::fmt;
use std::str::FromStr;

use atlas_record::SpaceId;
use atlas_record::space::NAME_BYTES;

/// Peers that an invitation names at most.
pub const MOST_PEERS: usize = 16;
/// Characters of an invitation.
const MOST_CHARS: usize = 8192;
const PREFIX: &str = "atlas:";

/// Which space, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Invite {
    /// The space.
    pub space: SpaceId,
    /// What its founder calls it; empty if that is not said.
    pub name: String,
    /// Whether only its members may know of it.
    pub private: bool,
    /// Addresses of peers that have it: multiaddrs that end in `/p2p/PEER`.
    pub peers: Vec<String>,
}

/// Why a line is no invitation.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "this is no invitation: {0}; expected the line that `atlas space invite NAME` prints (atlas:SPACE,name=…,peer=…), or a space's id"
)]
pub struct InviteError(String);

fn escape(text: &str) -> String {
    let mut escaped = String::new();
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' => escaped.push(char::from(byte)),
            _ => escaped.push_str(&format!("%{byte:02x}")),
        }
    }
    escaped
}

fn unescape(text: &str) -> Option<String> {
    let (mut bytes, mut rest) = (Vec::new(), text.as_bytes());
    while let [first, tail @ ..] = rest {
        (*first != b'%').then(|| bytes.push(*first));
        rest = tail;
        if *first == b'%' {
            let (digits, tail) = rest.split_first_chunk::<2>()?;
            bytes.push(u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()?);
            rest = tail;
        }
    }
    String::from_utf8(bytes).ok()
}

impl fmt::Display for Invite {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{PREFIX}{}", self.space)?;
        if !self.name.is_empty() {
            write!(f, ",name={}", escape(&self.name))?;
        }
        if self.private {
            f.write_str(",private")?;
        }
        self.peers.iter().try_for_each(|peer| write!(f, ",peer={peer}"))
    }
}

impl FromStr for Invite {
    type Err = InviteError;

    fn from_str(text: &str) -> Result<Self, InviteError> {
        let no = |why: &str| InviteError(why.to_owned());
        let text = text.trim();
        if text.chars().count() > MOST_CHARS {
            return Err(no("it is too long"));
        }
        let mut parts = text.strip_prefix(PREFIX).unwrap_or(text).split(',');
        let space = parts.next().unwrap_or_default();
        let space = space.parse().map_err(|_| InviteError(format!("`{}` is no space id", space.escape_debug())))?;
        let mut invite = Self { space, name: String::new(), private: false, peers: Vec::new() };
        for part in parts {
            match part.split_once('=') {
                Some(("name", name)) => {
                    let name = unescape(name).filter(|name| name.len() <= NAME_BYTES);
                    invite.name = name.ok_or_else(|| no("its name cannot be read"))?;
                }
                Some(("peer", peer)) if peer.starts_with('/') && invite.peers.len() < MOST_PEERS => {
                    invite.peers.push(peer.to_owned());
                }
                Some(("peer", peer)) if invite.peers.len() < MOST_PEERS => {
                    return Err(InviteError(format!("`{}` is no peer's address", peer.escape_debug())));
                }
                None if part == "private" => invite.private = true,
                // A later version may say more.
                _ => {}
            }
        }
        Ok(invite)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn every_invitation_is_one_word_that_is_read_back(
            space in any::<[u8; 32]>(),
            name in "\\PC{0,30}",
            private in any::<bool>(),
            peers in prop::collection::vec("/ip4/[0-9.]{1,12}/tcp/[0-9]{1,5}", 0..4),
        ) {
            let invite = Invite { space: SpaceId(space), name, private, peers };
            let line = invite.to_string();
            prop_assert!(!line.contains(|c: char| c.is_whitespace() || "&?*$'\"`;|<>()[]{}\\#!~".contains(c)), "{}", line);
            prop_assert_eq!(line.parse::<Invite>().unwrap(), invite);
        }

        #[test]
        fn no_line_upsets_the_reader(line in "\\PC{0,200}") {
            let _ = line.parse::<Invite>();
        }
    }

    #[test]
    fn an_id_alone_is_enough_and_what_is_missing_is_said() {
        let space = SpaceId([7; 32]);
        assert_eq!(space.to_string().parse::<Invite>().unwrap().space, space);
        let error = "atlas:debian".parse::<Invite>().unwrap_err().to_string();
        assert!(error.contains("`debian` is no space id") && error.contains("atlas space invite"), "{error}");
        assert!(format!("atlas:{space},peer=10.0.0.1").parse::<Invite>().is_err());
        assert!(format!("atlas:{space},later=yes").parse::<Invite>().is_ok());
    }
}
