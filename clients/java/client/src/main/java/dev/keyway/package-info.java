/** The client of Keyway: connection, services, errors and pages. The messages are in {@code dev.keyway.v1}. */
package dev.keyway;
