package dev.keyway.envelope;

import java.security.GeneralSecurityException;
import java.util.Arrays;
import javax.crypto.Mac;
import javax.crypto.spec.SecretKeySpec;

/** HKDF with SHA-256 (RFC 5869), based on the HMAC of the platform. Java includes HKDF only since version 25. */
final class Hkdf {
    private static final String HMAC = "HmacSHA256";
    private static final int HASH_BYTES = 32;

    private Hkdf() {}

    static byte[] derive(byte[] inputKey, byte[] salt, byte[] info, int length) {
        if (length < 1 || length > 255 * HASH_BYTES) {
            throw new IllegalArgumentException("HKDF returns 1 to 8160 bytes, not " + length + ".");
        }
        try {
            Mac mac = Mac.getInstance(HMAC);
            byte[] pseudoRandomKey = extract(mac, inputKey, salt);
            byte[] material = expand(mac, pseudoRandomKey, info, length);
            Arrays.fill(pseudoRandomKey, (byte) 0);
            return material;
        } catch (GeneralSecurityException impossible) {
            throw new IllegalStateException("This Java has no " + HMAC + ".", impossible);
        }
    }

    private static byte[] extract(Mac mac, byte[] inputKey, byte[] salt) throws GeneralSecurityException {
        // Java rejects an empty key. Zeros of the length of the hash are equivalent (RFC 5869, 2.2).
        mac.init(new SecretKeySpec(salt.length == 0 ? new byte[HASH_BYTES] : salt, HMAC));
        return mac.doFinal(inputKey);
    }

    private static byte[] expand(Mac mac, byte[] pseudoRandomKey, byte[] info, int length)
            throws GeneralSecurityException {
        mac.init(new SecretKeySpec(pseudoRandomKey, HMAC));
        byte[] material = new byte[length];
        byte[] block = {};
        for (int done = 0, number = 1; done < length; done += HASH_BYTES, number++) {
            mac.update(block);
            mac.update(info);
            block = mac.doFinal(new byte[] {(byte) number});
            System.arraycopy(block, 0, material, done, Math.min(HASH_BYTES, length - done));
        }
        Arrays.fill(block, (byte) 0);
        return material;
    }
}
