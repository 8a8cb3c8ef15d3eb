// Keyway-conformance is the conformance runner of the Go client.
//
//	keyway-conformance cases                     run the cases; print one line of JSON per case
//	keyway-conformance seal KEY AAD_HEX          seal the standard input
//	keyway-conformance open AAD_HEX              open the standard input; write nothing unless the whole envelope is verified
//	keyway-conformance open-all LIST             open many envelopes: each line is ENVELOPE OUTPUT AAD_HEX (- for none)
//	keyway-conformance connect LIST              make the first call over each connection of a list; print its error as JSON
//	keyway-conformance bench seal FILE           print bytes per second of sealing and of AES-256-GCM alone
//
// KEYWAY_SANDBOX names the file with the line of JSON from the sandbox, KEYWAY_CASES the file with the cases as JSON.
package main

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"strings"

	keyway "keyway.dev/clients/go"
	"keyway.dev/clients/go/envelope"
)

var errUsage = errors.New("usage: keyway-conformance cases | seal KEY AAD_HEX | open AAD_HEX | open-all LIST | connect LIST | bench seal FILE")

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	err := run(ctx, os.Args[1:])
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(ctx context.Context, arguments []string) error {
	command := ""
	if len(arguments) > 0 {
		command = arguments[0]
	}
	switch {
	case command == "" || command == "cases" && len(arguments) == 1:
		return runCases(ctx, os.Stdout)
	case command == "seal" && len(arguments) == 3:
		return seal(ctx, arguments[1], arguments[2])
	case command == "open" && len(arguments) == 2:
		return open(ctx, arguments[1])
	case command == "open-all" && len(arguments) == 2:
		return openAll(ctx, arguments[1], os.Stdout)
	case command == "connect" && len(arguments) == 2:
		return connectAll(ctx, arguments[1], os.Stdout)
	case command == "bench" && len(arguments) == 3 && arguments[1] == "seal":
		return bench(ctx, arguments[2], os.Stdout)
	}
	return errUsage
}

func seal(ctx context.Context, key, associated string) error {
	return withKeys(associated, func(client *keyway.Client, associatedData []byte) error {
		return envelope.NewSealer(client.Keys, key).Copy(ctx, os.Stdout, os.Stdin, associatedData)
	})
}

// open buffers the plaintext in a file, so that it writes nothing for an invalid envelope.
func open(ctx context.Context, associated string) error {
	return withKeys(associated, func(client *keyway.Client, associatedData []byte) error {
		reader, err := envelope.NewOpener(client.Keys).NewReader(ctx, os.Stdin, associatedData)
		if err != nil {
			return err
		}
		folder, err := os.MkdirTemp("", "keyway-conformance-")
		if err != nil {
			return err
		}
		defer func() { _ = os.RemoveAll(folder) }()
		held, err := os.OpenFile(filepath.Join(folder, "plaintext"), os.O_CREATE|os.O_EXCL|os.O_RDWR, 0o600)
		if err != nil {
			return err
		}
		defer func() { _ = held.Close() }()
		if _, err := reader.WriteTo(held); err != nil {
			return err
		}
		if _, err := held.Seek(0, io.SeekStart); err != nil {
			return err
		}
		_, err = io.Copy(os.Stdout, held)
		return err
	})
}

// openAll prints the result for each line of the list. It creates no output for an envelope that is not opened.
func openAll(ctx context.Context, list string, results io.Writer) error {
	lines, err := os.ReadFile(list)
	if err != nil {
		return err
	}
	return withKeys("", func(client *keyway.Client, _ []byte) error {
		for line := range strings.Lines(string(lines)) {
			fields := strings.Fields(line)
			if len(fields) != 3 {
				return errUsage
			}
			associatedData, err := hex.DecodeString(strings.TrimPrefix(fields[2], "-"))
			if err != nil {
				return fmt.Errorf("associated data: %w", err)
			}
			result := "opened"
			if err := openFile(ctx, client, fields[0], fields[1], associatedData); errors.Is(err, envelope.ErrRefused) {
				result = "refused"
			} else if err != nil {
				result = "failed"
			}
			if _, err := fmt.Fprintln(results, result); err != nil {
				return err
			}
		}
		return nil
	})
}

func openFile(ctx context.Context, client *keyway.Client, source, target string, associatedData []byte) (err error) {
	sealed, err := os.Open(source)
	if err != nil {
		return err
	}
	defer func() { _ = sealed.Close() }()
	reader, err := envelope.NewOpener(client.Keys).NewReader(ctx, sealed, associatedData)
	if err != nil {
		return err
	}
	opened, err := os.OpenFile(target, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer func() {
		err = errors.Join(err, opened.Close())
		if err != nil {
			_ = os.Remove(target)
		}
	}()
	_, err = reader.WriteTo(opened)
	return err
}

func withKeys(associated string, work func(*keyway.Client, []byte) error) error {
	associatedData, err := hex.DecodeString(associated)
	if err != nil {
		return fmt.Errorf("associated data: %w", err)
	}
	sandbox, err := readSandbox()
	if err != nil {
		return err
	}
	client, err := keyway.Dial(sandbox.Plain, keyway.WithPlaintext())
	if err != nil {
		return err
	}
	defer func() { _ = client.Close() }()
	return work(client, associatedData)
}
