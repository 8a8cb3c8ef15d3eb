package dev.keyway;

import io.grpc.Attributes;
import io.grpc.EquivalentAddressGroup;
import io.grpc.NameResolver;
import io.grpc.NameResolverProvider;
import io.grpc.NameResolverRegistry;
import io.grpc.Status;
import io.grpc.StatusOr;
import io.grpc.SynchronizationContext;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.SocketAddress;
import java.net.URI;
import java.net.UnknownHostException;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.Objects;
import java.util.Set;
import java.util.concurrent.Executor;
import java.util.concurrent.ForkJoinPool;
import java.util.stream.Stream;

/**
 * Name resolver for targets with several addresses, which gRPC for Java lacks. A host name can resolve to several hosts,
 * whose certificates must have that name. Names are resolved again after a failed connection.
 */
final class AddressList extends NameResolverProvider {
    private static final String SCHEME = "keyway-list";
    private static final AddressList PROVIDER = new AddressList();

    /** Registers the scheme with gRPC, and returns the prefix of such targets. */
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
        return new Resolver(addresses, args);
    }

    private static final class Resolver extends NameResolver {
        private final List<Address> addresses;
        private final SynchronizationContext context;
        private final Executor executor;
        // Accessed only in the synchronization context.
        private Listener2 listener;
        private boolean busy;
        private boolean ended;

        Resolver(List<Address> addresses, NameResolver.Args args) {
            this.addresses = addresses;
            context = args.getSynchronizationContext();
            executor = Objects.requireNonNullElse(args.getOffloadExecutor(), ForkJoinPool.commonPool());
        }

        @Override
        public String getServiceAuthority() {
            return addresses.get(0).toString();
        }

        @Override
        public void start(Listener2 listener) {
            this.listener = listener;
            refresh();
        }

        @Override
        public void refresh() {
            if (busy || ended) {
                return;
            }
            busy = true;
            executor.execute(() -> {
                StatusOr<List<EquivalentAddressGroup>> found = lookUp();
                context.execute(() -> {
                    busy = false;
                    if (!ended) {
                        listener.onResult2(ResolutionResult.newBuilder()
                                .setAddressesOrError(found)
                                .build());
                    }
                });
            });
        }

        /** Returns the addresses that resolve; fails only if none does. */
        private StatusOr<List<EquivalentAddressGroup>> lookUp() {
            List<EquivalentAddressGroup> found = new ArrayList<>();
            Status failure = Status.UNAVAILABLE;
            for (Address address : addresses) {
                try {
                    for (InetAddress host : InetAddress.getAllByName(address.host())) {
                        found.add(group(address, host));
                    }
                } catch (UnknownHostException unknown) {
                    failure = failure.withDescription("Unknown host: " + address.host())
                            .withCause(unknown);
                }
            }
            return found.isEmpty() ? StatusOr.fromStatus(failure) : StatusOr.fromValue(found);
        }

        private static EquivalentAddressGroup group(Address address, InetAddress host) {
            Attributes attributes = Attributes.newBuilder()
                    .set(EquivalentAddressGroup.ATTR_AUTHORITY_OVERRIDE, address.toString())
                    .build();
            return new EquivalentAddressGroup(new InetSocketAddress(host, address.port()), attributes);
        }

        @Override
        public void shutdown() {
            ended = true;
        }
    }
}
