"""The interceptor that limits the rate and the concurrency of each caller, and the concurrency of the server."""

from google.protobuf.message import Message

from gateway.server.interceptors.interceptor import CallNext, Interceptor, InterceptorDependencies
from gateway.server.rate_limiter import RateLimiter
from gateway.server.rpc_context import RpcContext


class _RateLimits:
    def __init__(self, limiter: RateLimiter) -> None:
        self._limiter = limiter

    async def intercept(self, call_next: CallNext, call: RpcContext) -> Message:
        assert call.caller is not None
        with self._limiter.admit(call.caller):
            return await call_next(call)


def rate_limits(dependencies: InterceptorDependencies) -> Interceptor:
    """Create the interceptor."""
    return _RateLimits(dependencies.rate_limiter)
