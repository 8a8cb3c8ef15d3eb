package keyway

import (
	"iter"

	"google.golang.org/protobuf/proto"
)

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
