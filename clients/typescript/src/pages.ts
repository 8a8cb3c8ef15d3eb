/** Lists, page by page or item by item. A page is asked for when the one before it has been used up. */
import type { CallOptions } from "./calls.js";

/** What the request and the response of a list have. */
type ListCall<Q, P> = (request: Q, options?: CallOptions) => Promise<P>;

/**
 * Every page that `list` has for `request`, as in
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

/** What `pick` takes from every page, one at a time. */
export async function* items<P, T>(
  source: AsyncIterable<P>,
  pick: (page: P) => Iterable<T>,
): AsyncGenerator<T, void, undefined> {
  for await (const page of source) {
    yield* pick(page);
  }
}
