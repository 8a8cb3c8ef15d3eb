package envelope_test

import (
	"context"
	"fmt"

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
	// One of each for a program: the sealer asks for a new data key only now and then.
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

// Files of any size take no more memory than small ones.
func ExampleSealer_SealFile() {
	client, err := keyway.Dial("127.0.0.1:50051", keyway.WithPlaintext())
	if err != nil {
		return
	}
	defer client.Close()

	const key = "providers/nhn-keys/keys/orders-key"
	ctx, name := context.Background(), []byte("orders.csv")
	if err := envelope.NewSealer(client.Keys, key).SealFile(ctx, "orders.csv.keyway", "orders.csv", name); err != nil {
		return
	}
	if err := envelope.NewOpener(client.Keys).OpenFile(ctx, "opened.csv", "orders.csv.keyway", name); err != nil {
		return
	}
}
