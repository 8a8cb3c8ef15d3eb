package dev.keyway;

import java.net.URI;
import java.net.URISyntaxException;
import java.util.List;
import java.util.Set;
import java.util.stream.Collectors;

/** A gateway address: parses {@code host:port}, and converts addresses to a gRPC target. */
record Address(String host, int port) {
    private static final Set<String> LOOPBACK = Set.of("localhost", "::1", "0:0:0:0:0:0:0:1");

    static Address parse(String text) {
        try {
            URI uri = new URI(null, text, null, null, null);
            if (uri.getHost() != null && uri.getPort() > 0 && uri.getPort() <= 0xFFFF && uri.getUserInfo() == null) {
                return new Address(uri.getHost().replaceAll("^\\[|\\]$", ""), uri.getPort());
            }
        } catch (URISyntaxException wrong) {
            // Reported below.
        }
        throw new IllegalArgumentException("Invalid address, expected host:port: " + text);
    }

    /** Returns the target: one address uses the DNS resolver of gRPC, several use {@link AddressList}. */
    static String target(List<Address> addresses) {
        String list = addresses.stream().map(Address::toString).collect(Collectors.joining(","));
        // The brackets of IPv6 addresses are not allowed in the path of a URL.
        String path = list.replace("[", "%5B").replace("]", "%5D");
        return (addresses.size() == 1 ? "dns:///" : AddressList.register()) + path;
    }

    /** Whether the host is this machine. It does not resolve names. */
    boolean isLoopback() {
        return LOOPBACK.contains(host) || host.matches("127(\\.\\d{1,3}){3}");
    }

    /** Returns the host as in a URL, with an IPv6 address in brackets. */
    @Override
    public String toString() {
        return (host.contains(":") ? "[" + host + "]" : host) + ":" + port;
    }
}
