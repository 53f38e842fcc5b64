//! A real browser: headless Chromium through chromedriver, by the W3C WebDriver protocol, which is JSON over HTTP.
//!
//! One browser at a time, each with a profile of its own, so that the machine's memory is enough. What the page asked
//! the network for is read from the browser's own log, and what a script does is watched from before the first byte of
//! a page is parsed. A machine without the browser fails these tests; `tests/run` says how to install it.

use crate::federation::free_address;
use crate::http;
use crate::program::{Process, wait_until};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// Browsers at once.
static ONE: Mutex<()> = Mutex::new(());
/// A page on a busy machine.
const PAGE_WITHIN: Duration = Duration::from_secs(60);
/// A part of a page that is being loaded.
const PART_WITHIN: Duration = Duration::from_secs(10);
/// From a click to the next page, where there is one.
const LEAVES_WITHIN: Duration = Duration::from_secs(1);
/// The key under which WebDriver hands out elements.
const ELEMENT: &str = "element-6066-11e4-a52e-4f735466cecf";
/// The Tab and Enter keys (WebDriver, "Keyboard actions").
pub(crate) const TAB: &str = "\u{E004}";
pub(crate) const ENTER: &str = "\u{E007}";

/// Runs before anything of a page: what opens a dialog, prints or evaluates on its own is counted.
const WATCH: &str = "window.__ran = []; for (const name of ['alert', 'confirm', 'prompt', 'print']) \
    window[name] = (...words) => { window.__ran.push(name + ': ' + words.join(' ')); }; \
    document.addEventListener('securitypolicyviolation', e => window.__ran.push('policy: ' + e.violatedDirective));";

/// A browser with one window.
pub(crate) struct Browser {
    address: String,
    session: String,
    _driver: Process,
    profile: TempDir,
    _turn: MutexGuard<'static, ()>,
}

/// Something on a page.
pub(crate) struct Element<'a> {
    browser: &'a Browser,
    id: String,
}

impl Browser {
    /// Opens one, 1280 pixels wide.
    pub(crate) fn open() -> Self {
        let turn = ONE.lock().unwrap_or_else(PoisonError::into_inner);
        let profile = TempDir::new().expect("a directory");
        let address = free_address();
        let port = address.rsplit(':').next().unwrap_or_default();
        let program = std::env::var_os("GONGSHI_CHROMEDRIVER").unwrap_or_else(|| "chromedriver".into());
        let mut command = Command::new(&program);
        command.arg(format!("--port={port}")).arg("--silent").env("HOME", profile.path());
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let driver = command.spawn().unwrap_or_else(|error| {
            panic!(
                "{}: {error}. These tests need Chromium: tests/run installs it, or: apt-get install chromium chromium-driver fonts-noto-cjk",
                program.display()
            )
        });
        let driver = Process(driver);
        wait_until("chromedriver answers", 30, || {
            http::try_get(&address, "/status").ok().filter(|answer| answer.json()["value"]["ready"] == true)
        });
        let data = profile.path().join("profile");
        let arguments = [
            "--headless=new",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-dev-shm-usage",
            "--no-first-run",
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
            "--window-size=1280,900",
            &format!("--user-data-dir={}", data.display()),
        ];
        let wanted = json!({"capabilities": {"alwaysMatch": {
            "browserName": "chrome", "unhandledPromptBehavior": "ignore",
            "goog:chromeOptions": {"args": arguments},
            "goog:loggingPrefs": {"performance": "ALL"},
        }}});
        let mut browser = Self { address, session: String::new(), _driver: driver, profile, _turn: turn };
        let opened = browser.ask("POST", "/session", &wanted);
        browser.session = format!("/session/{}", opened["sessionId"].as_str().expect("a session"));
        browser.cdp("Page.addScriptToEvaluateOnNewDocument", &json!({"source": WATCH}));
        browser
    }

    fn ask(&self, method: &str, path: &str, body: &Value) -> Value {
        let text = if method == "POST" { body.to_string() } else { String::new() };
        let answer = http::send(
            &self.address,
            method,
            path,
            &[("content-type", "application/json")],
            text.as_bytes(),
            PAGE_WITHIN,
        );
        let answer = answer.unwrap_or_else(|error| panic!("{method} {path}: {error}")).json();
        let value = &answer["value"];
        assert!(
            value.get("error").is_none(),
            "{method} {path} {body}: {}: {}",
            value["error"],
            value["message"]
        );
        value.clone()
    }

    fn post(&self, path: &str, body: &Value) -> Value {
        self.ask("POST", &format!("{}{path}", self.session), body)
    }

    /// A command of the browser's own protocol.
    pub(crate) fn cdp(&self, command: &str, parameters: &Value) -> Value {
        self.post("/goog/cdp/execute", &json!({"cmd": command, "params": parameters}))
    }

    /// Loads an address.
    pub(crate) fn go(&self, url: &str) {
        self.post("/url", &json!({"url": url}));
    }

    /// The address shown.
    pub(crate) fn url(&self) -> String {
        let url = self.ask("GET", &format!("{}/url", self.session), &Value::Null);
        url.as_str().unwrap_or_default().to_owned()
    }

    /// Runs a function's body in the page; what it returns.
    pub(crate) fn script(&self, body: &str, arguments: &[Value]) -> Value {
        self.post("/execute/sync", &json!({"script": body, "args": arguments}))
    }

    /// The same for a body that waits: it calls its last argument with what it returns.
    pub(crate) fn script_later(&self, body: &str, arguments: &[Value]) -> Value {
        self.post("/execute/async", &json!({"script": body, "args": arguments}))
    }

    /// All that a selector finds.
    pub(crate) fn all(&self, css: &str) -> Vec<Element<'_>> {
        let found = self.post("/elements", &json!({"using": "css selector", "value": css}));
        let found = found.as_array().cloned().unwrap_or_default();
        let id = |element: &Value| element[ELEMENT].as_str().expect("an element").to_owned();
        found.iter().map(|element| Element { browser: self, id: id(element) }).collect()
    }

    /// The first that a selector finds, on this page or the one that is being loaded; there must be one.
    pub(crate) fn find(&self, css: &str) -> Element<'_> {
        let found = self.patiently(|| self.all(css).into_iter().next());
        found.unwrap_or_else(|| panic!("nothing is {css} on {}: {}", self.url(), self.text()))
    }

    /// What is there, or will be once the page has come.
    fn patiently<T>(&self, look: impl Fn() -> Option<T>) -> Option<T> {
        let begun = Instant::now();
        loop {
            let found = look();
            if found.is_some() || begun.elapsed() > PART_WITHIN {
                return found;
            }
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// The link or button that says this.
    pub(crate) fn saying(&self, text: &str) -> Element<'_> {
        let path = format!(
            "//a[contains(normalize-space(.), '{text}')] | //button[contains(normalize-space(.), '{text}')]"
        );
        let look = || {
            let found = self.post("/elements", &json!({"using": "xpath", "value": path}));
            found[0][ELEMENT].as_str().map(str::to_owned)
        };
        let id = self.patiently(look);
        let id = id.unwrap_or_else(|| panic!("nothing says {text} on {}: {}", self.url(), self.text()));
        Element { browser: self, id }
    }

    /// The text that a person sees.
    pub(crate) fn text(&self) -> String {
        let text = self.script("return document.body ? document.body.innerText : ''", &[]);
        text.as_str().unwrap_or_default().to_owned()
    }

    /// The element that has the keyboard.
    pub(crate) fn focused(&self) -> String {
        let text = self.script("const e = document.activeElement; if (e.tabIndex < 0) return e.tagName; return (e.getAttribute('aria-label') || e.innerText || e.name || e.tagName).trim()", &[]);
        text.as_str().unwrap_or_default().to_owned()
    }

    /// Presses a key wherever the keyboard is.
    pub(crate) fn press(&self, key: &str) {
        let actions = json!([{"type": "keyDown", "value": key}, {"type": "keyUp", "value": key}]);
        self.post("/actions", &json!({"actions": [{"type": "key", "id": "keyboard", "actions": actions}]}));
    }

    /// Makes the window's content so wide and high.
    pub(crate) fn size(&self, width: u32, height: u32) {
        let metrics = json!({"width": width, "height": height, "deviceScaleFactor": 1, "mobile": false});
        self.cdp("Emulation.setDeviceMetricsOverride", &metrics);
    }

    /// Turns the scripts of pages off.
    pub(crate) fn without_scripts(&self) {
        self.cdp("Emulation.setScriptExecutionDisabled", &json!({"value": true}));
    }

    /// Where downloads go from now on.
    pub(crate) fn downloads(&self) -> PathBuf {
        let dir = self.profile.path().join("downloads");
        std::fs::create_dir_all(&dir).expect("a directory");
        let dir_text = dir.to_str().expect("a plain path");
        self.cdp("Browser.setDownloadBehavior", &json!({"behavior": "allow", "downloadPath": dir_text}));
        dir
    }

    /// What ran since the page began that should not: dialogs, refusals of the policy.
    pub(crate) fn ran(&self) -> Vec<String> {
        let ran = self.script("return window.__ran || ['the watch was removed']", &[]);
        ran.as_array().into_iter().flatten().map(|one| one.as_str().unwrap_or_default().to_owned()).collect()
    }

    /// Every address that was asked for since the last call.
    pub(crate) fn requests(&self) -> Vec<String> {
        let log = self.post("/se/log", &json!({"type": "performance"}));
        let entries = log.as_array().cloned().unwrap_or_default();
        let sent = entries.iter().filter_map(|entry| {
            let message: Value = serde_json::from_str(entry["message"].as_str()?).ok()?;
            let message = &message["message"];
            let sent = message["method"] == "Network.requestWillBeSent";
            sent.then(|| message["params"]["request"]["url"].as_str().map(str::to_owned))?
        });
        sent.collect()
    }

    /// Writes what is shown, the whole page, to `GONGSHI_SCREENSHOTS` when that is set.
    pub(crate) fn picture(&self, name: &str) {
        let Some(dir) = std::env::var_os("GONGSHI_SCREENSHOTS") else { return };
        let dir = Path::new(&dir);
        std::fs::create_dir_all(dir).expect("a directory");
        let shot =
            self.cdp("Page.captureScreenshot", &json!({"format": "png", "captureBeyondViewport": true}));
        let bytes = data_encoding::BASE64.decode(shot["data"].as_str().expect("a picture").as_bytes());
        std::fs::write(dir.join(format!("{name}.png")), bytes.expect("base64")).expect("a file");
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        if std::thread::panicking() && !self.session.is_empty() {
            println!("--- the browser is at {}", self.address);
        }
        let path = self.session.clone();
        let _ = http::send(&self.address, "DELETE", &path, &[], b"", PAGE_WITHIN);
    }
}

impl Element<'_> {
    fn path(&self, verb: &str) -> String {
        format!("/element/{}{verb}", self.id)
    }

    /// Clicks it, and waits a moment for the next page where it leads to one: the driver may answer before the browser
    /// has begun to leave. A download never leaves.
    pub(crate) fn click(&self) {
        let leads = "document.documentElement.dataset.left = 'no'; \
                     return !!arguments[0].closest('a[href], button:not([type=button]), input[type=submit]')";
        let leads = self.browser.script(leads, &[json!({ELEMENT: self.id})]);
        self.browser.post(&self.path("/click"), &json!({}));
        let begun = Instant::now();
        while leads == true && begun.elapsed() < LEAVES_WITHIN {
            let stays =
                "return document.documentElement.dataset.left === 'no' || document.readyState !== 'complete'";
            if self.browser.script(stays, &[]) == false {
                return;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Types into it; a path, where it takes a file.
    pub(crate) fn type_in(&self, text: &str) {
        self.browser.post(&self.path("/value"), &json!({"text": text}));
    }

    /// Its text.
    pub(crate) fn text(&self) -> String {
        let path = format!("{}{}", self.browser.session, self.path("/text"));
        self.browser.ask("GET", &path, &Value::Null).as_str().unwrap_or_default().to_owned()
    }

    /// An attribute, as written in the page.
    pub(crate) fn attribute(&self, name: &str) -> String {
        let path = format!("{}{}", self.browser.session, self.path(&format!("/attribute/{name}")));
        self.browser.ask("GET", &path, &Value::Null).as_str().unwrap_or_default().to_owned()
    }
}

/// The accessibility checker's source, fetched by `tests/run` and never shipped.
pub(crate) fn axe() -> String {
    let fetched =
        Path::new(env!("CARGO_TARGET_TMPDIR")).parent().expect("target").join("axe/package/axe.min.js");
    let path = std::env::var_os("GONGSHI_AXE").map_or(fetched, PathBuf::from);
    std::fs::read_to_string(&path).unwrap_or_else(|error| {
        panic!("{}: {error}. tests/run fetches it, or: npm pack axe-core, unpacked there", path.display())
    })
}
