// Package envelope seals data of any size with a data key that the gateway makes, and opens it again. The data itself
// never leaves the program unsealed; the gateway's upstream alone can unlock the data key.
//
// The format is that of all Keyway clients: AES-256-GCM in segments, so that memory stays constant and no byte is given
// out before it has been verified. Associated data is bound to the envelope without being in it: give a reader what it
// knows of the content anyway, such as its path or the order's number, and an envelope put in another's place won't open.
package envelope
