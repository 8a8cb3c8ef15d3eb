/** Iteration over the items of the list methods. Generated from protos/ by `make generate`; do not edit. */
import type { CallOptions, Calls } from "../calls.js";
import { items, pages } from "../pages.js";
import type { Request } from "../services.js";
import type { AuditRecord } from "./keyway/v1/audit_record_pb.js";
import type { AuditService } from "./keyway/v1/audit_service_pb.js";
import type { SecretDelivery } from "./keyway/v1/audit_service_pb.js";
import type { Certificate } from "./keyway/v1/certificate_pb.js";
import type { CertificateService } from "./keyway/v1/certificate_service_pb.js";
import type { Provider } from "./keyway/v1/provider_pb.js";
import type { ProviderService } from "./keyway/v1/provider_service_pb.js";

/** The part of the client that iterates over list methods. */
export abstract class Lists {
  abstract readonly audit: Calls<typeof AuditService>;
  abstract readonly certificates: Calls<typeof CertificateService>;
  abstract readonly providers: Calls<typeof ProviderService>;

  /** Yields the audit records of all pages. Use `pages` to read the other fields of a page. */
  listAuditRecords(
    request: Request<(typeof AuditService)["method"]["listAuditRecords"]> = { parent: "auditLogs/-" },
    options?: CallOptions,
  ): AsyncGenerator<AuditRecord, void, undefined> {
    return items(pages(this.audit.listAuditRecords, request, options), (page) => page.records);
  }

  /** Yields the secret deliveries of all pages. Use `pages` to read the other fields of a page. */
  listSecretDeliveries(
    request: Request<(typeof AuditService)["method"]["listSecretDeliveries"]> = { parent: "auditLogs/-" },
    options?: CallOptions,
  ): AsyncGenerator<SecretDelivery, void, undefined> {
    return items(pages(this.audit.listSecretDeliveries, request, options), (page) => page.deliveries);
  }

  /** Yields the certificates of all pages. Use `pages` to read the other fields of a page. */
  listCertificates(
    request: Request<(typeof CertificateService)["method"]["listCertificates"]> = { parent: "providers/-" },
    options?: CallOptions,
  ): AsyncGenerator<Certificate, void, undefined> {
    return items(pages(this.certificates.listCertificates, request, options), (page) => page.certificates);
  }

  /** Yields the providers of all pages. Use `pages` to read the other fields of a page. */
  listProviders(
    request: Request<(typeof ProviderService)["method"]["listProviders"]> = {},
    options?: CallOptions,
  ): AsyncGenerator<Provider, void, undefined> {
    return items(pages(this.providers.listProviders, request, options), (page) => page.providers);
  }
}
