package dev.keyway;

import io.grpc.util.AdvancedTlsX509KeyManager;
import java.io.File;
import java.io.IOException;
import java.net.Socket;
import java.nio.file.Path;
import java.security.GeneralSecurityException;
import java.security.Principal;
import java.security.PrivateKey;
import java.security.cert.X509Certificate;
import java.util.logging.Level;
import java.util.logging.Logger;
import javax.net.ssl.SSLEngine;
import javax.net.ssl.X509ExtendedKeyManager;

/**
 * The client certificate and its key, read from their files for each handshake, because certificates can be short-lived.
 * If the files cannot be read, the previous certificate is used.
 */
final class CertificateFiles extends X509ExtendedKeyManager {
    private static final Logger LOG = Logger.getLogger(CertificateFiles.class.getName());

    private final File certificate;
    private final File privateKey;
    // Keeps the keys that handshakes in progress have chosen.
    private final AdvancedTlsX509KeyManager read = new AdvancedTlsX509KeyManager();

    CertificateFiles(Path certificate, Path privateKey) throws IOException, GeneralSecurityException {
        this.certificate = certificate.toFile();
        this.privateKey = privateKey.toFile();
        read.updateIdentityCredentials(this.certificate, this.privateKey);
    }

    @Override
    public String chooseEngineClientAlias(String[] keyTypes, Principal[] issuers, SSLEngine engine) {
        readAgain();
        return read.chooseEngineClientAlias(keyTypes, issuers, engine);
    }

    @Override
    public String chooseClientAlias(String[] keyTypes, Principal[] issuers, Socket socket) {
        readAgain();
        return read.chooseClientAlias(keyTypes, issuers, socket);
    }

    private void readAgain() {
        try {
            read.updateIdentityCredentials(certificate, privateKey);
        } catch (IOException | GeneralSecurityException | RuntimeException unreadable) {
            LOG.log(Level.WARNING, "Cannot read " + certificate + " or its key; using the previous certificate.", unreadable);
        }
    }

    @Override
    public X509Certificate[] getCertificateChain(String alias) {
        return read.getCertificateChain(alias);
    }

    @Override
    public PrivateKey getPrivateKey(String alias) {
        return read.getPrivateKey(alias);
    }

    @Override
    public String[] getClientAliases(String keyType, Principal[] issuers) {
        return read.getClientAliases(keyType, issuers);
    }

    /** Not supported: for clients only. */
    @Override
    public String chooseServerAlias(String keyType, Principal[] issuers, Socket socket) {
        return null;
    }

    /** Not supported: for clients only. */
    @Override
    public String[] getServerAliases(String keyType, Principal[] issuers) {
        return null;
    }
}
