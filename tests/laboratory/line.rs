//! A bad line in user space, for kernels whose scheduler has none: datagrams that go over it are
//! late, and some are lost. It is run in a place that stands between two wires, and carries what
//! comes to one of its addresses to a node that nobody reaches in another way.

use std::net::{SocketAddr, UdpSocket};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use atlas_tests::Dice;

use crate::lab::Place;

/// How bad a line is.
#[derive(Debug, Clone, Copy)]
pub struct Line {
    /// In each direction.
    pub delay: Duration,
    /// Of a thousand datagrams, how many are lost.
    pub lost: usize,
}

/// No datagram is longer.
const DATAGRAM: usize = 64 * 1024;
/// Datagrams under way in one direction; more are lost.
const UNDER_WAY: usize = 1024;

impl Line {
    /// Carries datagrams between whoever sends to `here`, one at a time, and `there`. It listens
    /// when this returns, and goes on until the process ends.
    pub fn carry(self, place: &Place, here: SocketAddr, there: SocketAddr) {
        let opened = place.thread(move || {
            let (near, far) = (UdpSocket::bind(here).unwrap(), UdpSocket::bind("0.0.0.0:0").unwrap());
            far.connect(there).unwrap();
            (near, far)
        });
        let (near, far) = opened.join().unwrap();
        let (near_in, far_out) = (near.try_clone().unwrap(), far.try_clone().unwrap());
        let (tell, callers) = mpsc::channel();
        let out = self.late(1, move |bytes: Vec<u8>| far_out.send(&bytes).map(drop));
        std::thread::spawn(move || {
            let mut bytes = vec![0; DATAGRAM];
            loop {
                let Ok((length, from)) = near_in.recv_from(&mut bytes) else { continue };
                let _ = tell.send(from);
                let _ = out.try_send((Instant::now(), bytes[..length].to_vec()));
            }
        });
        let back = self.late(2, move |(to, bytes): (SocketAddr, Vec<u8>)| near.send_to(&bytes, to).map(drop));
        std::thread::spawn(move || {
            let mut to = callers.recv().unwrap();
            let mut bytes = vec![0; DATAGRAM];
            loop {
                // Refused while the node is not up: whoever sends tries again.
                let Ok(length) = far.recv(&mut bytes) else { continue };
                to = callers.try_iter().last().unwrap_or(to);
                let _ = back.try_send((Instant::now(), (to, bytes[..length].to_vec())));
            }
        });
    }

    /// A queue whose items come out late, or not at all.
    fn late<T: Send + 'static>(
        self,
        seed: u64,
        mut out: impl FnMut(T) -> std::io::Result<()> + Send + 'static,
    ) -> mpsc::SyncSender<(Instant, T)> {
        let (sender, queue) = mpsc::sync_channel::<(Instant, T)>(UNDER_WAY);
        std::thread::spawn(move || {
            let mut dice = Dice::new(seed);
            for (at, item) in queue {
                std::thread::sleep((at + self.delay).saturating_duration_since(Instant::now()));
                if dice.below(1000) >= self.lost {
                    // An error is a loss too.
                    let _ = out(item);
                }
            }
        });
        sender
    }
}
