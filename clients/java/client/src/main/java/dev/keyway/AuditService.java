package dev.keyway;

import dev.keyway.v1.AuditRecord;
import dev.keyway.v1.AuditServiceGrpc.AuditServiceBlockingStub;
import dev.keyway.v1.GetAuditRecordRequest;
import dev.keyway.v1.GetAuditRecordResponse;
import dev.keyway.v1.GetJournalStatusRequest;
import dev.keyway.v1.GetJournalStatusResponse;
import dev.keyway.v1.ListAuditRecordsRequest;
import dev.keyway.v1.ListAuditRecordsResponse;
import dev.keyway.v1.ListSecretDeliveriesRequest;
import dev.keyway.v1.ListSecretDeliveriesResponse;
import dev.keyway.v1.SecretDelivery;
import dev.keyway.v1.SummarizeAuditRecordsRequest;
import dev.keyway.v1.SummarizeAuditRecordsResponse;
import dev.keyway.v1.VerifyJournalRequest;
import dev.keyway.v1.VerifyJournalResponse;

/**
 * Queries recorded calls.
 *
 * <p>Each call blocks its thread. A failed call throws {@link KeywayException}.
 *
 * <p>Generated from protos/ by {@code make generate}; do not edit.
 */
public final class AuditService extends ServiceCalls<AuditServiceBlockingStub, AuditService> {
    AuditService(AuditServiceBlockingStub stub) {
        super(stub);
    }

    @Override
    AuditService with(AuditServiceBlockingStub stub) {
        return new AuditService(stub);
    }

    /** Lists records, newest first. */
    public ListAuditRecordsResponse listAuditRecords(ListAuditRecordsRequest request) {
        return call(() -> stub().listAuditRecords(request));
    }

    /** Returns one record with its journal records. */
    public GetAuditRecordResponse getAuditRecord(GetAuditRecordRequest request) {
        return call(() -> stub().getAuditRecord(request));
    }

    /** Counts records in groups, such as the denials of each caller on each day. */
    public SummarizeAuditRecordsResponse summarizeAuditRecords(SummarizeAuditRecordsRequest request) {
        return call(() -> stub().summarizeAuditRecords(request));
    }

    /** Returns the state of this gateway's journal. */
    public GetJournalStatusResponse getJournalStatus(GetJournalStatusRequest request) {
        return call(() -> stub().getJournalStatus(request));
    }

    /** Starts a verification of this gateway's journal if necessary, and returns its progress or its result. */
    public VerifyJournalResponse verifyJournal(VerifyJournalRequest request) {
        return call(() -> stub().verifyJournal(request));
    }

    /** Lists which node holds which version of a secret that the gateway delivers, such as to Envoy. */
    public ListSecretDeliveriesResponse listSecretDeliveries(ListSecretDeliveriesRequest request) {
        return call(() -> stub().listSecretDeliveries(request));
    }

    /** Returns the items of all pages of {@link #listAuditRecords}, starting with the page that the request names. */
    public Pages<ListAuditRecordsResponse, AuditRecord> allAuditRecords(ListAuditRecordsRequest request) {
        return new Pages<>(
                request.getPageToken(),
                token -> listAuditRecords(request.toBuilder().setPageToken(token).build()),
                ListAuditRecordsResponse::getRecordsList,
                ListAuditRecordsResponse::getNextPageToken);
    }

    /** Returns the items of all pages of {@link #listSecretDeliveries}, starting with the page that the request names. */
    public Pages<ListSecretDeliveriesResponse, SecretDelivery> allSecretDeliveries(ListSecretDeliveriesRequest request) {
        return new Pages<>(
                request.getPageToken(),
                token -> listSecretDeliveries(request.toBuilder().setPageToken(token).build()),
                ListSecretDeliveriesResponse::getDeliveriesList,
                ListSecretDeliveriesResponse::getNextPageToken);
    }
}
