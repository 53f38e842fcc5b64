//! Who is at the other end: TLS 1.3 with mutual raw public keys (RFC 7250), the only file that names rustls
//! and ring.
//!
//! A connection's identity is the 32-byte key and nothing else: no names, no dates, no certificates. The dialler
//! pins the key it asked for, and a server with another key fails the handshake. The acceptor asks the admission
//! hook and lets refused keys fail the handshake too; the dialler learns of that only after its own side of the
//! handshake is done, as a close. Nothing is resumed: no tickets, no 0-RTT, no address tokens (a revoked key
//! must not come back through any of them). What a key may say is decided by the layers above.

use super::limits::ALPN;
use super::{Admission, Admit, NetError};
use crate::trust::key::{KeyError, PublicKey, SecretKey};
use quinn::crypto::rustls::{QuicClientConfig, QuicServerConfig};
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, verify_tls13_signature_with_raw_key};
use rustls::pki_types::{CertificateDer, PrivatePkcs8KeyDer, ServerName, SubjectPublicKeyInfoDer, UnixTime};
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::sign::CertifiedKey;
use rustls::{
    CertificateError, DigitallySignedStruct, DistinguishedName, Error as TlsError, PeerIncompatible,
    SignatureScheme,
};
use std::sync::Arc;
use zeroize::Zeroizing;

/// What the edge needs of a node's transport key: the key itself and two seeds derived from it. Not `Debug`,
/// wiped when dropped.
pub struct TransportSecret {
    pkcs8: Zeroizing<Vec<u8>>,
    reset_seed: Zeroizing<[u8; 32]>,
    connection_id_seed: Zeroizing<[u8; 32]>,
    public: PublicKey,
}

impl TransportSecret {
    /// Takes what is needed from the transport key. The seeds depend on the key alone, so that a restarted node
    /// recognises the connections of its former life and resets them at once (RFC 9000 §10.3).
    ///
    /// # Errors
    /// [`KeyError::BadEncoding`], which a `SecretKey` does not cause.
    pub fn new(secret: &SecretKey) -> Result<Self, KeyError> {
        Ok(Self {
            pkcs8: secret.to_pkcs8_der()?,
            reset_seed: secret.derive("quic stateless reset"),
            connection_id_seed: secret.derive("quic connection id"),
            public: secret.public(),
        })
    }

    /// The public half: what peers pin.
    pub fn public(&self) -> PublicKey {
        self.public
    }
}

/// The TLS side of one node.
pub(super) struct Identity {
    provider: Arc<CryptoProvider>,
    certified: Arc<CertifiedKey>,
}

impl Identity {
    pub(super) fn new(secret: &TransportSecret) -> Result<Self, NetError> {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let der = PrivatePkcs8KeyDer::from(secret.pkcs8.to_vec());
        let key = rustls::crypto::ring::sign::any_eddsa_type(&der).map_err(tls)?;
        let spki = secret.public.to_spki_der().map_err(|error| NetError::Key(error.to_string()))?;
        let certified = Arc::new(CertifiedKey::new(vec![CertificateDer::from(spki)], key));
        Ok(Self { provider, certified })
    }

    /// The accepting side: any key that the admission hook does not refuse.
    pub(super) fn server(&self, admission: Admission) -> Result<Arc<QuicServerConfig>, NetError> {
        let verifier =
            Arc::new(Verifier { provider: self.provider.clone(), accepts: Accepts::Admitted(admission) });
        // The provider is always named: with two of them in the build there is no default one.
        let mut config = rustls::ServerConfig::builder_with_provider(self.provider.clone())
            .with_protocol_versions(&[&rustls::version::TLS13])
            .map_err(tls)?
            .with_client_cert_verifier(verifier)
            .with_cert_resolver(Arc::new(rustls::server::AlwaysResolvesServerRawPublicKeys::new(
                self.certified.clone(),
            )));
        config.alpn_protocols = vec![ALPN.to_vec()];
        config.send_tls13_tickets = 0;
        config.max_early_data_size = 0;
        config.session_storage = Arc::new(rustls::server::NoServerSessionStorage {});
        let config = QuicServerConfig::try_from(config).map_err(|error| NetError::Tls(error.to_string()))?;
        Ok(Arc::new(config))
    }

    /// The dialling side: this one key.
    pub(super) fn client(&self, pinned: PublicKey) -> Result<Arc<QuicClientConfig>, NetError> {
        let verifier = Arc::new(Verifier { provider: self.provider.clone(), accepts: Accepts::Only(pinned) });
        let mut config = rustls::ClientConfig::builder_with_provider(self.provider.clone())
            .with_protocol_versions(&[&rustls::version::TLS13])
            .map_err(tls)?
            .dangerous()
            .with_custom_certificate_verifier(verifier)
            .with_client_cert_resolver(Arc::new(rustls::client::AlwaysResolvesClientRawPublicKeys::new(
                self.certified.clone(),
            )));
        config.alpn_protocols = vec![ALPN.to_vec()];
        config.enable_sni = false;
        config.enable_early_data = false;
        config.resumption = rustls::client::Resumption::disabled();
        let config = QuicClientConfig::try_from(config).map_err(|error| NetError::Tls(error.to_string()))?;
        Ok(Arc::new(config))
    }
}

/// The key under which stateless reset tokens are made (RFC 9000 §10.3.2).
pub(super) fn reset_key(secret: &TransportSecret) -> ring::hmac::Key {
    ring::hmac::Key::new(ring::hmac::HMAC_SHA256, secret.reset_seed.as_slice())
}

/// The key that marks this node's connection ids. It only keeps noise from costing an answer; the reset token
/// is what is secret.
pub(super) fn connection_id_key(secret: &TransportSecret) -> u64 {
    secret.connection_id_seed.iter().take(8).fold(0, |key, &byte| (key << 8) | u64::from(byte))
}

/// The key that the other end proved to hold. `None` before the handshake is done.
pub(super) fn peer_key(connection: &quinn::Connection) -> Option<PublicKey> {
    let identity = connection.peer_identity()?.downcast::<Vec<CertificateDer<'static>>>().ok()?;
    PublicKey::from_spki_der(identity.first()?.as_ref()).ok()
}

enum Accepts {
    Only(PublicKey),
    Admitted(Admission),
}

struct Verifier {
    provider: Arc<CryptoProvider>,
    accepts: Accepts,
}

impl Verifier {
    fn check(&self, spki: &CertificateDer<'_>, others: &[CertificateDer<'_>]) -> Result<(), TlsError> {
        if !others.is_empty() {
            return Err(TlsError::InvalidCertificate(CertificateError::BadEncoding));
        }
        let key = PublicKey::from_spki_der(spki.as_ref())
            .map_err(|_| TlsError::InvalidCertificate(CertificateError::BadEncoding))?;
        // The same key in another encoding is another identity to compare, so only ours is taken.
        if key.to_spki_der().ok().as_deref() != Some(spki.as_ref()) {
            return Err(TlsError::InvalidCertificate(CertificateError::BadEncoding));
        }
        let accepted = match &self.accepts {
            Accepts::Only(pinned) => key == *pinned,
            Accepts::Admitted(admission) => admission(&key) != Admit::Refuse,
        };
        if accepted { Ok(()) } else { Err(TlsError::InvalidCertificate(CertificateError::UnknownIssuer)) }
    }

    fn check_signature(
        &self,
        message: &[u8],
        spki: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, TlsError> {
        verify_tls13_signature_with_raw_key(
            message,
            &SubjectPublicKeyInfoDer::from(spki.as_ref()),
            signature,
            &self.provider.signature_verification_algorithms,
        )
    }
}

impl std::fmt::Debug for Verifier {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Verifier")
    }
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, TlsError> {
        self.check(end_entity, intermediates).map(|()| ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _message: &[u8],
        _cert: &CertificateDer<'_>,
        _dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, TlsError> {
        Err(TlsError::PeerIncompatible(PeerIncompatible::ServerTlsVersionIsDisabledByOurConfig))
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, TlsError> {
        self.check_signature(message, cert, dss)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        vec![SignatureScheme::ED25519]
    }

    fn requires_raw_public_keys(&self) -> bool {
        true
    }
}

impl ClientCertVerifier for Verifier {
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &[]
    }

    fn verify_client_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        _now: UnixTime,
    ) -> Result<ClientCertVerified, TlsError> {
        self.check(end_entity, intermediates).map(|()| ClientCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _message: &[u8],
        _cert: &CertificateDer<'_>,
        _dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, TlsError> {
        Err(TlsError::PeerIncompatible(PeerIncompatible::Tls12NotOffered))
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, TlsError> {
        self.check_signature(message, cert, dss)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        vec![SignatureScheme::ED25519]
    }

    fn requires_raw_public_keys(&self) -> bool {
        true
    }
}

fn tls(error: TlsError) -> NetError {
    NetError::Tls(error.to_string())
}
