//! Files that go with a record: uploaded before it, written to a file after.

use std::io::{IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use atlas_node::attach::Attached;
use atlas_node::{NodeError, client, no_body};
use serde_json::{Value as Json, json};

use crate::commands::{Outcome, Session, escape, misuse, progress, unreadable};
use crate::output::{bytes, line, number, text};

/// A file as `--blob` names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Named {
    /// What the body calls it.
    name: String,
    path: PathBuf,
    media: String,
}

/// Media types by the ends of names: those that browsers show and people send. What is not here
/// is bytes, unless `;type=` says more.
const MEDIA: &[(&str, &str)] = &[
    ("avif", "image/avif"),
    ("bmp", "image/bmp"),
    ("cbor", "application/cbor"),
    ("css", "text/css"),
    ("csv", "text/csv"),
    ("epub", "application/epub+zip"),
    ("flac", "audio/flac"),
    ("gif", "image/gif"),
    ("gz", "application/gzip"),
    ("htm", "text/html"),
    ("html", "text/html"),
    ("jpeg", "image/jpeg"),
    ("jpg", "image/jpeg"),
    ("json", "application/json"),
    ("md", "text/markdown"),
    ("mov", "video/quicktime"),
    ("mp3", "audio/mpeg"),
    ("mp4", "video/mp4"),
    ("mpeg", "video/mpeg"),
    ("ogg", "audio/ogg"),
    ("opus", "audio/ogg"),
    ("pdf", "application/pdf"),
    ("png", "image/png"),
    ("svg", "image/svg+xml"),
    ("tar", "application/x-tar"),
    ("txt", "text/plain"),
    ("vtt", "text/vtt"),
    ("wasm", "application/wasm"),
    ("wav", "audio/wav"),
    ("webm", "video/webm"),
    ("webp", "image/webp"),
    ("xml", "application/xml"),
    ("zip", "application/zip"),
];

fn media_of(path: &Path) -> &'static str {
    let end = path.extension().and_then(|end| end.to_str()).unwrap_or_default().to_ascii_lowercase();
    MEDIA.iter().find(|(known, _)| *known == end).map_or("application/octet-stream", |(_, media)| media)
}

impl std::str::FromStr for Named {
    type Err = String;

    /// `[NAME=]FILE[;type=MEDIA]`. A file whose name holds `=` is found under its whole name.
    fn from_str(given: &str) -> Result<Self, String> {
        let (rest, media) = match given.rsplit_once(";type=") {
            Some((rest, media)) if media.contains('/') => (rest, Some(media.to_owned())),
            Some((_, media)) => return Err(format!("`{media}` is no media type, as image/png")),
            None => (given, None),
        };
        let (name, path) = match rest.split_once('=') {
            Some((name, path)) if !name.is_empty() && !Path::new(rest).exists() => (name.to_owned(), path),
            _ => {
                let name = Path::new(rest).file_name().map(|name| name.to_string_lossy().into_owned());
                (name.ok_or_else(|| format!("`{rest}` is no file: write FILE or NAME=FILE"))?, rest)
            }
        };
        let path = PathBuf::from(path);
        let media = media.unwrap_or_else(|| media_of(&path).to_owned());
        Ok(Self { name, path, media })
    }
}

impl Session {
    /// Uploads files; what a body may say of them.
    pub async fn attach(&self, named: Vec<Named>) -> Result<Vec<Attached>, client::Failure> {
        let mut attached: Vec<Attached> = Vec::with_capacity(named.len());
        for Named { name, path, media } in named {
            if attached.iter().any(|file| file.name == name) {
                return Err(misuse(format!(
                    "two files are called `{name}`: name one of them, as other={}",
                    path.display()
                )));
            }
            let file = std::fs::File::open(&path).map_err(|error| unreadable(&path, error))?;
            let size = file.metadata().ok().filter(std::fs::Metadata::is_file).map(|metadata| metadata.len());
            let bar = progress(size);
            let counter = bar.clone();
            let sent = self.client.upload("/v1/blobs", file, move |read| counter.inc(read as u64)).await;
            bar.finish_and_clear();
            let answer: Json = serde_json::from_slice(&client::read_all(sent?).await?).unwrap_or_default();
            let id = text(&answer, "/id").parse().map_err(|_| {
                client::Failure::from(NodeError::Unavailable("the node's answer names no blob".to_owned()))
            })?;
            attached.push(Attached { name, id, size: number(&answer, "/size"), media });
        }
        Ok(attached)
    }

    /// Writes a blob to a file or to standard output. What arrives is held against the id, and
    /// a file appears under its name only when it is whole.
    pub async fn get_blob(&self, id: &str, output: Option<PathBuf>) -> Outcome {
        if output.is_none() && std::io::stdout().is_terminal() {
            return Err(misuse("a blob is not text: send it to a file with --output FILE, or to a pipe"));
        }
        let response =
            self.client.send("GET", &format!("/v1/blobs/{}", escape(id)), "application/json", no_body()).await?;
        let Some(path) = output else {
            let mut out = Hashing { out: std::io::stdout().lock(), hasher: client::Hasher::default() };
            client::copy_to(response, &mut out).await?;
            out.hasher.check(id)?;
            return Ok(ExitCode::SUCCESS);
        };
        let mut partial = path.clone().into_os_string();
        partial.push(".part");
        let partial = PathBuf::from(partial);
        let written = self.copy_blob(response, id, &partial, &path).await;
        if written.is_err() {
            // What is half there is of no use, and may not be there at all.
            let _ = std::fs::remove_file(&partial);
        }
        let written = written?;
        if self.json {
            line(json!({ "id": id, "bytes": written, "file": path }).to_string());
        } else {
            line(format!("wrote {} to {}", bytes(written), path.display()));
        }
        Ok(ExitCode::SUCCESS)
    }

    async fn copy_blob(
        &self,
        response: client::Answer,
        id: &str,
        partial: &Path,
        path: &Path,
    ) -> Result<u64, client::Failure> {
        let cannot = |error| NodeError::File { what: "cannot write", path: path.to_owned(), error };
        if !response.status().is_success() {
            return client::read_all(response).await.map(|_| 0);
        }
        let file = std::fs::File::create(partial).map_err(cannot)?;
        let mut out = Hashing { out: file, hasher: client::Hasher::default() };
        let written = client::copy_to(response, &mut out).await?;
        out.hasher.check(id)?;
        out.out.sync_all().map_err(cannot)?;
        std::fs::rename(partial, path).map_err(cannot)?;
        Ok(written)
    }
}

/// A writer that hashes what goes through it.
struct Hashing<W> {
    out: W,
    hasher: client::Hasher,
}

impl<W: Write> Write for Hashing<W> {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        let written = self.out.write(bytes)?;
        self.hasher.update(&bytes[..written]);
        Ok(written)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.out.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(given: &str) -> (String, String, String) {
        let Named { name, path, media } = given.parse().unwrap();
        (name, path.to_string_lossy().into_owned(), media)
    }

    #[test]
    fn a_file_is_called_by_its_own_name_or_by_another() {
        let own = |name: &str, path: &str, media: &str| (name.to_owned(), path.to_owned(), media.to_owned());
        assert_eq!(named("pics/Cat.PNG"), own("Cat.PNG", "pics/Cat.PNG", "image/png"));
        assert_eq!(named("cat=pics/a.jpg"), own("cat", "pics/a.jpg", "image/jpeg"));
        assert_eq!(named("data"), own("data", "data", "application/octet-stream"));
        assert_eq!(named("cat=a;type=image/webp"), own("cat", "a", "image/webp"));
        assert!("a;type=image".parse::<Named>().is_err());
        assert!("..".parse::<Named>().is_err());
    }

    #[test]
    fn a_file_whose_name_holds_a_sign_of_equality_is_found() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a=b.txt");
        std::fs::write(&path, "x").unwrap();
        assert_eq!(named(path.to_str().unwrap()).0, "a=b.txt");
    }
}
