//! The rush after a release bell: all children of one node push in the same moment (fault 20).
//!
//! The children are enrolled keys that speak the protocol themselves, so that many of them fit beside one real process.

use crate::federation::{Federation, Node};
use crate::http;
use crate::load::usage;
use crate::outsider::{PATIENCE, runtime};
use crate::program::wait_until;
use gongshi::digest::Digest;
use gongshi::log::checkpoint::{Checkpoint, node_origin};
use gongshi::log::note::{self, Note};
use gongshi::log::tree::{Frontier, leaf_hash};
use gongshi::net::{Admit, ConnId, Net, NetConfig, NetEvent, TransportSecret};
use gongshi::statement::{Act, Entry, ReportAct, ReportCard, Scope, Status};
use gongshi::sync::frame::{ClimbingEntry, Frame, JoinRequest, PROTOCOL_VERSION, PackedEntry};
use gongshi::sync::token::Token;
use gongshi::trust::delegation::prove_possession;
use gongshi::trust::key::SecretKey;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::{Barrier, Semaphore, mpsc};

/// Children in an ordinary run; GONGSHI_CHILDREN asks for another number, up to a province's 1,700.
const CHILDREN: usize = 64;
/// Who joins at once: fewer than the places that one address has among unknown keys.
const JOINING: usize = 8;

fn children() -> usize {
    std::env::var("GONGSHI_CHILDREN").ok().and_then(|text| text.parse().ok()).unwrap_or(CHILDREN)
}

/// One child: its keys, its invitation, its line.
struct Child {
    signing: SecretKey,
    transport: SecretKey,
    token: Token,
    net: Net,
    events: mpsc::Receiver<NetEvent>,
}

impl Child {
    async fn new(number: usize, token: Token) -> Self {
        let key = |of: &[u8]| SecretKey::from_seed(Digest::of(&[of, &number.to_be_bytes()]).as_bytes());
        let (signing, transport) = (key(b"signing"), key(b"transport"));
        let secret = TransportSecret::new(&transport).expect("a key");
        let (sender, events) = mpsc::channel(256);
        let config = NetConfig::new(None, secret, Arc::new(|_| Admit::Refuse));
        let net = Net::start(config, sender).await.expect("a socket");
        Self { signing, transport, token, net, events }
    }

    async fn event(&mut self) -> NetEvent {
        tokio::time::timeout(PATIENCE * 4, self.events.recv()).await.expect("in time").expect("an edge")
    }

    /// A session, however often it takes.
    async fn session(&mut self) -> ConnId {
        loop {
            self.net.dial(&self.token.address, self.token.parent_transport);
            loop {
                match self.event().await {
                    NetEvent::Connected { conn, .. } => return conn,
                    NetEvent::DialFailed { .. } => break,
                    // Of the session before.
                    NetEvent::Frame { .. } | NetEvent::Closed { .. } => {}
                }
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    async fn join(&mut self) {
        let (token, division) = (&self.token, &self.token.division);
        let proofs = prove_possession(
            &token.federation,
            &token.parent_signing,
            &self.signing,
            &self.transport,
            division,
        );
        let request = JoinRequest {
            secret: token.secret,
            signing: self.signing.public(),
            transport: self.transport.public(),
            signing_proof: *proofs.0.as_bytes(),
            transport_proof: *proofs.1.as_bytes(),
            addresses: Vec::new(),
        };
        let conn = self.session().await;
        self.net.send(conn, Frame::Join(Box::new(request)).to_bytes());
        let NetEvent::Frame { bytes, .. } = self.event().await else { panic!("no answer") };
        let answer = Frame::from_bytes(&bytes).expect("a frame");
        assert!(matches!(answer, Frame::Joined(_)), "{answer:?}");
        self.net.close(conn, 64, "joined");
    }

    /// Its first statement, and the checkpoint over it.
    fn says(&self) -> (Entry, String) {
        let act = Act::Report(Box::new(ReportCard {
            act: ReportAct::Nil,
            division: self.token.division.clone(),
            agency_name: "某局".to_owned(),
            agency_code: String::new(),
            year: 2024,
            revision: 1,
            previous: Digest::ZERO,
            scope: Scope::Own,
            status: Status::Final,
            as_printed: false,
            template: String::new(),
            reason: 0,
            bodies: Vec::new(),
        }));
        let entry = Entry::sign(&self.signing, &self.token.federation, 0, [7; 32], act).expect("in bounds");
        let mut frontier = Frontier::new();
        frontier.push(leaf_hash(entry.statement.as_bytes()));
        let origin = node_origin(&self.signing.public());
        let text = Checkpoint { origin: origin.clone(), size: 1, root: frontier.root() }.to_text();
        let signatures = vec![note::sign(&text, &origin, &self.signing)];
        (entry, Note { text, signatures }.to_string())
    }

    /// Dials, pushes, and holds the receipt in the end.
    async fn push(&mut self) {
        let (origin, (entry, note)) = (self.signing.public(), self.says());
        let climbing =
            ClimbingEntry { entry: PackedEntry::of(&entry), received_at: None, bodies: Vec::new() };
        'session: loop {
            let conn = self.session().await;
            let hello =
                Frame::Hello { protocol: PROTOCOL_VERSION, federation: self.token.federation, root_size: 0 };
            self.net.send(conn, hello.to_bytes());
            self.net.send(conn, Frame::Propose { origin, note: note.clone(), chain: Vec::new() }.to_bytes());
            let entries = vec![climbing.clone()];
            let push = Frame::Push { origin, first: 0, entries, note: Some(note.clone()) };
            self.net.send(conn, push.to_bytes());
            loop {
                match self.event().await {
                    // What is left of the session before this one.
                    NetEvent::Frame { conn: of, .. } | NetEvent::Closed { conn: of, .. } if of != conn => {}
                    NetEvent::Frame { bytes, .. } => {
                        if let Frame::Receipt { origin: of, note } =
                            Frame::from_bytes(&bytes).expect("a frame")
                        {
                            assert_eq!(of, origin);
                            assert!(Note::parse(&note).is_ok_and(|note| note.signatures.len() > 1), "{note}");
                            return;
                        }
                    }
                    _ => continue 'session,
                }
            }
        }
    }
}

fn invite(root: &Node, number: usize) -> Token {
    let code = format!("33028{}{:03}", 1 + number / 900, 100 + number % 900);
    Token::parse(&root.invite("town", &code, "某镇", &["--auto"])).expect("a token")
}

fn invite_all(root: &Node, count: usize) -> Vec<Token> {
    let each = |from: usize| (from..count).step_by(4).map(|number| invite(root, number)).collect::<Vec<_>>();
    std::thread::scope(|scope| {
        let all: Vec<_> = (0..4).map(|from| scope.spawn(move || each(from))).collect();
        all.into_iter().flat_map(|one| one.join().expect("invitations")).collect()
    })
}

/// Packages that the node shows.
fn shown(node: &Node) -> usize {
    let (mut count, mut after) = (0, String::new());
    loop {
        let page = node.api(&format!("/api/v1/packages?limit=100{after}"));
        count += page["packages"].as_array().map_or(0, Vec::len);
        match page["next"].as_str() {
            Some(next) => after = format!("&after={}", http::encode(next)),
            None => return count,
        }
    }
}

#[test]
fn fault_20_all_children_push_in_one_moment_and_every_receipt_holds() {
    let mut federation = Federation::province();
    let count = children();
    let tokens = invite_all(&federation.nodes[0], count);
    let root = &federation.nodes[0];
    let runtime = runtime();
    let (places, bell) = (Arc::new(Semaphore::new(JOINING)), Arc::new(Barrier::new(count + 1)));
    let children: Vec<_> = tokens
        .into_iter()
        .enumerate()
        .map(|(number, token)| {
            let (places, bell) = (Arc::clone(&places), Arc::clone(&bell));
            runtime.spawn(async move {
                let mut child = Child::new(number, token).await;
                let place = places.acquire().await.expect("a place");
                child.join().await;
                drop(place);
                bell.wait().await;
                let begun = Instant::now();
                child.push().await;
                begun.elapsed()
            })
        })
        .collect();
    runtime.block_on(bell.wait());
    let (begun, before) = (Instant::now(), usage(root.pid()).0);
    let (mut slowest_page, mut most_mib) = (Duration::ZERO, before);
    while children.iter().any(|child| !child.is_finished()) {
        let asked = Instant::now();
        assert_eq!(root.get("/api/v1/node").status, 200);
        slowest_page = slowest_page.max(asked.elapsed());
        most_mib = most_mib.max(usage(root.pid()).0);
        assert!(begun.elapsed() < Duration::from_secs(60), "a minute has passed");
    }
    // Whoever holds a receipt may believe it: the machine stops here.
    federation.nodes[0].kill();
    let mut took: Vec<Duration> =
        children.into_iter().map(|child| runtime.block_on(child).expect("a receipt")).collect();
    took.sort();
    let (median, last) = (took[count / 2], took[count - 1]);
    println!(
        "{count} children at once: receipts after {median:?} (median), {last:?} (last); the slowest page {slowest_page:?}; \
         memory grew {:.1} MiB",
        most_mib - before
    );
    assert!(most_mib - before < 64.0 + 0.25 * count as f64, "{most_mib} MiB, before {before}");
    assert!(slowest_page < Duration::from_secs(5), "{slowest_page:?}");
    federation.nodes[0].serve();
    wait_until("everything that has a receipt is shown", 30, || {
        (shown(&federation.nodes[0]) == count).then_some(())
    });
    runtime.shutdown_background();
}
