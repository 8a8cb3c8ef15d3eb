"""Instruments of the connections to upstreams, and of the read caches."""

from typing import Final

from gateway.telemetry import conventions as names
from gateway.telemetry.descriptions.labels import PROVIDER
from gateway.telemetry.instruments import Description, Label

REQUEST_DURATION: Final = Description(
    names.HTTP_CLIENT_REQUEST_DURATION,
    "histogram",
    "s",
    "Duration of HTTP requests to upstreams.",
    (
        PROVIDER,
        Label(names.HTTP_REQUEST_METHOD, "HTTP method, such as `GET`"),
        Label(names.HTTP_RESPONSE_STATUS_CODE, "HTTP status; absent without a response"),
        Label(names.SERVER_ADDRESS, "host name or address of the upstream"),
        Label(names.SERVER_PORT, "port of the upstream"),
        Label(names.ERROR_TYPE, "for failures only: the HTTP status, or the error reason, such as `PROVIDER_TIMEOUT`"),
    ),
    "Each retry counts. If requests of one provider are slow or fail, run `keyway providers check`, and contact "
    "the operator of the upstream.",
)
BREAKER: Final = Description(
    "keyway.provider.breaker",
    "gauge",
    "1",
    "Circuit breaker state: 0 closed, 1 half-open, 2 open.",
    (PROVIDER,),
    "Alert on 2: the upstream failed so often that the gateway rejects calls without contacting it. "
    "`http.client.request.duration` shows the errors. The breaker closes when requests succeed again. Each worker "
    "has its own breaker; `max without (worker) (keyway_provider_breaker)` is the worst state.",
)
BREAKER_OVERALL: Final = Description(
    "keyway.provider.breaker.overall",
    "gauge",
    "1",
    "Most severe circuit breaker state over all workers: 0 closed, 1 half-open, 2 open.",
    (PROVIDER,),
    "`keyway providers` shows the same state. With several workers, the metric is only on the Prometheus page, without "
    "the label `worker`. `keyway.provider.breaker` has the state of each worker.",
)
BREAKER_OPEN_WORKERS: Final = Description(
    "keyway.provider.breaker.open_workers",
    "gauge",
    "{worker}",
    "Workers whose circuit breaker is not closed.",
    (PROVIDER,),
    "If the breakers of only some workers are open, the upstream fails intermittently, or the other workers had no "
    "calls. With several workers, the metric is only on the Prometheus page.",
)
REQUESTS_IN_FLIGHT: Final = Description(
    "keyway.provider.requests.in_flight",
    "gauge",
    "{request}",
    "HTTP requests in flight.",
    (PROVIDER,),
    "The maximum is the provider's `maximum_connections`. Near the maximum, requests begin to wait.",
)
REQUESTS_QUEUED: Final = Description(
    "keyway.provider.requests.queued",
    "gauge",
    "{request}",
    "Requests that wait for a connection.",
    (PROVIDER,),
    "A value that stays above 0 means that the upstream is too slow for the number of calls, or that the "
    "provider's `maximum_connections` is too low.",
)
RETRIES: Final = Description(
    "keyway.provider.retries",
    "gauge",
    "{request}",
    "Retries since the start.",
    (PROVIDER,),
    "The value grows and starts again at 0 with the process, so use `rate()`. A high rate means an unreliable "
    "upstream or network.",
)
RETRY_BUDGET: Final = Description(
    "keyway.provider.retry.budget",
    "gauge",
    "{request}",
    "Retries that the retry budget allows.",
    (PROVIDER,),
    "At 0, the gateway stops retrying, so callers see failures that retries hid before. Find the cause of the "
    "failures.",
)
CACHE_HITS: Final = Description(
    "keyway.cache.hits",
    "gauge",
    "{call}",
    "Cache hits since the start.",
    (PROVIDER,),
    "The value grows and starts again at 0 with the process, so use `rate()`. Absent for providers without `cache`.",
)
CACHE_MISSES: Final = Description(
    "keyway.cache.misses",
    "gauge",
    "{call}",
    "Cache misses since the start.",
    (PROVIDER,),
    "See `keyway.cache.hits`. If most calls are misses and callers accept older data, raise `cache.ttl`.",
)
CACHE_SIZE: Final = Description(
    "keyway.cache.size",
    "gauge",
    "By",
    "Approximate size of cached responses.",
    (PROVIDER,),
    "If the value stays near `cache.maximum_bytes`, responses are removed before they expire: raise that setting.",
)

UPSTREAMS: Final = (
    REQUEST_DURATION,
    BREAKER,
    BREAKER_OVERALL,
    BREAKER_OPEN_WORKERS,
    REQUESTS_IN_FLIGHT,
    REQUESTS_QUEUED,
    RETRIES,
    RETRY_BUDGET,
)
CACHES: Final = (CACHE_HITS, CACHE_MISSES, CACHE_SIZE)
