package dev.keyway;

import java.net.URI;
import java.net.URISyntaxException;
import java.util.List;
import java.util.Set;
import java.util.stream.Collectors;

/** Where a gateway listens: reads {@code host:port}, and makes of one or many what gRPC calls a target. */
record Address(String host, int port) {
    private static final Set<String> LOOPBACK = Set.of("localhost", "::1", "0:0:0:0:0:0:0:1");

    static Address parse(String text) {
        try {
            URI uri = new URI(null, text, null, null, null);
            if (uri.getHost() != null && uri.getPort() > 0 && uri.getPort() <= 0xFFFF && uri.getUserInfo() == null) {
                return new Address(uri.getHost().replaceAll("^\\[|\\]$", ""), uri.getPort());
            }
        } catch (URISyntaxException wrong) {
            // Said below.
        }
        throw new IllegalArgumentException("Not host:port: " + text);
    }

    /** One address is left to gRPC's own DNS resolver, several go to {@link AddressList}. */
    static String target(List<Address> addresses) {
        String list = addresses.stream().map(Address::toString).collect(Collectors.joining(","));
        // The brackets of IPv6 addresses have no place in a URL's path.
        String path = list.replace("[", "%5B").replace("]", "%5D");
        return (addresses.size() == 1 ? "dns:///" : AddressList.register()) + path;
    }

    /** Whether the host is this machine, by its name alone: nothing is resolved. */
    boolean isLoopback() {
        return LOOPBACK.contains(host) || host.matches("127(\\.\\d{1,3}){3}");
    }

    /** As in a URL: an IPv6 address in brackets. */
    @Override
    public String toString() {
        return (host.contains(":") ? "[" + host + "]" : host) + ":" + port;
    }
}
