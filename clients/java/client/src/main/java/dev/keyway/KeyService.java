package dev.keyway;

import dev.keyway.v1.BatchDecryptRequest;
import dev.keyway.v1.BatchDecryptResponse;
import dev.keyway.v1.BatchEncryptRequest;
import dev.keyway.v1.BatchEncryptResponse;
import dev.keyway.v1.DecryptRequest;
import dev.keyway.v1.DecryptResponse;
import dev.keyway.v1.EncryptRequest;
import dev.keyway.v1.EncryptResponse;
import dev.keyway.v1.GenerateDataKeyRequest;
import dev.keyway.v1.GenerateDataKeyResponse;
import dev.keyway.v1.GetClientInfoRequest;
import dev.keyway.v1.GetClientInfoResponse;
import dev.keyway.v1.GetPrivateKeyRequest;
import dev.keyway.v1.GetPrivateKeyResponse;
import dev.keyway.v1.GetPublicKeyRequest;
import dev.keyway.v1.GetPublicKeyResponse;
import dev.keyway.v1.GetSecretRequest;
import dev.keyway.v1.GetSecretResponse;
import dev.keyway.v1.GetSymmetricKeyRequest;
import dev.keyway.v1.GetSymmetricKeyResponse;
import dev.keyway.v1.KeyServiceGrpc.KeyServiceBlockingStub;
import dev.keyway.v1.SignRequest;
import dev.keyway.v1.SignResponse;
import dev.keyway.v1.VerifyRequest;
import dev.keyway.v1.VerifyResponse;

/**
 * Keys and secrets of every provider.
 *
 * <p>Each call blocks its thread. A failed call throws {@link KeywayException}.
 *
 * <p>Generated from protos/ by {@code make generate}; do not edit.
 */
public final class KeyService extends ServiceCalls<KeyServiceBlockingStub, KeyService> {
    KeyService(KeyServiceBlockingStub stub) {
        super(stub);
    }

    @Override
    KeyService with(KeyServiceBlockingStub stub) {
        return new KeyService(stub);
    }

    /** Says how the upstream sees the gateway, to find out why it refuses it. */
    public GetClientInfoResponse getClientInfo(GetClientInfoRequest request) {
        return call(() -> stub().getClientInfo(request));
    }

    /** Returns a secret. */
    public GetSecretResponse getSecret(GetSecretRequest request) {
        return call(() -> stub().getSecret(request));
    }

    /** Encrypts with a symmetric key's current version. */
    public EncryptResponse encrypt(EncryptRequest request) {
        return call(() -> stub().encrypt(request));
    }

    /** Decrypts with the version that the ciphertext was made with. */
    public DecryptResponse decrypt(DecryptRequest request) {
        return call(() -> stub().decrypt(request));
    }

    /** Makes a new AES-256 key for local use and encrypts it with a symmetric key. */
    public GenerateDataKeyResponse generateDataKey(GenerateDataKeyRequest request) {
        return call(() -> stub().generateDataKey(request));
    }

    /** Returns a symmetric key itself. */
    public GetSymmetricKeyResponse getSymmetricKey(GetSymmetricKeyRequest request) {
        return call(() -> stub().getSymmetricKey(request));
    }

    /** Signs with an asymmetric key's current version. */
    public SignResponse sign(SignRequest request) {
        return call(() -> stub().sign(request));
    }

    /** Verifies with the version that the signature was made with. */
    public VerifyResponse verify(VerifyRequest request) {
        return call(() -> stub().verify(request));
    }

    /** Returns an asymmetric key's private half. */
    public GetPrivateKeyResponse getPrivateKey(GetPrivateKeyRequest request) {
        return call(() -> stub().getPrivateKey(request));
    }

    /** Returns an asymmetric key's public half. */
    public GetPublicKeyResponse getPublicKey(GetPublicKeyRequest request) {
        return call(() -> stub().getPublicKey(request));
    }

    /** Encrypts many plaintexts, concurrently. */
    public BatchEncryptResponse batchEncrypt(BatchEncryptRequest request) {
        return call(() -> stub().batchEncrypt(request));
    }

    /** Decrypts many ciphertexts, concurrently. */
    public BatchDecryptResponse batchDecrypt(BatchDecryptRequest request) {
        return call(() -> stub().batchDecrypt(request));
    }
}
