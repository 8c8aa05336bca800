//! A blob on its way from the registry to a reader that knows no `async`: a few pieces at a time, never all of it.

use crate::client::Client;
use crate::digest::{Digest, Hasher};
use crate::error::ReadError;
use plumbline_core::text::chain;
use std::io::{self, Read};
use tokio::sync::mpsc;

/// Pieces on the way at any time; each is what one read of the connection gave, some tens of kilobytes at most.
const PIECES: usize = 16;
/// How often a blob that broke off is gone on with.
const RESUMPTIONS: u32 = 3;

enum Piece {
    Bytes(Vec<u8>),
    /// The blob is complete. A channel that closes without this one broke off.
    End,
}

/// Where the pieces go in.
pub(crate) struct Pump(mpsc::Sender<Piece>);

/// Where they come out, as one stream.
pub(crate) struct Incoming {
    pieces: mpsc::Receiver<Piece>,
    piece: Vec<u8>,
    at: usize,
    ended: bool,
    /// How many bytes may still come.
    left: u64,
    hasher: Option<Hasher>,
}

/// A stream of at most `size` bytes.
pub(crate) fn channel(size: u64, digest: &Digest) -> (Pump, Incoming) {
    let (sender, pieces) = mpsc::channel(PIECES);
    let hasher = Some(digest.hasher());
    (Pump(sender), Incoming { pieces, piece: Vec::new(), at: 0, ended: false, left: size, hasher })
}

impl Pump {
    /// Sends a blob through, and goes on where it breaks off. Ends early, and well, when nobody reads any more.
    pub(crate) async fn run(self, client: &Client, repository: &str, digest: &Digest) -> Result<(), ReadError> {
        let mut sent = 0;
        let mut resumed = 0;
        loop {
            match self.one(client, repository, digest, &mut sent).await {
                Err(ReadError::Failed(_)) if sent > 0 && resumed < RESUMPTIONS => resumed += 1,
                other => return other,
            }
        }
    }

    async fn one(&self, client: &Client, repository: &str, digest: &Digest, sent: &mut u64) -> Result<(), ReadError> {
        let mut answer = client.stream(repository, digest, *sent).await?;
        let broken = |error: reqwest::Error| ReadError::Failed(chain(&error.without_url()));
        while let Some(chunk) = answer.chunk().await.map_err(broken)? {
            *sent += chunk.len() as u64;
            if self.0.send(Piece::Bytes(chunk.to_vec())).await.is_err() {
                return Ok(());
            }
        }
        // Nobody reading any more is the reader's to explain.
        let _ = self.0.send(Piece::End).await;
        Ok(())
    }
}

impl Incoming {
    /// The next bytes without taking them; empty at the end. Blocks.
    pub(crate) fn peek(&mut self) -> io::Result<&[u8]> {
        while !self.ended && self.at >= self.piece.len() {
            match self.pieces.blocking_recv() {
                Some(Piece::Bytes(bytes)) => self.take(bytes)?,
                Some(Piece::End) => self.ended = true,
                None => return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the registry broke off")),
            }
        }
        Ok(self.piece.get(self.at..).unwrap_or_default())
    }

    fn take(&mut self, bytes: Vec<u8>) -> io::Result<()> {
        let length = bytes.len() as u64;
        self.left = self
            .left
            .checked_sub(length)
            .ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, "the layer is longer than its manifest says"))?;
        if let Some(hasher) = &mut self.hasher {
            hasher.update(&bytes);
        }
        self.piece = bytes;
        self.at = 0;
        Ok(())
    }

    /// The digest of all of it, once all of it has come; reads what nobody took.
    pub(crate) fn finish(mut self) -> io::Result<Option<Digest>> {
        while !self.peek()?.is_empty() {
            self.at = self.piece.len();
        }
        Ok(self.hasher.take().map(Hasher::finish))
    }
}

impl Read for Incoming {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let mut waiting = self.peek()?;
        let taken = waiting.read(buffer)?;
        self.at += taken;
        Ok(taken)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn through(size: u64, pieces: Vec<Piece>) -> io::Result<(Vec<u8>, Option<Digest>)> {
        let (pump, mut incoming) = channel(size, &Digest::of(b""));
        for piece in pieces {
            assert!(pump.0.try_send(piece).is_ok());
        }
        drop(pump);
        let mut all = Vec::new();
        incoming.read_to_end(&mut all)?;
        Ok((all, incoming.finish()?))
    }

    #[test]
    fn pieces_come_out_as_one_stream() {
        let pieces =
            vec![Piece::Bytes(b"ab".to_vec()), Piece::Bytes(Vec::new()), Piece::Bytes(b"c".to_vec()), Piece::End];
        let (all, digest) = through(3, pieces).unwrap();
        assert_eq!(all, b"abc");
        assert_eq!(digest, Some(Digest::of(b"abc")));
    }

    #[test]
    fn a_stream_that_breaks_off_is_no_end() {
        let broken = through(9, vec![Piece::Bytes(b"ab".to_vec())]).unwrap_err();
        assert_eq!(broken.kind(), io::ErrorKind::UnexpectedEof);
    }

    #[test]
    fn more_than_was_said_is_refused() {
        assert!(through(1, vec![Piece::Bytes(b"ab".to_vec()), Piece::End]).is_err());
    }
}
