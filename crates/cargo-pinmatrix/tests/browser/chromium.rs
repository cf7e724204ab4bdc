//! A page open in Chromium: real keys and clicks, what stands in the page, what the console says,
//! and what is asked of the network. Speaks the browser's own protocol over two pipes
//! (<https://chromedevtools.github.io/devtools-protocol/>).

use std::fs::File;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use serde_json::{Value, json};
use tempfile::TempDir;

/// Longer than this, in seconds, no browser lives.
const LONGEST: &str = "120";

/// The third and the fourth stream are the protocol's, as `--remote-debugging-pipe` has it.
const START: &str =
    r#"exec timeout --kill-after=5 "$LONGEST" chromium "$@" 3< "$PIPES/to" 4> "$PIPES/from""#;

/// How a page is opened.
#[derive(Clone, Copy, Debug)]
pub struct View {
    /// The size of the window, in pixels; a narrow one is a phone.
    pub size: (u32, u32),
    /// Whether the system asks for dark pages.
    pub is_dark: bool,
    /// Whether the page's own scripts run.
    pub has_scripts: bool,
    /// What follows the address: nothing, or `#` and so on.
    pub hash: &'static str,
}

/// An open page.
pub struct Tab {
    /// Its files; they go with it.
    _folder: TempDir,
    child: Child,
    to: File,
    from: BufReader<File>,
    session: Option<String>,
    n_calls: u64,
    events: Vec<Value>,
    address: String,
}

impl Tab {
    /// Opens a page.
    pub fn open(page: &str, view: View) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let place = |name: &str| folder.path().join(name);
        std::fs::write(place("report.html"), page).expect("written");
        let pipes = [place("to"), place("from")];
        let made = Command::new("mkfifo")
            .args(&pipes)
            .status()
            .expect("mkfifo starts");
        assert!(made.success(), "pipes are made");
        let child = start(folder.path());
        let to = File::options().write(true).open(&pipes[0]).expect("a pipe");
        let from = File::open(&pipes[1]).expect("a pipe");
        let mut tab = Self {
            address: format!("file://{}", place("report.html").display()),
            _folder: folder,
            child,
            to,
            from: BufReader::new(from),
            session: None,
            n_calls: 0,
            events: Vec::new(),
        };
        tab.attach();
        tab.set_up(view);
        let address = tab.address.clone() + view.hash;
        tab.call("Page.navigate", json!({ "url": address }));
        tab.wait_for("Page.loadEventFired");
        tab
    }

    fn attach(&mut self) {
        let target = self.call("Target.createTarget", json!({ "url": "about:blank" }));
        let target = json!({ "targetId": target["targetId"], "flatten": true });
        let session = self.call("Target.attachToTarget", target);
        self.session = session["sessionId"].as_str().map(str::to_owned);
    }

    fn set_up(&mut self, view: View) {
        for domain in ["Page", "Runtime", "Log", "Network"] {
            self.call(&format!("{domain}.enable"), json!({}));
        }
        let (width, height) = view.size;
        let screen = json!({ "width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 500 });
        self.call("Emulation.setDeviceMetricsOverride", screen);
        let scheme = if view.is_dark { "dark" } else { "light" };
        let features = json!([{ "name": "prefers-color-scheme", "value": scheme }]);
        self.call(
            "Emulation.setEmulatedMedia",
            json!({ "features": features }),
        );
        self.call(
            "Emulation.setFocusEmulationEnabled",
            json!({ "enabled": true }),
        );
        let scripts = json!({ "value": !view.has_scripts });
        self.call("Emulation.setScriptExecutionDisabled", scripts);
    }

    /// Calls a method and returns its result.
    fn call(&mut self, method: &str, params: Value) -> Value {
        self.n_calls += 1;
        let mut call = json!({ "id": self.n_calls, "method": method, "params": params });
        if let Some(session) = &self.session {
            call["sessionId"] = json!(session);
        }
        self.to
            .write_all(format!("{call}\0").as_bytes())
            .expect("the browser listens");
        loop {
            let message = self.message();
            if message["id"] == json!(self.n_calls) {
                assert!(message.get("error").is_none(), "{method}: {message}");
                return message["result"].clone();
            }
            self.events.push(message);
        }
    }

    fn message(&mut self) -> Value {
        let mut message = Vec::new();
        self.from
            .read_until(0, &mut message)
            .expect("the browser speaks");
        message
            .pop()
            .expect("chromium is there and lives; on Debian: apt-get install chromium");
        serde_json::from_slice(&message).expect("JSON")
    }

    fn wait_for(&mut self, event: &str) {
        while !self.events.iter().any(|known| known["method"] == event) {
            let message = self.message();
            self.events.push(message);
        }
    }

    /// The value of an expression, or of the promise that it is. [`WORDS`] can be used in it.
    pub fn look(&mut self, expression: &str) -> Value {
        let expression = format!("(async () => {{ {WORDS} return ({expression}); }})()");
        self.run(&expression)
    }

    /// Runs a script in the page, whatever the page's policy is.
    pub fn run(&mut self, script: &str) -> Value {
        let params = json!({ "expression": script, "awaitPromise": true, "returnByValue": true });
        let result = self.call("Runtime.evaluate", params);
        assert!(result.get("exceptionDetails").is_none(), "{result}");
        result["result"]["value"].clone()
    }

    /// Presses a key and lets it go.
    pub fn key(&mut self, key: &str) {
        let (code, text) = match key {
            "Enter" => (13, "\r"),
            "Escape" => (27, ""),
            "Tab" => (9, ""),
            "End" => (35, ""),
            "Home" => (36, ""),
            "ArrowLeft" => (37, ""),
            "ArrowUp" => (38, ""),
            "ArrowRight" => (39, ""),
            "ArrowDown" => (40, ""),
            "/" => (191, "/"),
            key => panic!("no key {key}"),
        };
        for kind in ["keyDown", "keyUp"] {
            let mut params =
                json!({ "type": kind, "key": key, "code": key, "windowsVirtualKeyCode": code });
            if kind == "keyDown" && !text.is_empty() {
                params["text"] = json!(text);
            }
            self.call("Input.dispatchKeyEvent", params);
        }
        self.settle();
    }

    /// Writes where the focus is.
    pub fn write(&mut self, text: &str) {
        self.call("Input.insertText", json!({ "text": text }));
    }

    /// Clicks into the middle of what a selector finds first.
    pub fn click(&mut self, selector: &str) {
        let selector = json!(selector);
        let middle = self.look(&format!(
            "(() => {{ const e = one({selector}); e.scrollIntoView({{ block: 'center', inline: 'center' }});
             const box = e.getBoundingClientRect(); return [box.x + box.width / 2, box.y + box.height / 2]; }})()"
        ));
        for kind in ["mousePressed", "mouseReleased"] {
            let params = json!({ "type": kind, "x": middle[0], "y": middle[1], "button": "left", "clickCount": 1 });
            self.call("Input.dispatchMouseEvent", params);
        }
        self.settle();
    }

    /// Waits for what a key or a click leads to.
    fn settle(&mut self) {
        self.run("new Promise((done) => setTimeout(done, 50))");
    }

    /// What the console had to say: errors, warnings, and what was thrown.
    pub fn console(&self) -> Vec<&Value> {
        let is_said = |event: &&Value| {
            let printed = [
                "Runtime.consoleAPICalled",
                "Runtime.exceptionThrown",
                "Log.entryAdded",
            ];
            printed.iter().any(|method| event["method"] == *method)
        };
        self.events.iter().filter(is_said).collect()
    }

    /// Every address that the page asked for, but its own and those that hold what they name.
    pub fn requests(&self) -> Vec<&str> {
        let sent = self
            .events
            .iter()
            .filter(|event| event["method"] == "Network.requestWillBeSent");
        let addresses = sent.filter_map(|event| event["params"]["request"]["url"].as_str());
        let is_other = |address: &&str| *address != self.address && !address.starts_with("data:");
        addresses.filter(is_other).collect()
    }

    /// A page behaves that says nothing on the console and asks for nothing.
    pub fn check(&mut self) {
        // What is still on its way comes before the answer to a call.
        self.settle();
        assert_eq!(self.console(), Vec::<&Value>::new(), "the console is quiet");
        assert_eq!(self.requests(), Vec::<&str>::new(), "nothing is asked for");
    }
}

impl Drop for Tab {
    fn drop(&mut self) {
        let group = format!("-{}", self.child.id());
        let _ = Command::new("kill")
            .args(["-KILL", "--", &group])
            .stderr(Stdio::null())
            .status();
        let _ = self.child.wait();
    }
}

/// Words for [`Tab::look`].
const WORDS: &str = r"
const all = (selector) => [...document.querySelectorAll(selector)];
const one = (selector) => document.querySelector(selector);
const label = () => document.activeElement.getAttribute('aria-label') ?? document.activeElement.textContent;
";

fn start(folder: &Path) -> Child {
    Command::new("sh")
        .args(["-c", START, "sh", "--remote-debugging-pipe"])
        .args([
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--no-first-run",
        ])
        .args([
            "--disable-background-networking",
            "--disable-component-update",
        ])
        .args([
            "--disable-sync",
            "--disable-extensions",
            "--hide-scrollbars",
        ])
        .arg(format!(
            "--user-data-dir={}",
            folder.join("profile").display()
        ))
        .env("LONGEST", LONGEST)
        .env("PIPES", folder)
        .env("HOME", folder)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .process_group(0)
        .spawn()
        .expect("a shell starts")
}

/// The path of axe-core.
pub fn axe(root: &Path) -> PathBuf {
    let output = Command::new(root.join("ci/node"))
        .output()
        .expect("ci/node starts");
    let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{stderr}");
    let packages = String::from_utf8(output.stdout).expect("a path");
    Path::new(packages.trim()).join("axe-core/axe.min.js")
}
