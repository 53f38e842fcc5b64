//! Somebody on the QUIC port below our own edge, who keeps to no rule: any key or none, any protocol, any version.

use gongshi::trust::key::SecretKey;
use quinn::crypto::rustls::QuicClientConfig;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::{CertificateDer, PrivatePkcs8KeyDer, ServerName, UnixTime};
use rustls::sign::CertifiedKey;
use rustls::{DigitallySignedStruct, Error, SignatureScheme};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

/// Long enough for anything that is not broken.
pub(crate) const PATIENCE: Duration = Duration::from_secs(15);

/// A runtime for those who attack, apart from the processes that they attack.
pub(crate) fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().expect("tokio")
}

/// What somebody comes with.
#[derive(Clone)]
pub(crate) struct Outsider {
    tls: rustls::ClientConfig,
    version: u32,
    transport: Arc<quinn::TransportConfig>,
}

impl Outsider {
    /// With a key and these protocols; it takes whatever the server shows.
    pub(crate) fn new(key: &SecretKey, protocols: &[&str]) -> Self {
        let provider = Arc::new(ring::default_provider());
        let der = key.to_pkcs8_der().expect("a key");
        let private = ring::sign::any_eddsa_type(&PrivatePkcs8KeyDer::from(der.to_vec())).expect("a key");
        let public = CertificateDer::from(key.public().to_spki_der().expect("a key"));
        let certified = Arc::new(CertifiedKey::new(vec![public], private));
        let mut tls = rustls::ClientConfig::builder_with_provider(Arc::clone(&provider))
            .with_protocol_versions(&[&rustls::version::TLS13])
            .expect("TLS 1.3")
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(Anybody(provider)))
            .with_client_cert_resolver(Arc::new(rustls::client::AlwaysResolvesClientRawPublicKeys::new(
                certified,
            )));
        tls.alpn_protocols = protocols.iter().map(|name| name.as_bytes().to_vec()).collect();
        tls.enable_early_data = true;
        Self { tls, version: 1, transport: Arc::default() }
    }

    /// In another version of QUIC.
    pub(crate) const fn speaking(mut self, version: u32) -> Self {
        self.version = version;
        self
    }

    /// Under other settings of the transport.
    pub(crate) fn with(mut self, transport: quinn::TransportConfig) -> Self {
        self.transport = Arc::new(transport);
        self
    }

    /// Begins to connect; both ends live as long as the endpoint.
    pub(crate) fn connecting(&self, to: &str) -> (quinn::Endpoint, quinn::Connecting) {
        let crypto = QuicClientConfig::try_from(self.tls.clone()).expect("settings");
        let mut config = quinn::ClientConfig::new(Arc::new(crypto));
        config.version(self.version).transport_config(Arc::clone(&self.transport));
        let endpoint = quinn::Endpoint::client(SocketAddr::from(([127, 0, 0, 1], 0))).expect("a socket");
        let to = to.parse().expect("an address");
        let connecting = endpoint.connect_with(config, to, "gongshi").expect("a configuration");
        (endpoint, connecting)
    }

    /// Connects.
    pub(crate) async fn connect(
        &self,
        to: &str,
    ) -> Result<(quinn::Endpoint, quinn::Connection), quinn::ConnectionError> {
        let (endpoint, connecting) = self.connecting(to);
        let connection = tokio::time::timeout(PATIENCE, connecting).await.expect("an answer in time")?;
        Ok((endpoint, connection))
    }
}

/// Takes any server: an attacker does not care.
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
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }

    fn requires_raw_public_keys(&self) -> bool {
        true
    }
}
