// Package keyway is the client of Keyway, a gRPC gateway to certificate and key services.
//
// [Dial] returns a [Client]: the generated stubs of package keywayv1, over a connection with a default deadline, retries
// of idempotent calls, and errors of type [Error]. Package envelope seals data of any size with data keys that only the
// gateway can decrypt.
package keyway
