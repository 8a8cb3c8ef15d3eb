package dev.keyway;

/**
 * An invalid field of a request.
 *
 * @param field the path of the field, such as {@code subject.country}
 * @param description the cause
 */
public record FieldViolation(String field, String description) {}
