/** The client of Keyway: connection, errors, pages. The calls themselves are in {@code dev.keyway.v1}. */
package dev.keyway;
