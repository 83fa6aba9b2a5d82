//! TLS on the TCP address: the certificate and the key, checked before the port is opened.

use std::sync::Arc;

use rustls::ServerConfig;
use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::version::{TLS12, TLS13};
use tokio_rustls::TlsAcceptor;

use crate::config::plan::Tls;
use crate::error::{Code, Error, Result};

/// What greets those who connect.
///
/// # Errors
///
/// What is wrong with the certificate or the key.
pub fn acceptor(tls: &Tls) -> Result<TlsAcceptor> {
    let wrong = |text: String| Error::new(Code::Config, text);
    let chain = CertificateDer::pem_slice_iter(&tls.certificate)
        .collect::<core::result::Result<Vec<_>, _>>()
        .map_err(|e| wrong(format!("the certificate of the client port is no PEM: {e}")))?;
    if chain.is_empty() {
        return Err(wrong("the certificate of the client port has no CERTIFICATE in it".into()));
    }
    let key = PrivateKeyDer::from_pem_slice(&tls.key.0)
        .map_err(|e| wrong(format!("the key of the client port is no private key as PEM: {e}")))?;
    let mut config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_protocol_versions(&[&TLS13, &TLS12])
        .and_then(|builder| builder.with_no_client_auth().with_single_cert(chain, key))
        .map_err(|e| {
            wrong(format!("the certificate and the key of the client port do not serve: {e}"))
        })?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(TlsAcceptor::from(Arc::new(config)))
}
