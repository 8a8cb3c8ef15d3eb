package keyway_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"strings"

	keyway "keyway.dev/clients/go"
	keywayv1 "keyway.dev/clients/go/keyway/v1"
)

// Mutual TLS with gateways at two addresses.
func ExampleDial() {
	client, err := keyway.Dial(
		"keyway-1.example.org:50051,keyway-2.example.org:50051",
		keyway.WithTLS("gateway-ca.pem"),
		keyway.WithMTLS("orders.pem", "orders.key"),
		keyway.WithHealthChecking(),
	)
	if err != nil {
		return
	}
	defer client.Close()
}

// A token file that another program renews, such as Kubernetes. The client reads it for each call.
func ExampleWithBearerToken() {
	client, err := keyway.Dial("keyway.example.org:50051", keyway.WithBearerToken(func(context.Context) (string, error) {
		token, err := os.ReadFile("/var/run/secrets/tokens/keyway")
		return strings.TrimSpace(string(token)), err
	}))
	if err != nil {
		return
	}
	defer client.Close()
}

func ExampleError() {
	client, err := keyway.Dial("127.0.0.1:50051", keyway.WithPlaintext())
	if err != nil {
		return
	}
	defer client.Close()
	_, err = client.Keys.GetSecret(context.Background(), &keywayv1.GetSecretRequest{Name: "providers/nhn-keys/secrets/none"})
	var failure *keyway.Error
	switch {
	case keyway.HasReason(err, keywayv1.ErrorReason_ERROR_REASON_KEY_NOT_FOUND):
		fmt.Println("the secret does not exist")
	case errors.As(err, &failure) && failure.Retryable:
		fmt.Println("a retry is safe after", failure.RetryDelay)
	case errors.As(err, &failure):
		fmt.Println(failure.Code, failure.Reason, failure.Metadata, failure.Violations, failure.RequestID, failure.Receipt)
	}
}

func ExampleClient_AllCertificates() {
	client, err := keyway.Dial("127.0.0.1:50051", keyway.WithPlaintext())
	if err != nil {
		return
	}
	defer client.Close()
	print := func(ctx context.Context) error {
		request := &keywayv1.ListCertificatesRequest{Parent: "providers/-"}
		for certificate, err := range client.AllCertificates(ctx, request) {
			if err != nil {
				return err
			}
			fmt.Println(certificate.GetName(), certificate.GetExpirationDate())
		}
		return nil
	}
	if err := print(context.Background()); err != nil {
		fmt.Println(err)
	}
}

// Report renewals until the program is interrupted.
func ExampleClient_WatchCertificates() {
	client, err := keyway.Dial("127.0.0.1:50051", keyway.WithPlaintext())
	if err != nil {
		return
	}
	defer client.Close()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	request := &keywayv1.WatchCertificatesRequest{Parent: "providers/nhn-certs"}
	for event, err := range client.WatchCertificates(ctx, request) {
		if err != nil {
			fmt.Println(err)
			return
		}
		if event.GetType() == keywayv1.CertificateEventType_CERTIFICATE_EVENT_TYPE_RENEWED {
			fmt.Println(event.GetName(), "expires on", event.GetCertificate().GetExpirationDate())
		}
	}
}
