//! The portal under load: a package, a tile and a page over many connections that stay open.

use crate::bed::Bed;
use crate::figures::{rate, say, spread};
use crate::{Size, peers};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

const CONNECTIONS: usize = 64;

/// One request on an open connection; the body's bytes.
fn ask(stream: &mut BufReader<TcpStream>, path: &str) -> std::io::Result<usize> {
    let request = format!("GET {path} HTTP/1.1\r\nHost: portal\r\n\r\n");
    stream.get_mut().write_all(request.as_bytes())?;
    let (mut line, mut length, mut first) = (String::new(), 0, true);
    loop {
        line.clear();
        stream.read_line(&mut line)?;
        assert!(!first || line.contains(" 200 "), "{path}: {line}");
        first = false;
        if line == "\r\n" {
            break;
        }
        if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse().expect("a length");
        }
    }
    std::io::copy(&mut stream.take(length), &mut std::io::sink())?;
    Ok(usize::try_from(length).expect("a length"))
}

/// Asks for a path from all connections at once; requests by the second.
fn load(address: &str, path: &str, seconds: u64) -> (f64, Vec<Duration>, usize) {
    let begun = Instant::now();
    let until = begun + Duration::from_secs(seconds);
    let clients: Vec<_> = (0..CONNECTIONS)
        .map(|_| {
            let (address, path) = (address.to_owned(), path.to_owned());
            std::thread::spawn(move || {
                let mut stream = BufReader::new(TcpStream::connect(address).expect("a connection"));
                stream.get_ref().set_nodelay(true).expect("an option");
                let (mut times, mut bytes) = (Vec::new(), 0);
                while Instant::now() < until {
                    let begun = Instant::now();
                    bytes = ask(&mut stream, &path).expect("an answer");
                    times.push(begun.elapsed());
                }
                (times, bytes)
            })
        })
        .collect();
    let answers: Vec<_> = clients.into_iter().map(|client| client.join().expect("a client")).collect();
    let bytes = answers.first().map_or(0, |answer| answer.1);
    let times: Vec<Duration> = answers.into_iter().flat_map(|answer| answer.0).collect();
    (times.len() as f64 / begun.elapsed().as_secs_f64(), times, bytes)
}

pub(crate) fn run(bed: &mut Bed, size: Size) {
    let province = bed.province();
    let digest =
        province.get("/api/v1/packages?division=330282108&limit=1").json()["packages"][0]["digest"].clone();
    let digest = digest.as_str().expect("a package").to_owned();
    let paths = [
        ("package JSON", format!("/api/v1/packages/{digest}")),
        ("tile", "/tile/0/000".to_owned()),
        ("division page", "/330282/2024".to_owned()),
        ("report page", format!("/p/{digest}")),
    ];
    let seconds = (size.seconds / 4).max(2);
    let static_files = bed.dir.path().join("static");
    let nginx = Nginx::start(&static_files);
    for (what, path) in paths {
        let answer = province.get(&path);
        if answer.status != 200 {
            say("pages", what, &format!("{path} answers {}", answer.status));
            continue;
        }
        let (ours, mut times, bytes) = load(&province.portal, &path, seconds);
        let figure = format!("{} ({bytes} bytes); {}", rate_of(ours), spread(&mut times));
        say("pages", &format!("P8 {what}, {CONNECTIONS} connections"), &figure);
        if let Some(nginx) = &nginx {
            std::fs::write(static_files.join("same"), &answer.body).expect("a file");
            let (theirs, mut times, _) = load(&nginx.address, "/same", seconds);
            say(
                "pages",
                &format!("nginx, the same bytes as the {what}"),
                &format!("{}; {}", rate_of(theirs), spread(&mut times)),
            );
            say("pages", &format!("ratio to nginx, {what}"), &format!("{:.2}", ours / theirs));
        }
    }
}

fn rate_of(by_the_second: f64) -> String {
    rate(by_the_second as usize, Duration::from_secs(1))
}

/// A server of static files with as many workers as there are cores.
struct Nginx {
    process: std::process::Child,
    address: String,
}

impl Nginx {
    fn start(dir: &Path) -> Option<Self> {
        if !peers::is_installed("nginx") {
            return None;
        }
        std::fs::create_dir_all(dir).expect("a directory");
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("an address").to_string();
        drop(listener);
        let at = dir.display();
        let text = format!(
            "daemon off; worker_processes auto; pid {at}/pid; error_log {at}/error.log; user root;\n\
             events {{ worker_connections 1024; }}\n\
             http {{ access_log off; keepalive_requests 100000000; server {{ listen {address}; root {at}; }} }}\n"
        );
        std::fs::write(dir.join("conf"), text).expect("a file");
        let config = dir.join("conf");
        let mut nginx = Command::new("nginx");
        let process = nginx.arg("-c").arg(config).stderr(Stdio::null()).spawn().ok()?;
        crate::bed::until("nginx", || TcpStream::connect(&address).is_ok());
        Some(Self { process, address })
    }
}

impl Drop for Nginx {
    fn drop(&mut self) {
        // Its workers end with it only when it is asked to.
        let _ = Command::new("kill").arg(self.process.id().to_string()).status();
        let _ = self.process.wait();
    }
}
