package dev.keyway;

/**
 * A field of the request that breaks the contract.
 *
 * @param field its path, such as {@code subject.country}
 * @param description what is wrong
 */
public record FieldViolation(String field, String description) {}
