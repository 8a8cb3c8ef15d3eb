package keyway

import (
	"context"
	"iter"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"

	keywayv1 "keyway.dev/clients/go/keyway/v1"
)

// AllCertificates iterates over the certificates of all pages. It requests each page only when needed. The first error
// ends the iteration. Use [Client.CertificatePages] to read the unreachable providers.
func (c *Client) AllCertificates(
	ctx context.Context, request *keywayv1.ListCertificatesRequest, options ...grpc.CallOption,
) iter.Seq2[*keywayv1.Certificate, error] {
	return items(c.CertificatePages(ctx, request, options...), (*keywayv1.ListCertificatesResponse).GetCertificates)
}

// CertificatePages iterates over the pages.
func (c *Client) CertificatePages(
	ctx context.Context, request *keywayv1.ListCertificatesRequest, options ...grpc.CallOption,
) iter.Seq2[*keywayv1.ListCertificatesResponse, error] {
	return pages(request.GetPageToken(), func(token string) (*keywayv1.ListCertificatesResponse, error) {
		return c.Certificates.ListCertificates(ctx, onPage(request, func(r *keywayv1.ListCertificatesRequest) { r.PageToken = token }), options...)
	})
}

// AllProviders iterates over the providers of all pages, like [Client.AllCertificates].
func (c *Client) AllProviders(
	ctx context.Context, request *keywayv1.ListProvidersRequest, options ...grpc.CallOption,
) iter.Seq2[*keywayv1.Provider, error] {
	return items(c.ProviderPages(ctx, request, options...), (*keywayv1.ListProvidersResponse).GetProviders)
}

// ProviderPages iterates over the pages.
func (c *Client) ProviderPages(
	ctx context.Context, request *keywayv1.ListProvidersRequest, options ...grpc.CallOption,
) iter.Seq2[*keywayv1.ListProvidersResponse, error] {
	return pages(request.GetPageToken(), func(token string) (*keywayv1.ListProvidersResponse, error) {
		return c.Providers.ListProviders(ctx, onPage(request, func(r *keywayv1.ListProvidersRequest) { r.PageToken = token }), options...)
	})
}

type page interface{ GetNextPageToken() string }

// onPage returns a changed copy of a request, so that the caller can use it again. A nil request has default values.
func onPage[R proto.Message](request R, set func(R)) R {
	turned, _ := request.ProtoReflect().New().Interface().(R)
	proto.Merge(turned, request)
	set(turned)
	return turned
}

func pages[P page](first string, fetch func(token string) (P, error)) iter.Seq2[P, error] {
	return func(yield func(P, error) bool) {
		for token, more := first, true; more; more = token != "" {
			page, err := fetch(token)
			if !yield(page, err) || err != nil {
				return
			}
			token = page.GetNextPageToken()
		}
	}
}

func items[P, T any](pages iter.Seq2[P, error], of func(P) []T) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		for page, err := range pages {
			if err != nil {
				var none T
				yield(none, err)
				return
			}
			for _, item := range of(page) {
				if !yield(item, nil) {
					return
				}
			}
		}
	}
}
