package envelope_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	keyway "keyway.dev/clients/go"
	"keyway.dev/clients/go/envelope"
)

func ExampleSealer_Seal() {
	client, err := keyway.Dial("127.0.0.1:50051", keyway.WithPlaintext())
	if err != nil {
		return
	}
	defer client.Close()

	const key = "providers/nhn-keys/keys/orders-key"
	ctx, order := context.Background(), []byte("order 42")
	// Use one sealer and one opener for the whole program: the sealer reuses its data key.
	sealer := envelope.NewSealer(client.Keys, key)
	opener := envelope.NewOpener(client.Keys, envelope.WithExpectedKeys(key))

	sealed, err := sealer.Seal(ctx, []byte("two of those, please"), order)
	if err != nil {
		return
	}
	opened, err := opener.Open(ctx, sealed, order)
	if err != nil {
		return
	}
	fmt.Printf("%s\n", opened)
}

// The memory use is the same for all file sizes.
func ExampleSealer_SealFile() {
	client, err := keyway.Dial("127.0.0.1:50051", keyway.WithPlaintext())
	if err != nil {
		return
	}
	defer client.Close()

	const key = "providers/nhn-keys/keys/orders-key"
	sealer := envelope.NewSealer(client.Keys, key)
	opener := envelope.NewOpener(client.Keys, envelope.WithExpectedKeys(key))
	ctx, name := context.Background(), []byte("orders.csv")
	err = sealer.SealFile(ctx, "orders.csv.keyway", "orders.csv", name)
	if err != nil {
		return
	}
	err = opener.OpenFile(ctx, "opened.csv", "orders.csv.keyway", name)
	if err != nil {
		return
	}
}

// The writer seals its input and writes the envelope to the target.
func ExampleSealer_NewWriter() {
	client, err := keyway.Dial("127.0.0.1:50051", keyway.WithPlaintext())
	if err != nil {
		return
	}
	defer client.Close()

	ctx, order := context.Background(), []byte("order 42")
	sealer := envelope.NewSealer(client.Keys, "providers/nhn-keys/keys/orders-key")
	target, err := os.Create("letter.keyway")
	if err != nil {
		return
	}
	defer target.Close()
	writer, err := sealer.NewWriter(ctx, target, order)
	if err != nil {
		return
	}
	if _, err := io.Copy(writer, os.Stdin); err != nil {
		return // without Close, the output is not a complete envelope
	}
	if err := writer.Close(); err != nil {
		return
	}
}

// The reader returns verified data. The data is complete only if the reader ends without an error.
func ExampleOpener_NewReader() {
	client, err := keyway.Dial("127.0.0.1:50051", keyway.WithPlaintext())
	if err != nil {
		return
	}
	defer client.Close()

	ctx, order := context.Background(), []byte("order 42")
	opener := envelope.NewOpener(client.Keys)
	source, err := os.Open("letter.keyway")
	if err != nil {
		return
	}
	defer source.Close()
	reader, err := opener.NewReader(ctx, source, order)
	if err != nil {
		return
	}
	if _, err := io.Copy(os.Stdout, reader); errors.Is(err, envelope.ErrRefused) {
		fmt.Fprintln(os.Stderr, "what was printed is not the whole letter")
	}
}
