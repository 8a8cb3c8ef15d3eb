package dev.keyway.envelope;

import java.io.IOException;

/**
 * An envelope that can't be opened: changed, cut, of another key, or with other associated data. It does not say which
 * of these, so that nobody can learn from it how to make one that opens.
 */
public final class EnvelopeException extends IOException {
    private static final long serialVersionUID = 1;

    EnvelopeException() {
        super("The envelope can't be opened: it was changed or cut, or key or associated data are others.");
    }
}
