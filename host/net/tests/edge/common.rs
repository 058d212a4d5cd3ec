//! A node for a test: a network, and its events.

use std::time::Duration;

use atlas_net::swarm::{Config, Event, Events, Multiaddr, Network, PeerId, Realm, Stream};
use futures_util::{AsyncReadExt as _, AsyncWriteExt as _};
use zeroize::Zeroizing;

pub const ECHO: &str = "/test/echo/1";
pub const BULK: &str = "/test/bulk/1";

/// Nothing here takes nearly as long; what does is stuck.
pub const STUCK: Duration = Duration::from_secs(240);

pub const TCP: &str = "/ip4/127.0.0.1/tcp/0";
pub const QUIC: &str = "/ip4/127.0.0.1/udp/0/quic-v1";

pub struct Node {
    pub net: Network,
    pub events: Events,
}

pub fn key() -> Zeroizing<[u8; 32]> {
    Zeroizing::new(rand::random())
}

/// Listens on loopback, in a realm where that is public.
pub fn config(listen: &[&str]) -> Config {
    Config {
        listen: listen.iter().map(|addr| addr.parse().unwrap()).collect(),
        realm: Realm::Closed,
        agent: "test/1".to_owned(),
        ..Config::new(key())
    }
}

pub async fn within<T>(what: &str, future: impl Future<Output = T>) -> T {
    match tokio::time::timeout(STUCK, future).await {
        Ok(done) => done,
        Err(_) => panic!("stuck: {what}"),
    }
}

/// Asks again until it is so.
pub async fn eventually(what: &str, mut so: impl AsyncFnMut() -> bool) {
    within(what, async {
        while !so().await {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    })
    .await;
}

impl Node {
    pub async fn start(config: Config) -> Self {
        let listen = config.listen.len();
        let (net, events) = Network::start(config, &[ECHO, BULK]).unwrap();
        eventually("listening", async || net.listening().len() >= listen).await;
        Self { net, events }
    }

    pub async fn on(listen: &[&str]) -> Self {
        Self::start(config(listen)).await
    }

    pub fn id(&self) -> PeerId {
        self.net.peer_id()
    }

    /// Its first address, with its name.
    pub fn addr(&self) -> Multiaddr {
        self.net.listening()[0].clone().with_p2p(self.id()).unwrap()
    }

    /// The first event of which `pick` makes something. Others before it are gone.
    pub async fn until<T>(&mut self, what: &str, mut pick: impl FnMut(Event) -> Option<T>) -> T {
        within(what, async {
            loop {
                let event = self.events.next().await.expect("the network runs");
                if let Some(picked) = pick(event) {
                    return picked;
                }
            }
        })
        .await
    }

    pub async fn inbound(&mut self) -> Stream {
        self.until("an inbound stream", |event| match event {
            Event::Inbound { stream, .. } => Some(stream),
            _ => None,
        })
        .await
    }

    /// Gives every stream back what it says, until the network ends.
    pub fn echo(mut self) -> Network {
        let net = self.net.clone();
        tokio::spawn(async move {
            while let Some(event) = self.events.next().await {
                if let Event::Inbound { stream, .. } = event {
                    tokio::spawn(async move {
                        let (mut read, mut write) = stream.split();
                        let _ = futures_util::io::copy(&mut read, &mut write).await;
                        let _ = write.close().await;
                    });
                }
            }
        });
        net
    }
}

/// What is said comes back.
pub async fn says_the_same(net: &Network, peer: PeerId, words: &[u8]) {
    let stream = within("opening", net.open(peer, ECHO)).await.unwrap();
    let (mut read, mut write) = stream.split();
    let mut heard = Vec::new();
    let speaks = async {
        write.write_all(words).await.unwrap();
        write.close().await.unwrap();
    };
    let listens = async { read.read_to_end(&mut heard).await.unwrap() };
    within("an echo", async { futures_util::join!(speaks, listens) }).await;
    assert!(heard == words);
}
