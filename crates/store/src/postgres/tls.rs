//! TLS to the server, as its address asks for it.
//!
//! `sslmode=disable` uses none. `prefer`, which is the default, encrypts if the server can, and
//! trusts whoever answers. `require`, `verify-ca` and `verify-full` encrypt, and check the
//! certificate and its name, against `sslrootcert=FILE` if that is given, else against the
//! certificates that the machine trusts.

use super::trouble::Trouble;
use percent_encoding::percent_decode_str;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, Error, RootCertStore, SignatureScheme};
use std::path::PathBuf;
use std::sync::Arc;

/// Whose certificates are trusted.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Trust {
    /// Anybody's.
    Anybody,
    /// Those that the machine trusts.
    Machine,
    /// Those that a file of certificates trusts.
    File(PathBuf),
}

impl Trust {
    /// What an address asks for, and the rest of it as the driver reads it.
    pub(super) fn of(url: &str) -> Result<(String, Trust), Trouble> {
        let Some((base, query)) = url.split_once('?') else {
            return Ok((url.to_owned(), Trust::Anybody));
        };
        let (mut rest, mut file, mut is_checked) = (Vec::new(), None, false);
        for pair in query.split('&') {
            match pair.split_once('=') {
                Some(("sslrootcert", path)) => {
                    let path = percent_decode_str(path).decode_utf8().map_err(Trouble::broken)?;
                    file = Some(PathBuf::from(&*path));
                }
                Some(("sslmode", "require" | "verify-ca" | "verify-full")) => {
                    is_checked = true;
                    rest.push("sslmode=require");
                }
                Some(("sslmode", mode)) if !["disable", "prefer"].contains(&mode) => {
                    return Err(Trouble::broken(
                        "`sslmode`: expected disable, prefer, require, verify-ca or verify-full",
                    ));
                }
                Some(("sslcert" | "sslkey", _)) => {
                    return Err(Trouble::broken(
                        "`sslcert` and `sslkey`: certificates of clients are not supported",
                    ));
                }
                _ => rest.push(pair),
            }
        }
        let trust = match (is_checked, file) {
            (true, Some(file)) => Trust::File(file),
            (true, None) => Trust::Machine,
            (false, None) => Trust::Anybody,
            (false, Some(_)) => {
                return Err(Trouble::broken(
                    "`sslrootcert` needs `sslmode=require`, verify-ca or verify-full",
                ));
            }
        };
        Ok((format!("{base}?{}", rest.join("&")), trust))
    }
}

/// How TLS is spoken.
pub(super) fn client(trust: &Trust) -> Result<ClientConfig, Trouble> {
    let provider = Arc::new(ring::default_provider());
    let versions = ClientConfig::builder_with_provider(Arc::clone(&provider));
    let builder = versions.with_safe_default_protocol_versions().map_err(Trouble::broken)?;
    let roots = match trust {
        Trust::Anybody => {
            let anybody = Arc::new(Anybody(provider));
            let builder = builder.dangerous().with_custom_certificate_verifier(anybody);
            return Ok(builder.with_no_client_auth());
        }
        Trust::Machine => {
            let mut roots = RootCertStore::empty();
            roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
            roots
        }
        Trust::File(path) => {
            let cannot =
                |error| Trouble::broken(format!("cannot read `{}`: {error}", path.display()));
            let mut roots = RootCertStore::empty();
            for certificate in CertificateDer::pem_file_iter(path).map_err(cannot)? {
                roots.add(certificate.map_err(cannot)?).map_err(Trouble::broken)?;
            }
            if roots.is_empty() {
                let nothing = format!("`{}` holds no certificate", path.display());
                return Err(Trouble::broken(nothing));
            }
            roots
        }
    };
    Ok(builder.with_root_certificates(roots).with_no_client_auth())
}

/// Takes every certificate for good: what is sent is encrypted, for whoever answers.
#[derive(Debug)]
struct Anybody(Arc<CryptoProvider>);

impl ServerCertVerifier for Anybody {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.0.signature_verification_algorithms;
        verify_tls12_signature(message, certificate, signature, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.0.signature_verification_algorithms;
        verify_tls13_signature(message, certificate, signature, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}

#[cfg(test)]
mod tests {
    use super::Trust;
    use std::path::PathBuf;

    #[test]
    fn a_file_is_named_as_addresses_name_things() {
        let url =
            "postgres://host/db?sslmode=verify-full&sslrootcert=%2Fetc%2Four%20own/%E6%A0%B9.pem";
        let (rest, trust) = Trust::of(url).unwrap();
        assert_eq!(rest, "postgres://host/db?sslmode=require");
        assert_eq!(trust, Trust::File(PathBuf::from("/etc/our own/根.pem")));
        let url = "postgres://host/db?sslmode=verify-full&sslrootcert=%FF.pem";
        assert!(Trust::of(url).is_err());
        for (mode, named) in [
            ("sslmode=verify_full", "`sslmode`: expected disable, prefer"),
            ("sslmode=allow", "`sslmode`: expected disable, prefer"),
            ("sslcert=a.pem&sslkey=a.key", "certificates of clients are not supported"),
            ("sslrootcert=a.pem", "`sslrootcert` needs `sslmode=require`"),
        ] {
            let told = Trust::of(&format!("postgres://host/db?{mode}")).unwrap_err().to_string();
            assert!(told.contains(named), "{mode}: {told}");
        }
    }
}
