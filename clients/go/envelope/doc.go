// Package envelope seals data of any size with a data key from the gateway, and opens it again. The plaintext never leaves
// the program, and only the gateway's upstream can decrypt the data key.
//
// All Keyway clients share the format: AES-256-GCM in segments, with constant memory and verification before release.
// Associated data is not part of the envelope, but required to open it. Use information that the reader knows, such as a
// path or an order number; an envelope in the wrong place then cannot be opened.
package envelope
