"""The stages that decide whether a call is let in: who calls, what policy says, and whether there is room.

Each only gives a part that decides (`authentication.py`, `authorization.py`, `limits.py`) its place in the pipeline.
"""

from google.protobuf.message import Message

from gateway.contract.methods import BATCHES
from gateway.server.interceptors.authentication import Authenticator
from gateway.server.interceptors.authorization import Authorization, Authorizer, Denied
from gateway.server.interceptors.rate_limits import Limits
from gateway.server.rpc import Handler, Rpc, Stage


def authenticate(authenticator: Authenticator) -> Stage:
    """Finds out who calls; refuses who does not show it."""

    def stage(following: Handler) -> Handler:
        async def handle(rpc: Rpc) -> Message:
            rpc.caller = await authenticator.authenticate(rpc.context, rpc.metadata)
            return await following(rpc)

        return handle

    return stage


def authorize(authorizer: Authorizer) -> Stage:
    """Asks policy; refuses what it does not allow, a batch's items one by one."""

    async def of_rpc(rpc: Rpc) -> Authorization:
        assert rpc.request is not None
        assert rpc.caller is not None
        if rpc.method.operation in BATCHES:
            return await authorizer.authorize_batch(rpc.caller, rpc.method, rpc.request)
        return authorizer.authorize(rpc.caller, rpc.method, rpc.request)

    def stage(following: Handler) -> Handler:
        async def handle(rpc: Rpc) -> Message:
            try:
                authorization = await of_rpc(rpc)
            except Denied as error:
                rpc.decisions = error.decisions
                raise
            rpc.decisions = authorization.decisions
            rpc.call.providers, rpc.call.denied = authorization.providers, authorization.denied
            return await following(rpc)

        return handle

    return stage


def limit(limits: Limits) -> Stage:
    """Refuses what is more than the caller, or the gateway as a whole, may have in progress."""

    def stage(following: Handler) -> Handler:
        async def handle(rpc: Rpc) -> Message:
            assert rpc.caller is not None
            with limits.admit(rpc.caller):
                return await following(rpc)

        return handle

    return stage
