//! A line in the hands of somebody else: datagrams pass, are kept to be sent again, are held back, or go on under
//! another port, as behind a NAT that forgot.

use gongshi::sync::token::Token;
use std::collections::HashMap;
use std::net::{SocketAddr, UdpSocket};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// How often a thread looks whether it is over.
const LOOK: Duration = Duration::from_millis(50);

struct State {
    front: UdpSocket,
    to: SocketAddr,
    /// By who sends: the socket that goes on for them.
    ways: Mutex<HashMap<SocketAddr, Arc<UdpSocket>>>,
    upward: Mutex<Vec<Vec<u8>>>,
    holds_back: AtomicBool,
    held_back: AtomicUsize,
    over: AtomicBool,
}

/// Ends when it is dropped.
pub(crate) struct Line {
    pub(crate) address: String,
    state: Arc<State>,
}

impl Line {
    /// A line to a node.
    pub(crate) fn to(target: &str) -> Self {
        let front = socket();
        let address = front.local_addr().expect("an address").to_string();
        let state = Arc::new(State {
            front,
            to: target.parse().expect("an address"),
            ways: Mutex::default(),
            upward: Mutex::default(),
            holds_back: AtomicBool::new(false),
            held_back: AtomicUsize::new(0),
            over: AtomicBool::new(false),
        });
        let carried = Arc::clone(&state);
        std::thread::spawn(move || carry_up(&carried));
        Self { address, state }
    }

    /// An invitation of the node, to be used by this line.
    pub(crate) fn leads(&self, invitation: &str) -> String {
        let mut token = Token::parse(invitation).expect("a token");
        token.address.clone_from(&self.address);
        token.to_text().expect("a token")
    }

    /// Every datagram that went to the node.
    pub(crate) fn upward(&self) -> Vec<Vec<u8>> {
        self.state.upward.lock().expect("a lock").clone()
    }

    /// From now on nothing goes to the node, or everything does.
    pub(crate) fn holds_back(&self, it_does: bool) {
        self.state.holds_back.store(it_does, Ordering::SeqCst);
    }

    /// How many datagrams were held back.
    pub(crate) fn held_back(&self) -> usize {
        self.state.held_back.load(Ordering::SeqCst)
    }

    /// Everybody goes on under another port.
    pub(crate) fn forgets(&self) {
        self.state.ways.lock().expect("a lock").clear();
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        self.state.over.store(true, Ordering::SeqCst);
    }
}

fn socket() -> UdpSocket {
    let socket = UdpSocket::bind("127.0.0.1:0").expect("a socket");
    socket.set_read_timeout(Some(LOOK)).expect("a timeout");
    socket
}

fn carry_up(state: &Arc<State>) {
    let mut bytes = vec![0; 1 << 16];
    while !state.over.load(Ordering::SeqCst) {
        let Ok((length, from)) = state.front.recv_from(&mut bytes) else { continue };
        if state.holds_back.load(Ordering::SeqCst) {
            state.held_back.fetch_add(1, Ordering::SeqCst);
            continue;
        }
        state.upward.lock().expect("a lock").push(bytes[..length].to_vec());
        let way = Arc::clone(state.ways.lock().expect("a lock").entry(from).or_insert_with(|| {
            let way = Arc::new(socket());
            let (state, way_down) = (Arc::clone(state), Arc::clone(&way));
            std::thread::spawn(move || carry_down(&state, &way_down, from));
            way
        }));
        let _ = way.send_to(&bytes[..length], state.to);
    }
}

fn carry_down(state: &State, way: &UdpSocket, to: SocketAddr) {
    let mut bytes = vec![0; 1 << 16];
    while !state.over.load(Ordering::SeqCst) {
        let Ok(length) = way.recv(&mut bytes) else { continue };
        let ways = state.ways.lock().expect("a lock");
        if ways.get(&to).is_none_or(|newest| !std::ptr::eq(newest.as_ref(), way)) {
            return;
        }
        drop(ways);
        let _ = state.front.send_to(&bytes[..length], to);
    }
}
