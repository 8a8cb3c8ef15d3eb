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
 * Encrypts and signs with the keys of all configured providers, and reads their keys and secrets.
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

    /** Returns how the gateway appears to the upstream. */
    public GetClientInfoResponse getClientInfo(GetClientInfoRequest request) {
        return call(() -> stub().getClientInfo(request));
    }

    /** Returns a secret. */
    public GetSecretResponse getSecret(GetSecretRequest request) {
        return call(() -> stub().getSecret(request));
    }

    /** Encrypts data with the current version of a symmetric key. */
    public EncryptResponse encrypt(EncryptRequest request) {
        return call(() -> stub().encrypt(request));
    }

    /** Decrypts data with the key version that encrypted it. */
    public DecryptResponse decrypt(DecryptRequest request) {
        return call(() -> stub().decrypt(request));
    }

    /** Creates an AES-256 data key for local use and encrypts it with a symmetric key. */
    public GenerateDataKeyResponse generateDataKey(GenerateDataKeyRequest request) {
        return call(() -> stub().generateDataKey(request));
    }

    /** Returns the key material of a symmetric key. */
    public GetSymmetricKeyResponse getSymmetricKey(GetSymmetricKeyRequest request) {
        return call(() -> stub().getSymmetricKey(request));
    }

    /** Signs data with the current version of an asymmetric key. */
    public SignResponse sign(SignRequest request) {
        return call(() -> stub().sign(request));
    }

    /** Verifies a signature with the key version that created it. */
    public VerifyResponse verify(VerifyRequest request) {
        return call(() -> stub().verify(request));
    }

    /** Returns the private key of an asymmetric key. */
    public GetPrivateKeyResponse getPrivateKey(GetPrivateKeyRequest request) {
        return call(() -> stub().getPrivateKey(request));
    }

    /** Returns the public key of an asymmetric key. */
    public GetPublicKeyResponse getPublicKey(GetPublicKeyRequest request) {
        return call(() -> stub().getPublicKey(request));
    }

    /** Encrypts several plaintexts concurrently. */
    public BatchEncryptResponse batchEncrypt(BatchEncryptRequest request) {
        return call(() -> stub().batchEncrypt(request));
    }

    /** Decrypts several ciphertexts concurrently. */
    public BatchDecryptResponse batchDecrypt(BatchDecryptRequest request) {
        return call(() -> stub().batchDecrypt(request));
    }
}
