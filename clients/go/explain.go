package keyway

import (
	"context"
	"errors"
	"io"
	"regexp"
	"strings"
	"sync/atomic"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
)

// Sentence returns the sentence of the problem: the cause, a colon, and the fix.
func (p Problem) Sentence() string { return sentences[p] }

// fix returns the part of the sentence that states what to do.
func (p Problem) fix() string {
	_, fix, _ := strings.Cut(sentences[p], ": ")
	return fix
}

// texts are messages of gRPC and of the TLS library. The first match applies.
var texts = []struct {
	text    *regexp.Regexp
	problem Problem
}{
	{regexp.MustCompile(`connection refused|actively refused|dial unix .*no such file`), ProblemRefused},
	{regexp.MustCompile(`no such host|produced zero addresses|no children to pick from`), ProblemUnresolved},
	{regexp.MustCompile(`no route to host|network is unreachable`), ProblemUnreachable},
	{regexp.MustCompile(`dialing: .*i/o timeout`), ProblemTimeout},
	{regexp.MustCompile(`first record does not look like a TLS handshake`), ProblemPlaintextRequired},
	{regexp.MustCompile(`has expired or is not yet valid: current time \S+ is before`), ProblemNotYetValid},
	{regexp.MustCompile(`has expired or is not yet valid`), ProblemExpired},
	{regexp.MustCompile(`certificate is (not )?valid for|contain any IP SANs|legacy Common Name`), ProblemHostName},
	{regexp.MustCompile(`failed to verify certificate`), ProblemUntrusted},
	{regexp.MustCompile(`missing selected ALPN property|looked like an HTTP/1`), ProblemNotHTTP2},
	{regexp.MustCompile(`handshake failed: context deadline exceeded`), ProblemSilent},
	{regexp.MustCompile(`handshake failed: (EOF|.*connection reset)`), ProblemTLSFailed},
}

// closed matches the messages for a connection that the server closes. With TLS 1.3, it does so if it rejects the client
// certificate.
var closed = regexp.MustCompile(`error reading server preface|remote error: tls: .*certificate|: EOF|broken pipe|connection reset`)

// explainer converts errors to *Error, and recognizes the problem of the connection. plaintext: the client does not use
// TLS. certificate: it has a client certificate.
type explainer struct {
	plaintext, certificate bool
	// answered: a server responded to a call, so a closed connection does not mean wrong settings.
	answered atomic.Bool
}

func (x *explainer) describeErrors(
	ctx context.Context, method string, request, reply any, cc *grpc.ClientConn, invoke grpc.UnaryInvoker, options ...grpc.CallOption,
) error {
	var trailers metadata.MD
	// Copy the options, because concurrent calls can share the slice of the caller.
	all := append(make([]grpc.CallOption, 0, len(options)+1), options...)
	err := invoke(ctx, method, request, reply, cc, append(all, grpc.Trailer(&trailers))...)
	if err == nil {
		x.answered.Store(true)
		return nil
	}
	return x.described(err, trailers)
}

func (x *explainer) describeStreamErrors(
	ctx context.Context, description *grpc.StreamDesc, cc *grpc.ClientConn, method string, streamer grpc.Streamer, options ...grpc.CallOption,
) (grpc.ClientStream, error) {
	stream, err := streamer(ctx, description, cc, method, options...)
	if err != nil {
		return nil, x.described(err, nil)
	}
	return &describedStream{stream, x}, nil
}

// describedStream is a stream that returns *Error.
type describedStream struct {
	grpc.ClientStream
	explainer *explainer
}

func (s *describedStream) RecvMsg(message any) error {
	err := s.ClientStream.RecvMsg(message)
	if err == nil {
		s.explainer.answered.Store(true)
	} else if !errors.Is(err, io.EOF) {
		err = s.explainer.described(err, s.Trailer())
	}
	return err
}

// described returns the error of a call. trailers: of its response, if any.
func (x *explainer) described(err error, trailers metadata.MD) *Error {
	described := FromError(err)
	described.complete(trailers)
	if len(trailers) > 0 {
		x.answered.Store(true) // by the gateway, or by a proxy in front of it, whose text can resemble a gRPC message
	} else {
		x.explain(described)
	}
	return described
}

// explain replaces the gRPC message with the sentence of the problem, if the problem is recognized.
func (x *explainer) explain(e *Error) {
	if e.Code != codes.Unavailable || e.Problem != "" {
		return
	}
	if problem := x.recognize(e.Message); problem != "" {
		e.Problem, e.Message = problem, problem.Sentence()
	}
}

func (x *explainer) recognize(text string) Problem {
	for _, known := range texts {
		if known.text.MatchString(text) {
			return known.problem
		}
	}
	switch {
	case x.answered.Load() || !closed.MatchString(text):
		return ""
	case x.plaintext:
		return ProblemTLSRequired
	case x.certificate:
		return ProblemClientCertificateRejected
	}
	return ProblemClientCertificateMissing
}
