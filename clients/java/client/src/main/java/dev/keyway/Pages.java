package dev.keyway;

import dev.keyway.v1.Certificate;
import dev.keyway.v1.CertificateServiceGrpc.CertificateServiceBlockingStub;
import dev.keyway.v1.ListCertificatesRequest;
import dev.keyway.v1.ListCertificatesResponse;
import dev.keyway.v1.ListProvidersRequest;
import dev.keyway.v1.ListProvidersResponse;
import dev.keyway.v1.Provider;
import dev.keyway.v1.ProviderServiceGrpc.ProviderServiceBlockingStub;
import java.util.Iterator;
import java.util.List;
import java.util.NoSuchElementException;
import java.util.function.Function;
import java.util.stream.Stream;
import java.util.stream.StreamSupport;

/**
 * All that a list method lists, over all its pages. A page is asked for when its first item is; each iteration starts
 * anew. Fails in the middle as the stub does, with gRPC's exception.
 *
 * @param <R> a page
 * @param <T> an item
 */
public final class Pages<R, T> implements Iterable<T> {
    private final String firstToken;
    private final Function<String, R> fetch;
    private final Function<R, List<T>> items;
    private final Function<R, String> nextToken;

    private Pages(
            String firstToken, Function<String, R> fetch, Function<R, List<T>> items, Function<R, String> nextToken) {
        this.firstToken = firstToken;
        this.fetch = fetch;
        this.items = items;
        this.nextToken = nextToken;
    }

    /**
     * All certificates.
     *
     * @param stub calls, with its deadline for each page
     * @param request where to begin, and what to ask for
     */
    public static Pages<ListCertificatesResponse, Certificate> certificates(
            CertificateServiceBlockingStub stub, ListCertificatesRequest request) {
        return new Pages<>(
                request.getPageToken(),
                token -> stub.listCertificates(
                        request.toBuilder().setPageToken(token).build()),
                ListCertificatesResponse::getCertificatesList,
                ListCertificatesResponse::getNextPageToken);
    }

    /**
     * All providers.
     *
     * @param stub calls, with its deadline for each page
     * @param request where to begin, and what to ask for
     */
    public static Pages<ListProvidersResponse, Provider> providers(
            ProviderServiceBlockingStub stub, ListProvidersRequest request) {
        return new Pages<>(
                request.getPageToken(),
                token -> stub.listProviders(
                        request.toBuilder().setPageToken(token).build()),
                ListProvidersResponse::getProvidersList,
                ListProvidersResponse::getNextPageToken);
    }

    /** One item after the other. */
    @Override
    public Iterator<T> iterator() {
        return stream().iterator();
    }

    /** One item after the other. */
    public Stream<T> stream() {
        return StreamSupport.stream(responses().spliterator(), false).flatMap(page -> items.apply(page).stream());
    }

    /** The pages themselves, for what else they say, such as providers that could not be reached. */
    public Iterable<R> responses() {
        return () -> new PageIterator();
    }

    private final class PageIterator implements Iterator<R> {
        private String token = firstToken;
        private boolean ended;

        @Override
        public boolean hasNext() {
            return !ended;
        }

        @Override
        public R next() {
            if (ended) {
                throw new NoSuchElementException();
            }
            R page = fetch.apply(token);
            token = nextToken.apply(page);
            ended = token.isEmpty();
            return page;
        }
    }
}
