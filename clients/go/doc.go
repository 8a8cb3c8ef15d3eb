// Package keyway calls a Keyway gateway, which keeps TLS certificates, keys and secrets behind one contract.
//
// [Dial] gives a [Client]: the generated stubs of package keywayv1, over a connection that has a default deadline, repeats
// what is safe to repeat, and turns failures into an [Error] that says the reason. Package envelope seals data of any
// size with a key that only the gateway can unlock again.
package keyway
