// First_call encrypts and decrypts with a key of the gateway. Start the gateway with `make run`.
package main

import (
	"context"
	"fmt"
	"log"

	keyway "keyway.dev/clients/go"
	keywayv1 "keyway.dev/clients/go/keyway/v1"
)

func main() {
	client, err := keyway.Dial("127.0.0.1:50051", keyway.WithPlaintext())
	if err != nil {
		log.Fatal(err)
	}
	defer client.Close()

	ctx := context.Background()
	name := "providers/nhn-keys/keys/orders-key"
	sealed, err := client.Keys.Encrypt(ctx, &keywayv1.EncryptRequest{Name: name, Plaintext: []byte("order 42")})
	if err != nil {
		log.Fatal(err)
	}
	opened, err := client.Keys.Decrypt(ctx, &keywayv1.DecryptRequest{Name: name, Ciphertext: sealed.GetCiphertext()})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%s with version %d\n", opened.GetPlaintext(), opened.GetKeyVersion())
}
