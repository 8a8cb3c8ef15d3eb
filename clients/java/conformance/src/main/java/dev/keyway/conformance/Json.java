package dev.keyway.conformance;

import com.google.gson.JsonArray;
import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import com.google.gson.JsonPrimitive;
import com.google.protobuf.Message;
import com.google.protobuf.util.JsonFormat;
import com.google.protobuf.util.JsonFormat.TypeRegistry;
import com.google.rpc.ErrorDetailsProto;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;

/** Protobuf JSON, and comparison of expected with actual values. */
final class Json {
    // The details of failed items of a batch can have any message type.
    private static final TypeRegistry DETAILS = TypeRegistry.newBuilder()
            .add(ErrorDetailsProto.getDescriptor().getMessageTypes())
            .build();
    private static final JsonFormat.Parser PARSER = JsonFormat.parser();
    // Include defaults, because a case can expect `false`.
    private static final JsonFormat.Printer PRINTER =
            JsonFormat.printer().usingTypeRegistry(DETAILS).alwaysPrintFieldsWithNoPresence();

    private Json() {}

    static Message parse(JsonElement json, Message prototype) throws IOException {
        Message.Builder builder = prototype.newBuilderForType();
        if (json != null) {
            PARSER.merge(json.toString(), builder);
        }
        return builder.build();
    }

    static JsonElement print(Message message) throws IOException {
        return JsonParser.parseString(PRINTER.print(message));
    }

    static JsonObject ofTexts(Map<String, String> texts) {
        JsonObject object = new JsonObject();
        texts.forEach(object::addProperty);
        return object;
    }

    /** Returns the sorted set. */
    static JsonArray ofTexts(Stream<String> texts) {
        JsonArray array = new JsonArray();
        texts.distinct().sorted().forEach(array::add);
        return array;
    }

    static List<String> texts(JsonElement list) {
        return asList(list).stream().map(JsonElement::getAsString).toList();
    }

    /** Returns a list: unchanged, or of a single element, or empty. */
    static List<JsonElement> asList(JsonElement element) {
        if (element == null) {
            return List.of();
        }
        return element.isJsonArray() ? element.getAsJsonArray().asList() : List.of(element);
    }

    static boolean isTrue(JsonObject object, String name) {
        return object.has(name) && object.get(name).getAsBoolean();
    }

    /** Whether the value is missing, or a default that protobuf JSON can omit. */
    static boolean isEmpty(JsonElement element) {
        if (element == null || element.isJsonNull()) {
            return true;
        }
        if (element.isJsonPrimitive()) {
            return List.of("", "0", "false").contains(element.getAsString());
        }
        return element.isJsonArray()
                ? element.getAsJsonArray().isEmpty()
                : element.getAsJsonObject().isEmpty();
    }

    /** Replaces each text `${path}` by the value in `source`. */
    static JsonElement filled(JsonElement template, JsonElement source) {
        if (template.isJsonObject()) {
            JsonObject object = new JsonObject();
            template.getAsJsonObject().asMap().forEach((name, value) -> object.add(name, filled(value, source)));
            return object;
        }
        if (template.isJsonArray()) {
            JsonArray array = new JsonArray();
            template.getAsJsonArray().forEach(value -> array.add(filled(value, source)));
            return array;
        }
        boolean isText = template instanceof JsonPrimitive primitive && primitive.isString();
        String text = isText ? template.getAsString() : "";
        return text.matches("\\$\\{.*}") ? found(text.substring(2, text.length() - 1), source) : template;
    }

    private static JsonElement found(String path, JsonElement source) {
        JsonElement at = source;
        for (String part : path.split("\\.")) {
            at = at.isJsonArray() ? at.getAsJsonArray().get(Integer.parseInt(part)) : at.getAsJsonObject().get(part);
        }
        return at;
    }

    /** Returns the differences to `wanted`. Objects can have additional members, lists cannot have additional elements. */
    static List<String> differences(String path, JsonElement wanted, JsonElement actual) {
        if (wanted.isJsonObject() && actual != null && actual.isJsonObject()) {
            return inObjects(path, wanted.getAsJsonObject(), actual.getAsJsonObject());
        }
        if (wanted.isJsonArray() && actual != null && actual.isJsonArray()) {
            return inLists(path, wanted.getAsJsonArray(), actual.getAsJsonArray());
        }
        return wanted.equals(actual) ? List.of() : List.of(path + " is " + actual + ", not " + wanted);
    }

    private static List<String> inObjects(String path, JsonObject wanted, JsonObject actual) {
        List<String> differences = new ArrayList<>();
        for (Map.Entry<String, JsonElement> member : wanted.entrySet()) {
            String name = member.getKey();
            differences.addAll(differences(path + "." + name, member.getValue(), actual.get(name)));
        }
        return differences;
    }

    private static List<String> inLists(String path, JsonArray wanted, JsonArray actual) {
        if (wanted.size() != actual.size()) {
            return List.of(path + " are " + actual + ", not " + wanted);
        }
        List<String> differences = new ArrayList<>();
        for (int i = 0; i < wanted.size(); i++) {
            differences.addAll(differences(path + "[" + i + "]", wanted.get(i), actual.get(i)));
        }
        return differences;
    }
}
