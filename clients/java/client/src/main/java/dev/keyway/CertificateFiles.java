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
 * The caller's certificate and key, read from their files again for each handshake: such certificates may live for an
 * hour. While the files can't be read, what was read before stands.
 */
final class CertificateFiles extends X509ExtendedKeyManager {
    private static final Logger LOG = Logger.getLogger(CertificateFiles.class.getName());

    private final File certificate;
    private final File privateKey;
    // Keeps what a handshake that is under way has chosen.
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
            LOG.log(Level.WARNING, "Can't read " + certificate + " or its key: the one before stands.", unreadable);
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

    /** Clients only. */
    @Override
    public String chooseServerAlias(String keyType, Principal[] issuers, Socket socket) {
        return null;
    }

    /** Clients only. */
    @Override
    public String[] getServerAliases(String keyType, Principal[] issuers) {
        return null;
    }
}
