package dev.keyway;

import dev.keyway.v1.Certificate;
import dev.keyway.v1.CertificateServiceGrpc.CertificateServiceBlockingStub;
import dev.keyway.v1.CheckCertificateRequest;
import dev.keyway.v1.CheckCertificateResponse;
import dev.keyway.v1.CreateCertificateRequest;
import dev.keyway.v1.CreateCertificateResponse;
import dev.keyway.v1.DeleteCertificateRequest;
import dev.keyway.v1.DeleteCertificateResponse;
import dev.keyway.v1.DeleteTrustedAuthorityRequest;
import dev.keyway.v1.DeleteTrustedAuthorityResponse;
import dev.keyway.v1.DownloadCertificateRequest;
import dev.keyway.v1.DownloadCertificateResponse;
import dev.keyway.v1.GetCertificateRequest;
import dev.keyway.v1.GetCertificateResponse;
import dev.keyway.v1.GetCertificateSigningRequestRequest;
import dev.keyway.v1.GetCertificateSigningRequestResponse;
import dev.keyway.v1.GetTrustedAuthorityRequest;
import dev.keyway.v1.GetTrustedAuthorityResponse;
import dev.keyway.v1.ImportCertificateRequest;
import dev.keyway.v1.ImportCertificateResponse;
import dev.keyway.v1.ImportTrustedAuthorityRequest;
import dev.keyway.v1.ImportTrustedAuthorityResponse;
import dev.keyway.v1.InstallSignedCertificateRequest;
import dev.keyway.v1.InstallSignedCertificateResponse;
import dev.keyway.v1.ListCertificatesRequest;
import dev.keyway.v1.ListCertificatesResponse;
import dev.keyway.v1.ListTrustedAuthoritiesRequest;
import dev.keyway.v1.ListTrustedAuthoritiesResponse;
import dev.keyway.v1.UploadCertificateRequest;
import dev.keyway.v1.UploadCertificateResponse;

/**
 * Manages the certificates and the trust stores of all configured providers.
 *
 * <p>Each call blocks its thread. A failed call throws {@link KeywayException}.
 *
 * <p>Generated from protos/ by {@code make generate}; do not edit.
 */
public final class CertificateService extends ServiceCalls<CertificateServiceBlockingStub, CertificateService> {
    CertificateService(CertificateServiceBlockingStub stub) {
        super(stub);
    }

    @Override
    CertificateService with(CertificateServiceBlockingStub stub) {
        return new CertificateService(stub);
    }

    /** Lists certificates. */
    public ListCertificatesResponse listCertificates(ListCertificatesRequest request) {
        return call(() -> stub().listCertificates(request));
    }

    /** Returns one certificate, expired or not. */
    public GetCertificateResponse getCertificate(GetCertificateRequest request) {
        return call(() -> stub().getCertificate(request));
    }

    /** Checks whether a certificate exists, expired or not. */
    public CheckCertificateResponse checkCertificate(CheckCertificateRequest request) {
        return call(() -> stub().checkCertificate(request));
    }

    /** Creates a key pair, a self-signed certificate, and a certificate signing request for it. */
    public CreateCertificateResponse createCertificate(CreateCertificateRequest request) {
        return call(() -> stub().createCertificate(request));
    }

    /** Deletes a certificate with its private key and its signing request. */
    public DeleteCertificateResponse deleteCertificate(DeleteCertificateRequest request) {
        return call(() -> stub().deleteCertificate(request));
    }

    /** Uploads the file of a registered certificate. */
    public UploadCertificateResponse uploadCertificate(UploadCertificateRequest request) {
        return call(() -> stub().uploadCertificate(request));
    }

    /** Downloads a certificate with its chain and, if the request sets {@code include_private_key}, its private key. */
    public DownloadCertificateResponse downloadCertificate(DownloadCertificateRequest request) {
        return call(() -> stub().downloadCertificate(request));
    }

    /** Imports a certificate and its private key from a key store file. */
    public ImportCertificateResponse importCertificate(ImportCertificateRequest request) {
        return call(() -> stub().importCertificate(request));
    }

    /** Returns the certificate signing request of a certificate. */
    public GetCertificateSigningRequestResponse getCertificateSigningRequest(GetCertificateSigningRequestRequest request) {
        return call(() -> stub().getCertificateSigningRequest(request));
    }

    /** Replaces the self-signed certificate with the certificate that a certificate authority signed. */
    public InstallSignedCertificateResponse installSignedCertificate(InstallSignedCertificateRequest request) {
        return call(() -> stub().installSignedCertificate(request));
    }

    /** Lists all authorities of a trust store, on one page. */
    public ListTrustedAuthoritiesResponse listTrustedAuthorities(ListTrustedAuthoritiesRequest request) {
        return call(() -> stub().listTrustedAuthorities(request));
    }

    /** Returns one authority with all its fields. */
    public GetTrustedAuthorityResponse getTrustedAuthority(GetTrustedAuthorityRequest request) {
        return call(() -> stub().getTrustedAuthority(request));
    }

    /** Adds the authorities in a file to a trust store. */
    public ImportTrustedAuthorityResponse importTrustedAuthority(ImportTrustedAuthorityRequest request) {
        return call(() -> stub().importTrustedAuthority(request));
    }

    /** Removes an authority from a trust store. */
    public DeleteTrustedAuthorityResponse deleteTrustedAuthority(DeleteTrustedAuthorityRequest request) {
        return call(() -> stub().deleteTrustedAuthority(request));
    }

    /** Returns the items of all pages of {@link #listCertificates}, starting with the page that the request names. */
    public Pages<ListCertificatesResponse, Certificate> allCertificates(ListCertificatesRequest request) {
        return new Pages<>(
                request.getPageToken(),
                token -> listCertificates(request.toBuilder().setPageToken(token).build()),
                ListCertificatesResponse::getCertificatesList,
                ListCertificatesResponse::getNextPageToken);
    }
}
