package dev.keyway;

import dev.keyway.v1.CheckProviderRequest;
import dev.keyway.v1.CheckProviderResponse;
import dev.keyway.v1.GetProviderRequest;
import dev.keyway.v1.GetProviderResponse;
import dev.keyway.v1.ListProvidersRequest;
import dev.keyway.v1.ListProvidersResponse;
import dev.keyway.v1.ListStatusMappingsRequest;
import dev.keyway.v1.ListStatusMappingsResponse;
import dev.keyway.v1.Provider;
import dev.keyway.v1.ProviderServiceGrpc.ProviderServiceBlockingStub;

/**
 * Describes the configured providers.
 *
 * <p>Each call blocks its thread. A failed call throws {@link KeywayException}.
 *
 * <p>Generated from protos/ by {@code make generate}; do not edit.
 */
public final class ProviderService extends ServiceCalls<ProviderServiceBlockingStub, ProviderService> {
    ProviderService(ProviderServiceBlockingStub stub) {
        super(stub);
    }

    @Override
    ProviderService with(ProviderServiceBlockingStub stub) {
        return new ProviderService(stub);
    }

    /** Lists the configured providers, ordered by name. */
    public ListProvidersResponse listProviders(ListProvidersRequest request) {
        return call(() -> stub().listProviders(request));
    }

    /** Returns one provider with its state. */
    public GetProviderResponse getProvider(GetProviderRequest request) {
        return call(() -> stub().getProvider(request));
    }

    /** Makes one read-only call to the upstream and returns the provider with the state that this call found. */
    public CheckProviderResponse checkProvider(CheckProviderRequest request) {
        return call(() -> stub().checkProvider(request));
    }

    /** Lists how the gateway maps the errors of the upstream to gRPC status codes and reasons, on one page. */
    public ListStatusMappingsResponse listStatusMappings(ListStatusMappingsRequest request) {
        return call(() -> stub().listStatusMappings(request));
    }

    /** Returns the items of all pages of {@link #listProviders}, starting with the page that the request names. */
    public Pages<ListProvidersResponse, Provider> allProviders(ListProvidersRequest request) {
        return new Pages<>(
                request.getPageToken(),
                token -> listProviders(request.toBuilder().setPageToken(token).build()),
                ListProvidersResponse::getProvidersList,
                ListProvidersResponse::getNextPageToken);
    }
}
