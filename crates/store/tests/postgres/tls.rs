//! TLS to the server, as its address asks for it: a server in front of the server speaks it.

use crate::{TENANT, first, request, resolution, run, upsert};
use kehub_core::CustomerId;
use kehub_store::{PostgresOptions, PostgresStore, Store, TestDatabase};
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring::default_provider;
use tokio_rustls::rustls::pki_types::PrivateKeyDer;

/// What asks a server whether it speaks TLS.
const SSL_REQUEST: [u8; 8] = [0, 0, 0, 8, 0x04, 0xd2, 0x16, 0x2f];

/// Who vouches for servers.
struct Authority {
    issuer: Issuer<'static, KeyPair>,
    pem: String,
}

impl Authority {
    fn new(name: &str) -> Authority {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new([]).unwrap();
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let pem = params.self_signed(&key).unwrap().pem();
        Authority { issuer: Issuer::new(params, key), pem }
    }

    /// What a server of this name speaks TLS with.
    fn server(&self, name: &str) -> TlsAcceptor {
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new([name.to_owned()]).unwrap();
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        let key = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
        let config = ServerConfig::builder_with_provider(Arc::new(default_provider()));
        let config = config.with_safe_default_protocol_versions().unwrap().with_no_client_auth();
        let config = config.with_single_cert(vec![certificate.der().clone()], key).unwrap();
        TlsAcceptor::from(Arc::new(config))
    }
}

/// Sessions that were begun with TLS, and without.
#[derive(Default)]
struct Spoken {
    encrypted: AtomicUsize,
    plain: AtomicUsize,
}

/// A server in front of the server of a database.
struct Front {
    database: TestDatabase,
    port: u16,
    spoken: Arc<Spoken>,
    folder: TempDir,
}

impl Front {
    /// One that speaks TLS like this, or says that it does not.
    async fn start(tls: Option<TlsAcceptor>) -> Front {
        let database = TestDatabase::new().await;
        first(&database.url()).await.close().await.unwrap();
        let url = database.url();
        let server = url.split('@').nth(1).unwrap().split('/').next().unwrap().to_owned();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let spoken = Arc::new(Spoken::default());
        let counted = Arc::clone(&spoken);
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let server = TcpStream::connect(&server).await.unwrap();
                tokio::spawn(pass(client, server, tls.clone(), Arc::clone(&counted)));
            }
        });
        Front { database, port, spoken, folder: tempfile::tempdir().unwrap() }
    }

    /// Its address under a name of this machine, with more parameters.
    fn url(&self, host: &str, parameters: &str) -> String {
        let url = self.database.url();
        let (user, rest) = url.split_once('@').unwrap();
        let (_, path) = rest.split_once('/').unwrap();
        format!("{user}@{host}:{}/{path}&{parameters}", self.port)
    }

    /// A file that trusts an authority.
    fn trusting(&self, authority: &Authority) -> PathBuf {
        let path = self.folder.path().join("authority.pem");
        std::fs::write(&path, &authority.pem).unwrap();
        path
    }

    /// Writes and reads through it; how many sessions were begun with TLS, and without.
    async fn works(&self, host: &str, parameters: &str) -> (bool, bool) {
        let url = self.url(host, parameters);
        let store = PostgresStore::open(&url, PostgresOptions::default()).await.unwrap();
        let outcome = run(&store, request(TENANT, upsert(&["o1"]))).await.unwrap();
        assert_eq!(resolution(outcome).customer.id, CustomerId(1));
        assert!(store.customer(TENANT, CustomerId(1)).await.unwrap().is_some());
        store.close().await.unwrap();
        let was = |counter: &AtomicUsize| counter.swap(0, Ordering::SeqCst) > 0;
        (was(&self.spoken.encrypted), was(&self.spoken.plain))
    }

    /// Why it is not used; no session was begun.
    async fn refused(&self, host: &str, parameters: &str) -> String {
        let url = self.url(host, parameters);
        let opened = PostgresStore::open(&url, PostgresOptions::default()).await;
        let told = opened.unwrap_err().to_string();
        let (encrypted, plain) = (&self.spoken.encrypted, &self.spoken.plain);
        assert_eq!((encrypted.load(Ordering::SeqCst), plain.load(Ordering::SeqCst)), (0, 0));
        told
    }
}

/// Passes a session on, after TLS was spoken about.
async fn pass(
    mut client: TcpStream,
    mut server: TcpStream,
    tls: Option<TlsAcceptor>,
    spoken: Arc<Spoken>,
) -> Option<()> {
    let mut begin = [0; 8];
    client.read_exact(&mut begin).await.ok()?;
    let asks = begin == SSL_REQUEST;
    if let (true, Some(tls)) = (asks, tls) {
        client.write_all(b"S").await.ok()?;
        let mut client = tls.accept(client).await.ok()?;
        // Some find out only now that they do not trust it.
        let mut begin = [0; 8];
        client.read_exact(&mut begin).await.ok()?;
        spoken.encrypted.fetch_add(1, Ordering::SeqCst);
        server.write_all(&begin).await.ok()?;
        copy_bidirectional(&mut client, &mut server).await.ok()?;
        return Some(());
    }
    if asks {
        client.write_all(b"N").await.ok()?;
        client.read_exact(&mut begin).await.ok()?;
    }
    spoken.plain.fetch_add(1, Ordering::SeqCst);
    server.write_all(&begin).await.ok()?;
    copy_bidirectional(&mut client, &mut server).await.ok()?;
    Some(())
}

const ENCRYPTED: (bool, bool) = (true, false);
const PLAIN: (bool, bool) = (false, true);
const CHECKED: [&str; 3] = ["require", "verify-ca", "verify-full"];

#[tokio::test(flavor = "multi_thread")]
async fn a_server_with_the_right_certificate_is_used() {
    let authority = Authority::new("one");
    for host in ["localhost", "127.0.0.1"] {
        let front = Front::start(Some(authority.server(host))).await;
        let file = front.trusting(&authority);
        for mode in CHECKED {
            let parameters = format!("sslmode={mode}&sslrootcert={}", file.display());
            assert_eq!(front.works(host, &parameters).await, ENCRYPTED, "{mode}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_nobody_vouches_for_is_refused() {
    let front = Front::start(Some(Authority::new("one").server("localhost"))).await;
    let another = front.trusting(&Authority::new("another"));
    for mode in CHECKED {
        let parameters = format!("sslmode={mode}&sslrootcert={}", another.display());
        // The machine does not trust it either.
        for parameters in [&parameters, &format!("sslmode={mode}")] {
            let told = front.refused("localhost", parameters).await;
            assert!(told.contains("invalid peer certificate: UnknownIssuer"), "{told}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_of_another_name_is_refused() {
    let authority = Authority::new("one");
    let front = Front::start(Some(authority.server("db.example.com"))).await;
    let file = front.trusting(&authority);
    for mode in CHECKED {
        let parameters = format!("sslmode={mode}&sslrootcert={}", file.display());
        for host in ["localhost", "127.0.0.1"] {
            let told = front.refused(host, &parameters).await;
            assert!(told.contains("certificate not valid for name"), "{told}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_prefers_tls_takes_any_server_and_who_disables_it_speaks_none() {
    let front = Front::start(Some(Authority::new("one").server("db.example.com"))).await;
    assert_eq!(front.works("localhost", "sslmode=prefer").await, ENCRYPTED);
    assert_eq!(front.works("localhost", "").await, ENCRYPTED);
    assert_eq!(front.works("localhost", "sslmode=disable").await, PLAIN);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_without_tls_is_refused_by_who_needs_it() {
    let front = Front::start(None).await;
    let file = front.trusting(&Authority::new("one"));
    for mode in CHECKED {
        let parameters = format!("sslmode={mode}&sslrootcert={}", file.display());
        let told = front.refused("localhost", &parameters).await;
        assert!(told.contains("server does not support TLS"), "{told}");
    }
    assert_eq!(front.works("localhost", "sslmode=prefer").await, PLAIN);
}
