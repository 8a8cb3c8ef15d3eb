package dev.keyway;

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
 * Certificates of every provider.
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

    /** Lists certificates, ordered by provider, then as the provider lists them. */
    public ListCertificatesResponse listCertificates(ListCertificatesRequest request) {
        return call(() -> stub().listCertificates(request));
    }

    /** Returns one certificate, expired or not. */
    public GetCertificateResponse getCertificate(GetCertificateRequest request) {
        return call(() -> stub().getCertificate(request));
    }

    /** Says whether a certificate exists, expired or not, without a password. */
    public CheckCertificateResponse checkCertificate(CheckCertificateRequest request) {
        return call(() -> stub().checkCertificate(request));
    }

    /** Makes a key pair, a self-signed certificate and a signing request for it. */
    public CreateCertificateResponse createCertificate(CreateCertificateRequest request) {
        return call(() -> stub().createCertificate(request));
    }

    /** Deletes a certificate with its key and signing request. */
    public DeleteCertificateResponse deleteCertificate(DeleteCertificateRequest request) {
        return call(() -> stub().deleteCertificate(request));
    }

    /** Uploads the file of a certificate that is registered; a file that is there is replaced. */
    public UploadCertificateResponse uploadCertificate(UploadCertificateRequest request) {
        return call(() -> stub().uploadCertificate(request));
    }

    /** Downloads a certificate with its chain and, where asked and allowed, its private key. */
    public DownloadCertificateResponse downloadCertificate(DownloadCertificateRequest request) {
        return call(() -> stub().downloadCertificate(request));
    }

    /** Stores a certificate and its private key from a key store file. */
    public ImportCertificateResponse importCertificate(ImportCertificateRequest request) {
        return call(() -> stub().importCertificate(request));
    }

    /** Returns the signing request of a certificate, to be sent to an authority. */
    public GetCertificateSigningRequestResponse getCertificateSigningRequest(GetCertificateSigningRequestRequest request) {
        return call(() -> stub().getCertificateSigningRequest(request));
    }

    /** Puts the certificate that an authority signed in the place of the self-signed one. */
    public InstallSignedCertificateResponse installSignedCertificate(InstallSignedCertificateRequest request) {
        return call(() -> stub().installSignedCertificate(request));
    }

    /** Lists all authorities of a trust store, on one page. */
    public ListTrustedAuthoritiesResponse listTrustedAuthorities(ListTrustedAuthoritiesRequest request) {
        return call(() -> stub().listTrustedAuthorities(request));
    }

    /** Returns one authority with every field. */
    public GetTrustedAuthorityResponse getTrustedAuthority(GetTrustedAuthorityRequest request) {
        return call(() -> stub().getTrustedAuthority(request));
    }

    /** Adds the authorities of a file to a trust store. */
    public ImportTrustedAuthorityResponse importTrustedAuthority(ImportTrustedAuthorityRequest request) {
        return call(() -> stub().importTrustedAuthority(request));
    }

    /** Removes an authority from a trust store. */
    public DeleteTrustedAuthorityResponse deleteTrustedAuthority(DeleteTrustedAuthorityRequest request) {
        return call(() -> stub().deleteTrustedAuthority(request));
    }
}
