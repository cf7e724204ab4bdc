//! A page opened in Chromium, driven by a script in it, and what that saw.

use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;

/// Longer than this a browser is not waited for.
const LONGEST: Duration = Duration::from_secs(120);

/// How a page is opened.
#[derive(Clone, Copy, Debug)]
pub struct View {
    /// The size of the window, in pixels.
    pub size: (u32, u32),
    /// Whether the system asks for dark pages.
    pub is_dark: bool,
    /// What follows the address: nothing, or `#` and so on.
    pub hash: &'static str,
}

/// A desktop that asks for light pages.
pub const DESKTOP: View = View {
    size: (1280, 900),
    is_dark: false,
    hash: "",
};

/// What came of a visit.
pub struct Visit {
    /// What the script saw.
    pub seen: Value,
    /// What the console had to say, a line each.
    pub console: Vec<String>,
    /// Every address that the page asked the network for.
    pub requests: Vec<String>,
}

/// Words that a driving script can use.
const WORDS: &str = r"
const all = (selector) => [...document.querySelectorAll(selector)];
const one = (selector) => document.querySelector(selector);
const pause = (ms) => new Promise((done) => setTimeout(done, ms));
const press = (key) => {
  const event = new KeyboardEvent('keydown', { key, bubbles: true, cancelable: true });
  const on = document.activeElement;
  if (on.dispatchEvent(event) && key === 'Enter' && on.tagName === 'BUTTON') on.click();
};
const type = async (text) => {
  one('#search').value = text;
  one('#search').dispatchEvent(new Event('input', { bubbles: true }));
  await pause(200);
};
const choose = (value) => {
  one('#status').value = value;
  one('#status').dispatchEvent(new Event('change', { bubbles: true }));
};
const label = () => document.activeElement.getAttribute('aria-label');
";

/// Shows in a page's text what a script sent: it is how the dumped page holds it.
const RECEIVER: &str = r"
addEventListener('message', ({ data }) => {
  const place = document.createElement('pre');
  place.id = 'seen';
  place.textContent = data;
  document.documentElement.append(place);
});
";

/// Opens a page and runs a script in it, the body of an async function that returns what it saw.
///
/// The script carries the page's own nonce; in all else the page's policy stays as it is.
pub fn visit(page: &str, view: View, script: &str) -> Visit {
    visit_with(page, view, script, None)
}

/// As [`visit`], with a library in the page.
pub fn visit_with(page: &str, view: View, script: &str, library: Option<&Path>) -> Visit {
    let folder = tempfile::tempdir().expect("a folder");
    let nonce = nonce(page);
    let library = library.map(|path| {
        std::fs::copy(path, folder.path().join("library.js")).expect("copied");
        format!("<script nonce=\"{nonce}\" src=\"library.js\"></script>")
    });
    let library = library.unwrap_or_default();
    let driver = format!(
        "{library}<script nonce=\"{nonce}\">{{{RECEIVER}{WORDS}
        const drive = async () => {{ {script} }};
        const tell = (seen) => parent.postMessage(JSON.stringify(seen).replace(/[<>&\\u0080-\\uffff]/g,
          (c) => '\\\\u' + c.charCodeAt(0).toString(16).padStart(4, '0')), '*');
        window.focus();
        drive().then(tell, (error) => tell({{ thrown: String(error) }}));
        }}</script></body>"
    );
    let end = page.rfind("</body>").expect("a page ends");
    let driven = format!("{}{driver}{}", &page[..end], &page[end + "</body>".len()..]);
    std::fs::write(folder.path().join("report.html"), driven).expect("written");
    let address = address(&folder, view);
    let dumped = dump(&folder, view, &address);
    let seen = dumped.0.rsplit_once("<pre id=\"seen\">");
    let seen = seen.and_then(|(_, rest)| rest.split("</pre>").next());
    let seen = seen.unwrap_or_else(|| panic!("nothing was seen\n{}", dumped.1.join("\n")));
    let seen = seen
        .replace("&lt;", "<")
        .replace("&gt;", ">")
        .replace("&amp;", "&");
    let seen: Value = serde_json::from_str(&seen).expect("JSON");
    assert_eq!(seen.get("thrown"), None, "the script ends");
    Visit {
        seen,
        console: dumped.1,
        requests: requests(&folder.path().join("net.json")),
    }
}

fn nonce(page: &str) -> &str {
    let (_, rest) = page.split_once("script-src 'nonce-").expect("a policy");
    rest.split('\'').next().expect("a nonce")
}

/// The page itself; below the least width of a window, a page with the page in a frame of that size.
fn address(folder: &TempDir, view: View) -> String {
    let (width, height) = view.size;
    let file = |name: &str| format!("file://{}", folder.path().join(name).display());
    if width >= 500 {
        return file("report.html") + view.hash;
    }
    let scheme = if view.is_dark { "dark" } else { "light" };
    let frame = format!(
        "<meta name=color-scheme content={scheme}><script>{RECEIVER}</script>\
         <iframe src='report.html{}' width={width} height={height}></iframe>",
        view.hash
    );
    std::fs::write(folder.path().join("frame.html"), frame).expect("written");
    file("frame.html")
}

/// The page after its scripts, and the lines of the console.
fn dump(folder: &TempDir, view: View, address: &str) -> (String, Vec<String>) {
    let place = |name: &str| folder.path().join(name);
    let file = |name: &str| std::fs::File::create(place(name)).expect("a file");
    let (width, height) = view.size;
    let mut child = Command::new("chromium")
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
            "--enable-logging=stderr",
        ])
        .arg("--virtual-time-budget=20000")
        .arg(format!("--window-size={},{height}", width.max(500)))
        .arg(format!(
            "--blink-settings=preferredColorScheme={}",
            u8::from(!view.is_dark)
        ))
        .arg(format!("--user-data-dir={}", place("profile").display()))
        .arg(format!("--log-net-log={}", place("net.json").display()))
        .args(["--dump-dom", address])
        .env("HOME", folder.path())
        .stdin(Stdio::null())
        .stdout(file("page"))
        .stderr(file("said"))
        .process_group(0)
        .spawn()
        .expect("chromium is needed; on Debian: apt-get install chromium");
    let begin = Instant::now();
    while child.try_wait().expect("a child").is_none() && begin.elapsed() < LONGEST {
        std::thread::sleep(Duration::from_millis(20));
    }
    let group = format!("-{}", child.id());
    let _ = Command::new("kill")
        .args(["-KILL", "--", &group])
        .stderr(Stdio::null())
        .status();
    let _ = child.wait();
    let read = |name: &str| {
        String::from_utf8_lossy(&std::fs::read(place(name)).expect("read")).into_owned()
    };
    let said = read("said");
    let console = said.lines().filter(|line| line.contains(":CONSOLE"));
    (read("page"), console.map(str::to_owned).collect())
}

/// What a page asked the network for, by the browser's own log: what it asks for by itself has no
/// origin.
fn requests(log: &Path) -> Vec<String> {
    let text = std::fs::read_to_string(log).expect("a log");
    // A browser that is ended may leave the log without its end.
    let lines = text
        .lines()
        .map(|line| line.trim().trim_end_matches([',', ']', '}']));
    let starts = lines.filter(|line| line.contains("\"initiator\":") && line.contains("\"url\":"));
    let of_page = starts.filter(|line| !line.contains("\"initiator\":\"not an origin\""));
    of_page.map(str::to_owned).collect()
}

/// The path of axe-core.
pub fn axe(root: &Path) -> PathBuf {
    let output = Command::new(root.join("ci/browser/axe"))
        .output()
        .expect("ci/browser/axe starts");
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{said}");
    PathBuf::from(String::from_utf8(output.stdout).expect("a path").trim())
}
