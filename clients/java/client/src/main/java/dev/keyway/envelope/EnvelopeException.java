package dev.keyway.envelope;

import java.io.IOException;

/**
 * An envelope cannot be opened: it was changed or truncated, or the key or the associated data differ. It does not state
 * the cause, which gives an attacker no information.
 */
public final class EnvelopeException extends IOException {
    private static final long serialVersionUID = 1;

    EnvelopeException() {
        super("The envelope cannot be opened: it was changed or truncated, or the key or the associated data differ.");
    }
}
