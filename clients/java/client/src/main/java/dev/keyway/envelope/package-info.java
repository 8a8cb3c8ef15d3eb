/** Envelope encryption: data of any size, sealed on this side with data keys that the gateway makes. */
package dev.keyway.envelope;
