package envelope

import (
	"context"
	"io"
	"os"
	"path/filepath"
)

// SealFile seals the file source into the file target, which appears only when it is complete. Only its owner may read it.
func (s *Sealer) SealFile(ctx context.Context, target, source string, associatedData []byte) error {
	return convert(target, source, func(out io.Writer, in io.Reader) error {
		return s.Copy(ctx, out, in, associatedData)
	})
}

// OpenFile opens the file source into the file target, which appears only when all of it has verified. Only its owner may
// read it.
func (o *Opener) OpenFile(ctx context.Context, target, source string, associatedData []byte) error {
	return convert(target, source, func(out io.Writer, in io.Reader) error {
		r, err := o.NewReader(ctx, in, associatedData)
		if err != nil {
			return err
		}
		_, err = r.WriteTo(out)
		return err
	})
}

// convert writes beside the target and gives the file its name at the end.
func convert(target, source string, work func(io.Writer, io.Reader) error) (err error) {
	in, err := os.Open(source)
	if err != nil {
		return err
	}
	defer func() { _ = in.Close() }()
	out, err := os.CreateTemp(filepath.Dir(target), ".keyway-*")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			_ = out.Close()
			_ = os.Remove(out.Name())
		}
	}()
	if err := work(out, in); err != nil {
		return err
	}
	// A crash must not leave the name with less than all behind it.
	if err := out.Sync(); err != nil {
		return err
	}
	if err := out.Close(); err != nil {
		return err
	}
	return os.Rename(out.Name(), target)
}
