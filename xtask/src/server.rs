//! A `kehub serve` of our own, or another server: on a free loopback port, ended by its process number.

use anyhow::{Context as _, Result, bail, ensure};
use std::fs::File;
use std::io::{BufRead, BufReader, Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

/// The credentials that the server is started with. They open nothing but a folder of our own.
pub(crate) const APP_ID: &str = "cl000000000000001";
pub(crate) const SECRET: &str = "00000000000000000000000000000000000000ab";

const START_SECONDS_MAX: u64 = 30;

/// A running server. Dropping it kills it; [`Server::stop`] asks it to end and waits.
#[derive(Debug)]
pub(crate) struct Server {
    child: Child,
    address: SocketAddr,
    /// Kept open, so that the server may go on printing.
    _output: BufReader<ChildStdout>,
}

impl Server {
    /// Starts the binary on the store and waits until it is ready to write. What goes wrong there is
    /// printed.
    pub(crate) fn start(binary: &Path, store: &str) -> Result<Server> {
        Server::start_with(binary, store, &[], None)
    }

    /// Starts it with more arguments, and writes what goes wrong there to the end of a file.
    pub(crate) fn start_with(
        binary: &Path,
        store: &str,
        arguments: &[&str],
        log: Option<&File>,
    ) -> Result<Server> {
        let mut command = Command::new(binary);
        command
            .args(["serve", "--listen", "127.0.0.1:0", "--log-level", "warn"])
            .args(arguments)
            // It may hold a password: others see the command line of a process.
            .env("KEHUB_STORE", store)
            .env("KEHUB_BOOTSTRAP_APP", format!("{APP_ID}:{SECRET}"));
        if let Some(log) = log {
            command.stderr(log.try_clone()?);
        }
        Server::launch(command, "/readyz")
    }

    /// Starts a server that says first where it listens, and waits until it answers this path.
    pub(crate) fn launch(mut command: Command, ready: &str) -> Result<Server> {
        command.stdin(Stdio::null()).stdout(Stdio::piped());
        let started = command.spawn();
        let mut child = started.with_context(|| format!("cannot start {command:?}"))?;
        let mut output = BufReader::new(child.stdout.take().context("no output to read")?);
        let address = address_said(&mut output)?;
        let mut server = Server { child, address, _output: output };
        server.wait_until_ready(ready)?;
        Ok(server)
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    pub(crate) fn process(&self) -> u32 {
        self.child.id()
    }

    /// The body of a plain GET.
    pub(crate) fn get(&self, path: &str) -> Result<String> {
        let mut stream = TcpStream::connect(self.address)?;
        stream.set_read_timeout(Some(Duration::from_secs(10)))?;
        let host = self.address;
        write!(stream, "GET {path} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n\r\n")?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        let (head, body) = answer.split_once("\r\n\r\n").context("an answer without a body")?;
        ensure!(
            head.starts_with("HTTP/1.1 200"),
            "GET {path}: {}",
            head.lines().next().unwrap_or("")
        );
        Ok(body.to_owned())
    }

    /// Ends the server as a power cut would; an error if it had ended by itself.
    pub(crate) fn kill(mut self) -> Result<()> {
        if let Some(status) = self.child.try_wait()? {
            bail!("the server ended by itself with {status}");
        }
        drop(self);
        Ok(())
    }

    /// Asks the server to end, as an operator would, and waits for it.
    pub(crate) fn stop(mut self) -> Result<()> {
        crate::succeed(Command::new("kill").args(["-TERM", &self.child.id().to_string()]))?;
        let status = self.child.wait()?;
        ensure!(status.success(), "the server ended with {status}");
        Ok(())
    }

    fn wait_until_ready(&mut self, path: &str) -> Result<()> {
        let deadline = Instant::now() + Duration::from_secs(START_SECONDS_MAX);
        while self.get(path).is_err() {
            if let Some(status) = self.child.try_wait()? {
                bail!("the server ended with {status} before it was ready");
            }
            ensure!(Instant::now() < deadline, "not ready within {START_SECONDS_MAX} s");
            thread::sleep(Duration::from_millis(20));
        }
        Ok(())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // After `stop` there is nothing left to kill, and the error says so.
        if self.child.kill().is_ok() {
            self.child.wait().ok();
        }
    }
}

/// A loopback port that nobody uses right now.
pub(crate) fn free_port() -> Result<u16> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port())
}

/// Where the server listens, as it prints before anything else: the port is its own choice.
fn address_said(output: &mut impl BufRead) -> Result<SocketAddr> {
    let mut line = String::new();
    output.read_line(&mut line)?;
    let address = line.split_once(" http://").map(|(_, rest)| rest.trim_end());
    let address = address.and_then(|rest| rest.split(". ").next());
    let address = address.with_context(|| format!("no address in {line:?}"))?;
    Ok(address.parse()?)
}

#[cfg(test)]
mod tests {
    use super::address_said;

    #[test]
    fn an_address_is_what_comes_behind_its_scheme() {
        let expected = "127.0.0.1:81".parse().unwrap();
        for line in [
            "Kehub listens on http://127.0.0.1:81. Stop it with Ctrl-C.\nmore\n",
            "2026/11/28 12:00:00 Server started at http://127.0.0.1:81\n",
        ] {
            assert_eq!(address_said(&mut line.as_bytes()).unwrap(), expected);
        }
        assert!(address_said(&mut "nothing\n".as_bytes()).is_err());
    }
}
