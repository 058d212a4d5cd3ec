//! Frames on a stream: a length, and that many bytes.

use std::io;
use std::time::Duration;

use futures_util::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

use super::{Message, WireError};

/// Bytes of a frame. Sixteen of the largest records fit; a blob goes in pieces.
pub const MOST_BYTES: usize = 1 << 20;

/// How long a frame that has begun may take to come, and one that is written to go out: a peer
/// that is slower than 1 MiB in this time holds us up.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// Why a stream is of no more use.
#[derive(Debug, thiserror::Error)]
pub enum FrameError {
    /// The stream broke.
    #[error("the stream broke: {0}")]
    Io(#[from] io::Error),
    /// The peer ended it.
    #[error("the peer ended the stream")]
    Ended,
    /// A frame began and did not come to its end, or none could be written, in time.
    #[error("the peer was too slow")]
    Slow,
    /// A length above the bound.
    #[error("a frame of {0} bytes; the most is {MOST_BYTES}")]
    TooLarge(usize),
    /// The bytes are no message.
    #[error(transparent)]
    Wire(#[from] WireError),
}

impl FrameError {
    /// Whether it shows that the peer does not keep to the protocol, and not only that a
    /// connection ended.
    pub fn is_fault(&self) -> bool {
        matches!(self, FrameError::TooLarge(_) | FrameError::Wire(_))
    }
}

/// Writes a message. Does not flush.
pub async fn write(to: &mut (impl AsyncWrite + Unpin), message: &impl Message) -> Result<(), FrameError> {
    write_bytes(to, &message.encode()).await
}

async fn write_bytes(to: &mut (impl AsyncWrite + Unpin), bytes: &[u8]) -> Result<(), FrameError> {
    if bytes.len() > MOST_BYTES {
        return Err(FrameError::TooLarge(bytes.len()));
    }
    let length = u32::try_from(bytes.len()).expect("a frame is at most 1 MiB");
    in_time(async {
        to.write_all(&length.to_be_bytes()).await?;
        to.write_all(bytes).await
    })
    .await
}

/// Writes a message and sends what is buffered.
pub async fn send(to: &mut (impl AsyncWrite + Unpin), message: &impl Message) -> Result<(), FrameError> {
    write(to, message).await?;
    in_time(to.flush()).await
}

async fn in_time(work: impl Future<Output = io::Result<()>>) -> Result<(), FrameError> {
    match tokio::time::timeout(PATIENCE, work).await {
        Ok(done) => Ok(done?),
        Err(_) => Err(FrameError::Slow),
    }
}

/// Waits for a frame for as long as it takes, and reads it in bounded time. Memory grows with
/// what comes, not with what is announced. `most` bounds its bytes.
pub async fn read_bytes(from: &mut (impl AsyncRead + Unpin), most: usize) -> Result<Vec<u8>, FrameError> {
    let mut first = [0; 1];
    if from.read(&mut first).await? == 0 {
        return Err(FrameError::Ended);
    }
    let rest = async {
        let mut length = [first[0], 0, 0, 0];
        from.read_exact(&mut length[1..]).await?;
        let length = u32::from_be_bytes(length) as usize;
        if length > most {
            return Err(FrameError::TooLarge(length));
        }
        let mut bytes = Vec::with_capacity(length.min(16 << 10));
        if from.take(length as u64).read_to_end(&mut bytes).await? < length {
            return Err(io::Error::from(io::ErrorKind::UnexpectedEof).into());
        }
        Ok(bytes)
    };
    tokio::time::timeout(PATIENCE, rest).await.unwrap_or(Err(FrameError::Slow))
}

/// The next message that this version knows.
pub async fn read<M: Message>(from: &mut (impl AsyncRead + Unpin)) -> Result<M, FrameError> {
    loop {
        let bytes = read_bytes(from, MOST_BYTES).await?;
        if let Some(message) = M::decode(&bytes)? {
            return Ok(message);
        }
    }
}

/// As [`read`], for an answer that is due: not later than [`PATIENCE`].
pub async fn expect<M: Message>(from: &mut (impl AsyncRead + Unpin)) -> Result<M, FrameError> {
    tokio::time::timeout(PATIENCE, read(from)).await.unwrap_or(Err(FrameError::Slow))
}

#[cfg(test)]
mod tests {
    use futures_util::io::Cursor;

    use super::*;

    #[derive(Debug, PartialEq)]
    struct Raw(Vec<u8>);

    impl Message for Raw {
        fn encode(&self) -> Vec<u8> {
            self.0.clone()
        }

        fn decode(bytes: &[u8]) -> Result<Option<Self>, WireError> {
            Ok((bytes != b"later").then(|| Self(bytes.to_vec())))
        }
    }

    #[tokio::test]
    async fn what_is_written_is_read_and_what_is_not_known_is_passed_over() {
        let mut bytes = Cursor::new(Vec::new());
        for message in ["one", "later", "two"] {
            send(&mut bytes, &Raw(message.into())).await.unwrap();
        }
        bytes.set_position(0);
        assert_eq!(read::<Raw>(&mut bytes).await.unwrap(), Raw("one".into()));
        assert_eq!(read::<Raw>(&mut bytes).await.unwrap(), Raw("two".into()));
        assert!(matches!(read::<Raw>(&mut bytes).await, Err(FrameError::Ended)));
    }

    #[tokio::test]
    async fn a_length_that_lies_is_refused_before_room_is_made_for_it() {
        let huge = u32::MAX.to_be_bytes();
        assert!(matches!(read::<Raw>(&mut &huge[..]).await, Err(FrameError::TooLarge(_))));
        let cut = [0, 0, 0, 9, 1, 2];
        assert!(matches!(read::<Raw>(&mut &cut[..]).await, Err(FrameError::Io(_))));
        assert!(matches!(read::<Raw>(&mut &cut[..2]).await, Err(FrameError::Io(_))));
    }

    #[tokio::test(start_paused = true)]
    async fn a_peer_that_drips_bytes_is_given_up() {
        let (mut near, far) = tokio::io::duplex(64);
        tokio::io::AsyncWriteExt::write_all(&mut near, &[0, 0]).await.unwrap();
        let mut far = tokio_util::compat::TokioAsyncReadCompatExt::compat(far);
        assert!(matches!(read::<Raw>(&mut far).await, Err(FrameError::Slow)));
        drop(near);
    }
}
