/** Iteration over the pages of a list method. Each page is requested only when needed. */
import type { CallOptions } from "./calls.js";

/** A list method. */
type ListCall<Q, P> = (request: Q, options?: CallOptions) => Promise<P>;

/**
 * Yields the pages of a list method, as in
 * `for await (const page of pages(client.certificates.listCertificates, { parent: "providers/-" }))`.
 */
export async function* pages<Q extends object, P extends { nextPageToken: string }>(
  list: ListCall<Q, P>,
  request: Q,
  options?: CallOptions,
): AsyncGenerator<P, void, undefined> {
  let next: Q = request;
  for (;;) {
    const page = await list(next, options);
    yield page;
    if (page.nextPageToken === "") {
      return;
    }
    next = { ...request, pageToken: page.nextPageToken };
  }
}

/** Yields the items of all pages. `pick` returns the items of a page. */
export async function* items<P, T>(
  source: AsyncIterable<P>,
  pick: (page: P) => Iterable<T>,
): AsyncGenerator<T, void, undefined> {
  for await (const page of source) {
    yield* pick(page);
  }
}
