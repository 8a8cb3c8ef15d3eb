package dev.keyway;

import io.grpc.Attributes;
import io.grpc.EquivalentAddressGroup;
import io.grpc.NameResolver;
import io.grpc.NameResolverProvider;
import io.grpc.NameResolverRegistry;
import io.grpc.StatusOr;
import java.net.InetSocketAddress;
import java.net.SocketAddress;
import java.net.URI;
import java.util.Collection;
import java.util.List;
import java.util.Set;
import java.util.stream.Stream;

/**
 * Resolves a target that lists several addresses, for which gRPC for Java has no resolver of its own. A host's name is
 * looked up whenever it is connected to; its certificate has to be for that name.
 */
final class AddressList extends NameResolverProvider {
    private static final String SCHEME = "keyway-list";
    private static final AddressList PROVIDER = new AddressList();

    /** Makes gRPC know the scheme, and returns what such a target starts with. */
    static String register() {
        // A second registration of the same provider has no effect.
        NameResolverRegistry.getDefaultRegistry().register(PROVIDER);
        return SCHEME + ":///";
    }

    @Override
    protected boolean isAvailable() {
        return true;
    }

    @Override
    protected int priority() {
        return 5;
    }

    @Override
    public String getDefaultScheme() {
        return SCHEME;
    }

    @Override
    public Collection<Class<? extends SocketAddress>> getProducedSocketAddressTypes() {
        return Set.of(InetSocketAddress.class);
    }

    @Override
    public NameResolver newNameResolver(URI target, NameResolver.Args args) {
        if (!SCHEME.equals(target.getScheme())) {
            return null;
        }
        List<Address> addresses =
                Stream.of(target.getPath().substring(1).split(",")).map(Address::parse).toList();
        return new FixedList(addresses);
    }

    private static final class FixedList extends NameResolver {
        private final List<Address> addresses;

        FixedList(List<Address> addresses) {
            this.addresses = addresses;
        }

        @Override
        public String getServiceAuthority() {
            return addresses.get(0).toString();
        }

        @Override
        public void start(Listener2 listener) {
            List<EquivalentAddressGroup> groups =
                    addresses.stream().map(FixedList::group).toList();
            listener.onResult(ResolutionResult.newBuilder()
                    .setAddressesOrError(StatusOr.fromValue(groups))
                    .build());
        }

        private static EquivalentAddressGroup group(Address address) {
            Attributes attributes = Attributes.newBuilder()
                    .set(EquivalentAddressGroup.ATTR_AUTHORITY_OVERRIDE, address.toString())
                    .build();
            return new EquivalentAddressGroup(address.unresolved(), attributes);
        }

        @Override
        public void shutdown() {
            // Holds nothing.
        }
    }
}
