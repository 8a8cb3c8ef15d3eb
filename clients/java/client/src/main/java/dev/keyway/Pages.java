package dev.keyway;

import java.util.Iterator;
import java.util.List;
import java.util.NoSuchElementException;
import java.util.function.Function;
import java.util.stream.Stream;
import java.util.stream.StreamSupport;

/**
 * The items of all pages of a list method. Each page is requested only when its first item is needed. Each iteration
 * starts with the first page. A failed call throws {@link KeywayException} during the iteration.
 *
 * @param <R> a page
 * @param <T> an item
 */
public final class Pages<R, T> implements Iterable<T> {
    private final String firstToken;
    private final Function<String, R> fetch;
    private final Function<R, List<T>> items;
    private final Function<R, String> nextToken;

    Pages(
            String firstToken, Function<String, R> fetch, Function<R, List<T>> items, Function<R, String> nextToken) {
        this.firstToken = firstToken;
        this.fetch = fetch;
        this.items = items;
        this.nextToken = nextToken;
    }

    /** The items. */
    @Override
    public Iterator<T> iterator() {
        return stream().iterator();
    }

    /** The items. */
    public Stream<T> stream() {
        return StreamSupport.stream(responses().spliterator(), false).flatMap(page -> items.apply(page).stream());
    }

    /** The pages themselves, for their other fields, such as the unreachable providers. */
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
