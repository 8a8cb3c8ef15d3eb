/** Envelope encryption: data of any size, sealed in this process with data keys from the gateway. */
package dev.keyway.envelope;
