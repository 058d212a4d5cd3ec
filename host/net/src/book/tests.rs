use proptest::prelude::*;

use super::*;

const DAY: u64 = 86_400_000;

fn addr(n: u32) -> Multiaddr {
    format!("/ip4/9.{}.{}.{}/tcp/7420", n >> 16 & 255, n >> 8 & 255, n & 255).parse().unwrap()
}

#[test]
fn the_wait_doubles_up_to_an_hour() {
    assert_eq!(back_off(0, 7), Duration::ZERO);
    let mut nominal = 2000;
    for failures in 1..=MOST_FAILURES {
        for salt in [0, 1, 0xdead_beef, u64::MAX] {
            let wait = back_off(failures, salt).as_millis() as u64;
            assert!(wait >= nominal * 3 / 4 - 1 && wait <= nominal * 5 / 4, "{failures}: {wait} ms");
        }
        nominal = (nominal * 2).min(3_600_000);
    }
    assert_ne!(back_off(5, 1), back_off(5, 2), "nodes that failed together do not come back together");
}

#[test]
fn a_node_that_failed_is_left_alone_for_a_while_and_one_success_forgives() {
    let (mut book, peer) = (Book::new(), PeerId::random());
    book.heard(peer, &[addr(1)], How::Dht, 0);
    assert_eq!(book.candidates(0, 9), [peer]);
    book.failed(peer, &[addr(1)], 10);
    assert!(book.candidates(10, 9).is_empty());
    assert!(book.next_try(&peer) > 10 + 1400 && book.next_try(&peer) < 10 + 2600);
    (0..20).for_each(|n| book.failed(peer, &[addr(1)], n));
    assert!(book.candidates(2_000_000, 9).is_empty());
    assert_eq!(book.candidates(5_000_000, 9), [peer]);
    book.succeeded(peer, &addr(1), 30);
    assert_eq!(book.next_try(&peer), 30);
}

#[test]
fn the_address_that_worked_comes_first_and_hearsay_does_not_displace_it() {
    let (mut book, peer) = (Book::new(), PeerId::random());
    book.succeeded(peer, &addr(0), 5);
    for n in 1..100 {
        book.heard(peer, &[addr(n)], How::Dht, 5 + u64::from(n));
    }
    assert_eq!(book.get(&peer).unwrap().addresses.len(), MOST_ADDRESSES);
    book.failed(peer, &[addr(98)], 200);
    let addresses = book.addresses(&peer);
    assert_eq!(addresses[0], addr(0));
    assert_eq!(addresses.last(), Some(&addr(98)));
}

#[test]
fn a_flood_of_new_nodes_does_not_drive_out_those_that_worked() {
    let mut book = Book::new();
    let good: Vec<_> = (0..100).map(|_| PeerId::random()).collect();
    good.iter().for_each(|peer| book.succeeded(*peer, &addr(1), DAY));
    let given = PeerId::random();
    book.heard(given, &[addr(2)], How::Given, DAY);
    for n in 0..(2 * MOST_PEERS as u32) {
        book.heard(PeerId::random(), &[addr(n)], How::Dht, DAY + u64::from(n));
    }
    assert!((MOST_PEERS * 15 / 16..=MOST_PEERS).contains(&book.len()));
    assert!(good.iter().chain([&given]).all(|peer| book.get(peer).is_some()));
    assert!(book.candidates(2 * DAY, 100).iter().all(|peer| good.contains(peer)));
}

#[test]
fn a_full_book_of_nodes_that_worked_takes_nobody_new() {
    let mut book = Book::new();
    (0..MOST_PEERS).for_each(|_| book.succeeded(PeerId::random(), &addr(1), DAY));
    assert!(!book.heard(PeerId::random(), &[addr(2)], How::Dht, DAY));
    assert_eq!(book.len(), MOST_PEERS);
}

#[test]
fn private_addresses_stay_here() {
    let (mut book, peer) = (Book::new(), PeerId::random());
    let private: Multiaddr = "/ip4/192.168.1.5/tcp/7420".parse().unwrap();
    book.heard(peer, &[private.clone(), addr(1)], How::Mdns, 0);
    assert_eq!(book.addresses(&peer).len(), 2);
    assert_eq!(book.tellable(&peer, Realm::Internet), [addr(1)]);
    assert!(book.tellable(&peer, Realm::Closed).contains(&private));
}

#[test]
fn the_nodes_own_name_is_no_part_of_its_address() {
    let (mut book, peer) = (Book::new(), PeerId::random());
    assert!(book.heard(peer, &[addr(1).with_p2p(peer).unwrap()], How::Given, 0));
    assert!(!book.heard(peer, &[addr(1)], How::Dht, 1));
    assert_eq!(book.addresses(&peer), [addr(1)]);
    assert_eq!(book.get(&peer).unwrap().how, How::Given);
    assert!(!book.heard(PeerId::random(), &[], How::Dht, 1), "nothing is known of it");
}

#[test]
fn a_book_survives_a_restart_and_is_written_only_when_it_changed() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("peers");
    assert!(Book::load(&path).unwrap().is_empty());
    let mut book = Book::new();
    for n in 0..50 {
        let peer = PeerId::random();
        book.heard(peer, &[addr(n), addr(n + 1)], How::Mdns, n.into());
        if n % 3 == 0 {
            book.failed(peer, &[addr(n)], 100);
        } else {
            book.succeeded(peer, &addr(n), 100);
        }
    }
    book.save(&path).unwrap();
    let mut again = Book::load(&path).unwrap();
    assert_eq!(again, book);
    std::fs::remove_file(&path).unwrap();
    again.save(&path).unwrap();
    assert!(!path.exists());
    again.forget(&PeerId::random());
    again.save(&path).unwrap();
    assert!(!path.exists());

    std::fs::write(&path, [0xff; 40]).unwrap();
    let error = Book::load(&path).unwrap_err().to_string();
    assert!(error.contains("damaged") && error.contains("move it away"), "{error}");
}

proptest! {
    #[test]
    fn no_bytes_break_the_reader(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        if let Ok(book) = Book::decode(&bytes) {
            prop_assert_eq!(Book::decode(&book.encode()).unwrap(), book);
        }
    }

    #[test]
    fn the_bounds_hold_and_nothing_is_lost_on_disk(
        steps in proptest::collection::vec((0usize..4, 0usize..12, 0u32..40, 0u64..1000), 0..200),
    ) {
        let peers: Vec<_> = (0..12).map(|_| PeerId::random()).collect();
        let mut book = Book::new();
        for (what, who, n, now) in steps {
            match what {
                0 => { book.heard(peers[who], &[addr(n), addr(n + 1)], How::Dht, now); }
                1 => book.succeeded(peers[who], &addr(n), now),
                2 => book.failed(peers[who], &[addr(n)], now),
                _ => book.forget(&peers[who]),
            }
            for (peer, entry) in book.iter() {
                prop_assert!((1..=MOST_ADDRESSES).contains(&entry.addresses.len()));
                prop_assert_eq!(book.addresses(peer).len(), entry.addresses.len());
            }
        }
        let again = Book::decode(&book.encode()).unwrap();
        prop_assert_eq!(again.entries, book.entries);
    }
}
